"""Read, override, check, dump and hash a recipe, with errors that name file, line, key and the nearest known key."""

from __future__ import annotations

import hashlib
import json
import os.path
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from automed.errors import RecipeError, UsageError
from automed.recipe.complaint import complain
from automed.recipe.inputs import SequenceInput, TextInput
from automed.recipe.part import expanded
from automed.recipe.schema import Lines, Recipe
from automed.registry import nearest

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def load(source: str | Path, overrides: Iterable[str] = (), *, environ: Mapping[str, str] | None = None) -> Recipe:
    """Read a recipe from a file, or by the name of one that ships with automed.

    Args:
        source: path of a YAML file, or a shipped name ("skin").
        overrides: "key.path=value" texts; the value is read as YAML.
        environ: where ${VARIABLE} in `data.root` is looked up.

    Raises:
        RecipeError: with file, line, key, the wrong value and the nearest known key.
    """
    path = find(source)
    shown = str(source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise RecipeError(f"cannot be read: {problem.__class__.__name__}", where=shown) from problem
    tree, lines = parse(text, shown)
    typed = [_override(tree, override) for override in overrides]
    for key in typed:
        lines = {name: line for name, line in lines.items() if not name.startswith(f"{key}.")}
        lines[key] = f"--set {key}"
    recipe = _validate(tree, shown, lines)
    recipe._file, recipe._lines = shown, lines
    for key, text in _paths(recipe):
        # What was typed in a shell starts where the shell stands; what was written in the file starts at the file.
        base = Path.cwd() if key in typed else path.resolve().parent
        recipe._places[key] = _resolve(text, base, environ or {})
    return recipe


def find(source: str | Path) -> Path:
    """The file that a path or a shipped name means."""
    return named(source, shipped(), "recipe")


def named(source: str | Path, known: Mapping[str, Path], what: str) -> Path:
    """The file that a path or one of the known names means.

    Args:
        source: what a person wrote.
        known: shipped files by their names.
        what: they are: recipe, suite.

    Raises:
        RecipeError: it is a folder, or nothing; the hint holds the nearest name.
    """
    path, name = expanded(source), str(source)
    if path.is_file():
        return path
    if name in known:
        return known[name]
    if path.is_dir():
        raise RecipeError(f"is a folder, not a {what}", where=name)
    guess = nearest(path.stem, known)
    hint = f"Did you mean {guess!r}? " if guess else ""
    raise RecipeError(f"no such {what}", where=name, hint=f"{hint}Shipped {what}s: {', '.join(known) or 'none'}.")


def shipped(below: str = "") -> dict[str, Path]:
    """The recipes that come with automed, by name, or what lies in a folder below them: inside the wheel, or beside the
    package in a checkout."""
    package = Path(str(resources.files("automed")))
    for folder in (package / "recipes", package.parent / "recipes"):
        if (folder / below).is_dir():
            return {file.stem: file for file in sorted((folder / below).glob("*.yaml"))}
    return {}


def dump(recipe: Recipe, *, resolved: bool = False) -> str:
    """The recipe as YAML with every default written out; `resolved` makes its paths absolute."""
    tree = recipe.model_dump(mode="json", by_alias=True)
    for key, place in recipe._places.items() if resolved else ():
        if isinstance(place, Path):
            *sections, name = key.split(".")
            part = tree
            for section in sections:
                part = part[section]
            part[name] = str(place)
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=100)


def digest(recipe: Recipe) -> str:
    """SHA-256 of the recipe's meaning as written: the same on every machine."""
    canonical = json.dumps(recipe.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def schema() -> dict[str, Any]:
    """The JSON schema of a recipe, for editors."""
    return Recipe.model_json_schema(by_alias=True)


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key that is written twice: YAML would keep the last in silence."""


def _mapping(loader: _Loader, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
    seen: set[str] = set()
    for key, _ in node.value:
        name = str(getattr(key, "value", key))
        if name in seen:
            raise yaml.constructor.ConstructorError(None, None, f"key {name!r} is written twice", key.start_mark)
        seen.add(name)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parse(text: str, shown: str) -> tuple[dict[str, Any], Lines]:
    """A YAML file's keys and the line of each; raises RecipeError where it is no mapping or a key is written twice.

    Args:
        text: of the file.
        shown: the file as the person named it.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        tree = loader.construct_document(node) if node is not None else None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"{shown}:{mark.line + 1}" if mark else shown
        raise RecipeError(f"is not valid YAML: {getattr(problem, 'problem', problem)}", where=where) from None
    finally:
        loader.dispose()
    if not isinstance(tree, dict):
        raise RecipeError("must be a mapping of keys (name, ...)", where=shown)
    return tree, dict(_lines(node))


def _lines(node: yaml.Node | None, prefix: str = "") -> Iterable[tuple[str, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            path = f"{prefix}{key.value}"
            yield path, key.start_mark.line + 1
            yield from _lines(value, path + ".")
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield f"{prefix}{position}", value.start_mark.line + 1
            yield from _lines(value, f"{prefix}{position}.")


def _override(tree: dict[str, Any], text: str) -> str:
    """Put "key.path=value" into the tree; returns the key."""
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not key:
        raise UsageError(f"--set {text!r} must read key=value", hint="For example --set search.minutes=2")
    try:
        parsed = yaml.safe_load(value) if value.strip() else None
    except yaml.YAMLError as problem:
        raise UsageError(f"--set {key}: the value is not valid YAML: {value!r}") from problem
    *parents, last = key.split(".")
    place: Any = tree
    for parent in parents:
        if place.get(parent) is None:
            place[parent] = {}
        place = place[parent]
        if not isinstance(place, dict):
            raise UsageError(f"--set {key}: {parent!r} is not a mapping")
    place[last] = parsed
    return key


def _validate(tree: dict[str, Any], shown: str, lines: Lines) -> Recipe:
    try:
        return Recipe.model_validate(tree)
    except ValidationError as problem:
        raise complain(problem, shown, lines) from None


def _paths(recipe: Recipe) -> Iterable[tuple[str, str]]:
    """Keys of the recipe that hold paths, with what is written there."""
    yield "data.root", recipe.data.root
    if recipe.pretrained.weights not in ("imagenet", "none"):
        yield "pretrained.weights", recipe.pretrained.weights
    for name, spec in recipe.inputs.items():
        if isinstance(spec, TextInput | SequenceInput) and spec.embeddings is not None:
            yield f"inputs.{name}.embeddings", spec.embeddings


def _resolve(text: str, base: Path, environ: Mapping[str, str]) -> Path | str:
    """An absolute path, or what is wrong with it (told when it is needed, so that `recipe show` works anywhere)."""
    missing = [name for name in _VARIABLE.findall(text) if not environ.get(name)]
    if missing:
        return f"needs the environment variable {missing[0]}, which is not set"
    started = _VARIABLE.match(text)
    # A relative folder in a variable was typed in a shell: it starts where the shell stands, not at the recipe.
    filled = _VARIABLE.sub(lambda match: environ[match.group(1)], text)
    anchor = Path.cwd() if started else base
    return Path(os.path.normpath(anchor / expanded(filled)))
