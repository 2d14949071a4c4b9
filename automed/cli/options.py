"""Arguments and options that several verbs share: help, bounds and completion in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def complete_recipe(incomplete: str) -> list[tuple[str, str]]:
    """Shipped recipe names with their titles, recipe files and folders, for the shell's completion."""
    from automed.recipe import shipped

    names = [(name, title(path)) for name, path in shipped().items() if name.startswith(incomplete)]
    head, slash, start = incomplete.rpartition("/")
    folder = Path(head + slash) if slash else Path()
    if not folder.is_dir():
        return names
    files = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(start) and (start.startswith(".") or not path.name.startswith(".")):
            if path.is_dir():
                files.append((f"{head}{slash}{path.name}/", ""))
            elif path.suffix in (".yaml", ".yml"):
                files.append((f"{head}{slash}{path.name}", title(path)))
    return names + files


def title(path: Path) -> str:
    """The title of a recipe, read from its text; empty where there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    return next((line.partition(":")[2].strip().strip("'\"") for line in lines if line.startswith("title:")), "")


Recipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="A recipe file, or the name of one that comes with automed (automed recipe list).",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
RecipeOrRun = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE|RUN",
        help="A recipe file, the name of one that comes with automed, or the folder of a run to go on with.",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
Run = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="The folder of a run, its name below reports/, a recipe's name (its newest), or latest."
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A .keras file; or a run, for its best model: its folder, a recipe's name, or latest.",
        show_default=False,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="RECIPE",
        help="The recipe of the data, for a model away from its run or made by others.",
        autocompletion=complete_recipe,
        show_default=False,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one value of the recipe, as in --set search.minutes=2; may be given several times.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout; all else goes to stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show the result only.")]
Reports = Annotated[
    Path, typer.Option("--in", metavar="FOLDER", help="Where runs lie.", file_okay=False, show_default=True)
]
REPORTS = Path("reports")
