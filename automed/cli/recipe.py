"""The verbs `automed recipe ...`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from automed.cli import console, options


class Kind(StrEnum):
    """What `recipe new` can write an input for; Typer takes no list of literals."""

    image = "image"
    signal = "signal"
    events = "events"
    text = "text"
    sequence = "sequence"
    tabular = "tabular"


def new(
    kind: Annotated[
        list[Kind] | None,
        typer.Option(help="What a record holds; several times for several inputs. events: irregular observations."),
    ] = None,
    name: Annotated[
        str, typer.Option(help="The recipe's name: a letter, then letters, digits, - and _.", show_default=True)
    ] = "task",
    source: Annotated[
        Literal["table", "folder", "npz", "medmnist", "phantom", "sample"],
        typer.Option(help="Where the records come from."),
    ] = "table",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write to this file, which must not be there yet.", dir_okay=False),
    ] = None,
) -> None:
    """Write a recipe to start from, with a comment beside every key that
    has to be thought about.

    It is printed, or written to FILE with --out. It passes
    automed recipe check as it is; the data it names are yours to bring.

    [bold]Examples[/bold]

      automed recipe new
      automed recipe new --name breast --source npz --out breast.yaml
      automed recipe new --name icu --kind events --kind tabular
    """
    from automed.cli import template
    from automed.errors import UsageError
    from automed.run import write_text

    text = template.text(name, source, str(out) if out else f"{name}.yaml", [one.value for one in kind or [Kind.image]])
    _must_hold(text, name)
    if out is None:
        console.say(text.rstrip("\n"))
        return
    if out.exists():
        raise UsageError("is there already", where=str(out), hint="Choose another --out, or remove it first.")
    write_text(out, text)
    console.tell(f"wrote {out}; next: edit it, then automed recipe check {out}")


def check(recipe: options.Recipe, settings: options.Settings = None, json: options.Json = False) -> None:
    """Say whether a recipe can be run, and if not: which line, which key,
    what it holds and what was probably meant.

    Every key, type and bound is held against the schema, and every name of
    an architecture or baseline against the tables. The data are not read;
    automed data check does that. Exit code 2 means that the recipe is wrong.

    [bold]Examples[/bold]

      automed recipe check my.yaml
      automed recipe check skin --set search.trials=5
    """
    from automed import pipeline
    from automed.errors import RecipeError
    from automed.recipe import load
    from automed.recipe.load import digest
    from automed.runtime import environ

    loaded = load(recipe, settings or (), environ=environ())
    pipeline.check(loaded)
    missing = None
    try:
        root = loaded.root
        if loaded.data.source in ("table", "folder", "npz") and not root.exists():
            missing = f"data.root: {root} is not there"
    except RecipeError as problem:
        missing = problem.what
    if json:
        console.emit({"recipe": recipe, "name": loaded.name, "ok": True, "digest": digest(loaded), "note": missing})
        return
    console.say(f"{recipe}: ok")
    if missing:
        console.tell(f"note: {missing}; the recipe is right, the data cannot be read from here")


def show(recipe: options.Recipe, settings: options.Settings = None, json: options.Json = False) -> None:
    """Print a recipe with every default written out and every --set in place.

    The output is a recipe again. Paths stay as they are written.

    [bold]Examples[/bold]

      automed recipe show skin
      automed recipe show skin --set search.minutes=30 > longer.yaml
    """
    from automed.recipe import dump, load
    from automed.runtime import environ

    loaded = load(recipe, settings or (), environ=environ())
    if json:
        console.emit(loaded.model_dump(mode="json", by_alias=True))
        return
    console.say(dump(loaded).rstrip("\n"))


def schema() -> None:
    """Print the JSON schema of recipes.

    Editors check and complete a recipe with it while it is written.

    [bold]Examples[/bold]

      automed recipe schema > recipe.schema.json

      then, on top of a recipe:
      # yaml-language-server: $schema=recipe.schema.json
    """
    from automed.recipe import schema as made

    console.emit(made())


def list_(json: options.Json = False) -> None:
    """List the recipes that come with automed: name, title, the minutes they
    take and the score to expect.

    [bold]Examples[/bold]

      automed recipe list
      automed search skin
    """
    from automed.recipe import shipped

    rows = [
        {"name": name, "title": options.title(path), "about": _about(path), "file": str(path)}
        for name, path in shipped().items()
    ]
    if json:
        console.emit(rows)
        return
    table = console.table("recipe", "what it is", fold="what it is")
    for row in rows:
        table.add_row(row["name"], f"{row['title']}\n{row['about']}".strip())
    console.out().print(table)


def _about(path: Path) -> str:
    """The first comment of a recipe, without the command, which the name gives already."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(" ".join(line.lstrip("# ").split()))
    blank = lines.index("") if "" in lines else len(lines)
    return " ".join(line for line in lines[:blank] if "automed search" not in line)


def _must_hold(text: str, name: str) -> None:
    """Refuse a name that the schema refuses, before a file is written."""
    import tempfile

    from automed.errors import RecipeError, UsageError
    from automed.recipe import load

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "new.yaml"
        file.write_text(text, encoding="utf-8")
        try:
            load(file)
        except RecipeError as problem:
            what = problem.what[0].lower() + problem.what[1:]
            raise UsageError(f"--name {name!r} cannot be used: {what}") from None
