"""From a table's cells to image files: `path`, or a pattern such as `images/{image_id}.jpg`."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from string import Formatter

import numpy as np
import numpy.typing as npt

from automed.data.columns import name_rows
from automed.data.decode.images import EXTENSIONS
from automed.data.records import Files
from automed.errors import DataError
from automed.recipe import Recipe

_EXAMPLE = "images/{image_id}.jpg"
_LOOKED_AT = 50_000  # files looked through before the search for where the pictures may lie is given up
_SAMPLE = 20  # files whose absence says that the pattern is wrong


@dataclass(frozen=True)
class Pattern:
    """Where the files of one input lie: key of the recipe, pieces of (text, column or None), extensions to look for."""

    key: str
    pieces: tuple[tuple[str, str | None], ...]
    extensions: tuple[str, ...]

    @classmethod
    def parse(
        cls, recipe: Recipe, name: str, extensions: Collection[str] = EXTENSIONS, attribute: str = "column"
    ) -> Pattern:
        """The pattern of `inputs.<name>.column`, or of another key; a plain column name is a pattern of one piece.

        Raises:
            RecipeError: missing, or more than column names in braces.
        """
        key, column = f"inputs.{name}.{attribute}", getattr(recipe.inputs[name], attribute, None)
        if not column:
            raise recipe.fail(key, "is missing", hint=f"Name the column with the paths, or write {_EXAMPLE}")
        if "{" not in column and "}" not in column:
            return cls(key, (("", column),), tuple(extensions))
        try:
            pieces = list(Formatter().parse(column))
        except ValueError as problem:
            raise recipe.fail(key, f"is not a pattern: {problem}", hint=f"Write {_EXAMPLE}") from problem
        # Formats ({a:>3}) would be expressions in YAML.
        if any(form or conversion or field == "" for _, field, form, conversion in pieces):
            raise recipe.fail(key, "may hold column names in braces and nothing more", hint=f"Write {_EXAMPLE}")
        return cls(key, tuple((literal, field) for literal, field, _, _ in pieces), tuple(extensions))

    @property
    def fields(self) -> tuple[str, ...]:
        """The columns that the pattern reads."""
        return tuple(field for _, field in self.pieces if field)

    def files(
        self,
        recipe: Recipe,
        cells: Mapping[str, Sequence[str | None]],
        rows: npt.NDArray[np.int64],
        *,
        sparse: bool = False,
    ) -> Files:
        """One path a row; a name without an extension is completed from the folder, an empty cell gives `Path()`.

        Args:
            recipe: whose root the paths start at.
            cells: by column, n cells, None where one is empty.
            rows: int64 (n,), row numbers for messages.
            sparse: few of the files may be there, so that a sample cannot say that the pattern is wrong.

        Raises:
            DataError: names that fit several files, with row numbers.
            RecipeError: the pattern leads to no file at all; the hint says where such files lie.
        """
        root, folders = recipe.root, _Folders(self.extensions)
        paths: list[Path] = []
        twice: list[int] = []
        for number, row in enumerate(rows):
            values = [cells[field][number] if field else "" for _, field in self.pieces]
            if None in values:
                paths.append(Path())
                continue
            path = root / "".join(f"{literal}{value}" for (literal, _), value in zip(self.pieces, values, strict=True))
            if path.suffix.lower() not in self.extensions:
                found = folders.named(path)
                path = path.with_name(found[0]) if found else path
                if len(found) > 1:
                    twice.append(int(row))
            paths.append(path)
        if twice:
            what = f"{len(twice):,} names without an extension fit several files ({name_rows(twice)})"
            raise DataError(what, where=self.key, hint=f"Write the extension: {_EXAMPLE}")
        self._require_some(recipe, paths, len(paths) if sparse else _SAMPLE)
        return Files(tuple(paths))

    def _require_some(self, recipe: Recipe, paths: list[Path], most: int) -> None:
        sample = paths[:: -(-len(paths) // most)]
        if any(path.is_file() for path in sample):
            return
        hint = f"Paths start at {recipe.root}"
        names = {path.stem for path in sample}
        for file in islice(_walk(recipe.root), _LOOKED_AT):
            if file.stem in names:
                folder = file.parent.relative_to(recipe.root).as_posix()
                hint = f"Such names lie in {folder}/: write {folder}/{{{(self.fields or ('column',))[-1]}}}"
                break
        raise recipe.fail(self.key, f"leads to no file ({len(sample)} of {len(paths):,} looked for)", hint=hint)


class _Folders:
    """Names of image files by name without extension, each folder listed once."""

    def __init__(self, extensions: Collection[str]) -> None:
        self._extensions = extensions
        self._seen: dict[Path, dict[str, list[str]]] = {}

    def named(self, path: Path) -> list[str]:
        """The files in the folder of `path` that are its name, or its name and a known extension."""
        if path.parent not in self._seen:
            names: dict[str, list[str]] = {}
            if path.parent.is_dir():
                for file in sorted(path.parent.iterdir()):
                    known = file.suffix.lower() in self._extensions
                    names.setdefault(file.stem if known else file.name, []).append(file.name)
            self._seen[path.parent] = names
        return self._seen[path.parent].get(path.name, [])


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in files:
            yield Path(folder) / name
