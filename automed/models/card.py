"""A model in a file: a plain `.keras` archive that carries a card, automed.json, beside its weights."""

from __future__ import annotations

import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

from automed.errors import DataError, RunError

MEMBER = "automed.json"
LARGEST_TEXT = 64 * 2**20  # bytes of the card or the configuration: more is an attack, not a description


def save(model: Any, path: Path, card: dict[str, Any]) -> None:
    """Write `model` and `card` into one `.keras` file that plain Keras can open, whole or not at all.

    Args:
        model: of Keras layers only; an optimiser is not kept.
        path: ends in .keras; its folder exists.
        card: what JSON can hold: inputs, classes, preprocessing, threshold, temperature and the like.

    Raises:
        RunError: the folder cannot be written, or the disk is full; an earlier file is left as it was.
    """
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False)
    # In the same folder, because a file moves in one step only within a file system.
    draft = path.with_name(f".{path.stem}-{os.getpid()}.keras")
    try:
        model.save(draft)
        with zipfile.ZipFile(draft, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MEMBER, text)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as problem:
        raise RunError(f"the model cannot be written: {problem.strerror or problem}", where=str(path)) from problem
    finally:
        draft.unlink(missing_ok=True)


def load(path: Path) -> tuple[Any, dict[str, Any]]:
    """Open a `.keras` file without running any code that it may hold.

    Returns:
        The Keras model, not compiled, and its card; {} where another program wrote the file.

    Raises:
        DataError: no such file, not a Keras archive, or one with a Lambda layer or a class from outside Keras.
    """
    card = read_card(path)
    _refuse_code(path)
    import keras  # after the checks, which are quick and need none of it

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True), card
    except (ValueError, TypeError, KeyError, AttributeError, ImportError, OSError, zipfile.BadZipFile) as problem:
        raise DataError(
            f"Keras cannot open the model: {_first_line(problem)}",
            where=str(path),
            hint="The file is damaged, or was written by a newer Keras.",
        ) from problem


def read_card(path: Path) -> dict[str, Any]:
    """The card of a `.keras` file, read without Keras; {} where there is none. Raises DataError as `load` does."""
    text = _member(path, MEMBER)
    if text is None:
        return {}
    try:
        card = json.loads(text)
    except ValueError as problem:
        raise DataError(f"{MEMBER} in the archive is not JSON", where=str(path)) from problem
    if not isinstance(card, dict):
        raise DataError(f"{MEMBER} in the archive is not a mapping", where=str(path))
    return card


def _refuse_code(path: Path) -> None:
    text = _member(path, "config.json")
    try:
        configuration = json.loads(text or "")
    except ValueError as problem:
        raise DataError("is not a Keras model: config.json is missing or damaged", where=str(path)) from problem
    for layer, kind, module in _classes(configuration):
        if kind in ("Lambda", "__lambda__"):
            raise DataError(
                f"holds a Lambda layer ({layer}), which would run code from the file",
                where=str(path),
                hint="Refused. Ask its author for a model of standard layers; automed never writes a Lambda layer.",
            )
        if module and not re.fullmatch(r"(keras|builtins)(\..+)?", module):
            raise DataError(
                f"the layer {layer!r} is of a class from {module}, not from Keras",
                where=str(path),
                hint="Refused, because opening it would import that module.",
            )


def _classes(node: Any) -> list[tuple[str, str, str]]:
    """(name, class, module) of everything in a configuration that Keras would look up and call."""
    found: list[tuple[str, str, str]] = []
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "class_name" in item:
                inner = item.get("config")
                name = inner.get("name") if isinstance(inner, dict) else None
                found.append((str(name or "?"), str(item["class_name"]), str(item.get("module") or "")))
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def _member(path: Path, name: str) -> bytes | None:
    try:
        with zipfile.ZipFile(path) as archive:
            if name not in archive.namelist():
                return None
            if archive.getinfo(name).file_size > LARGEST_TEXT:
                raise DataError(f"{name} in the archive is larger than any description", where=str(path))
            return archive.read(name)
    except FileNotFoundError:
        raise DataError("no such model file", where=str(path)) from None
    except (OSError, zipfile.BadZipFile) as problem:
        raise DataError("is not a .keras file (a zip archive)", where=str(path)) from problem


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().partition("\n")[0][:200]
