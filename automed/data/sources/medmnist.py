"""Source `medmnist`: a MedMNIST v2 set by name and size, fetched once and checked against its MD5.

Source: Yang et al. 2023, Scientific Data 10:41; files at doi.org/10.5281/zenodo.10519652. Licences differ by set.
"""

from __future__ import annotations

import csv
import logging
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pooch
from filelock import FileLock

from automed import runtime
from automed.data import digests
from automed.data.records import Records
from automed.data.sources import npz
from automed.errors import DataError
from automed.recipe import MedmnistData, Recipe
from automed.registry import nearest

_SECONDS = 60  # without an answer before the fetch is given up


@dataclass(frozen=True)
class Published:
    """One file of MedMNIST: `task` as the authors call it, `shape` of the splits, licence, checksum and address."""

    name: str
    size: int
    task: str
    classes: int
    licence: str
    md5: str
    url: str

    @property
    def file(self) -> str:
        """The published file name: breastmnist.npz, breastmnist_64.npz."""
        return f"{self.name}.npz" if self.size == 28 else f"{self.name}_{self.size}.npz"


def read(recipe: Recipe) -> Records:
    """Records of a MedMNIST set with its official splits; grades are classes, with an order if `data.task` says so.

    The file is looked for in `data.root` and in the cache before it is fetched.

    Raises:
        RecipeError: no such set or size; a set of volumes; `data.task` says one label a picture where there are
            several, or the reverse.
        DataError: a file with another MD5; no file and no network, with the place where it belongs.
    """
    published = find(recipe)
    return npz.records(recipe, _local(published, recipe))


def find(recipe: Recipe) -> Published:
    """The published file that `data.name` and `data.size` mean; raises RecipeError where there is none."""
    data = recipe.data
    assert isinstance(data, MedmnistData)
    known = catalogue()
    sizes = {one.size: one for one in known if one.name == data.name}
    if not sizes:
        names = list(dict.fromkeys(one.name for one in known))
        guess = nearest(data.name, names)
        hint = f"Did you mean {guess!r}?" if guess else f"Known: {', '.join(names)}."
        raise recipe.fail("data.name", f"names no MedMNIST set: {data.name!r}", hint=hint)
    _require_classifiable(recipe, next(iter(sizes.values())))
    if data.size not in sizes:
        raise recipe.fail("data.size", f"{data.size} is not published for {data.name}: {', '.join(map(str, sizes))}")
    return sizes[data.size]


def catalogue() -> list[Published]:
    """All published sets and sizes."""
    with (resources.files("automed.data") / "medmnist.csv").open(encoding="utf-8") as file:
        return [
            Published(
                name=row["name"],
                size=int(row["size"]),
                task=row["task"],
                classes=int(row["classes"]),
                licence=row["licence"],
                md5=row["md5"],
                url=row["url"],
            )
            for row in csv.DictReader(file)
        ]


def _require_classifiable(recipe: Recipe, published: Published) -> None:
    if published.name.endswith("3d"):
        flat = dict.fromkeys(one.name for one in catalogue() if not one.name.endswith("3d"))
        raise recipe.fail(
            "data.name",
            f"{published.name} holds volumes: it cannot be classified as images yet",
            hint=f"The flat sets are: {', '.join(flat)}",
        )
    several = published.task.startswith("multi-label")
    if several and recipe.data.task != "multilabel":
        what = f"{published.name} has {published.classes} findings a picture, several of which may be there at once"
        raise recipe.fail("data.task", f"must be multilabel: {what}")
    if not several and recipe.data.task == "multilabel":
        raise recipe.fail("data.task", f"is multilabel, but {published.name} has one label a picture")


def _local(published: Published, recipe: Recipe) -> Path:
    """Where the file lies, fetched if need be."""
    kept = runtime.cache_folder() / "medmnist" / published.file
    for place in (recipe.root / published.file, kept):
        if place.is_file():
            _require_md5(place, published)
            return place
    hint = f"Put {published.url} at {kept}"
    # pooch announces every fetch on stderr.
    logging.getLogger("pooch").setLevel(logging.WARNING)
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{kept}.lock"):
            fetched = pooch.retrieve(
                url=published.url,
                known_hash=f"md5:{published.md5}",
                fname=published.file,
                path=kept.parent,
                downloader=pooch.HTTPDownloader(timeout=_SECONDS),
            )
    except ValueError as problem:
        raise DataError(
            "what was fetched is not the published file (MD5)", where=published.file, hint=hint
        ) from problem
    except OSError as problem:
        raise DataError("is not here and could not be fetched", where=published.file, hint=hint) from problem
    return Path(fetched)


def _require_md5(place: Path, published: Published) -> None:
    found = digests.of([place], "md5")[0]
    if found != published.md5:
        raise DataError(
            f"has the MD5 {found}, published is {published.md5}",
            where=str(place),
            hint=f"Remove it, or replace it by {published.url}; a changed file can be read with source: npz.",
        )
