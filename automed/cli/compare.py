"""The verb `automed compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from automed.cli import console, options

PAGE = Path("comparison.html")


def compare(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...",
            help="Two or more runs: folders, names below reports/, or recipes' names (their newest).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Where the page goes.", dir_okay=False, show_default=True)
    ] = PAGE,
    folder: options.Reports = options.REPORTS,
    json: options.Json = False,
) -> None:
    """Put the best models of two or more runs on one page: figures side
    by side, verdicts on groups of patients, and what differs in recipes
    and versions.

    Runs that were tested on the same records are tested in pairs, the
    first against each other one, corrected for their number. Where the
    test records are not the same, the page says so and tests nothing.
    Nothing is trained, and nothing is written into a run.

    [bold]Examples[/bold]

      automed compare skin notes
      automed compare reports/skin/first reports/skin/second --out both.html
    """
    from automed import pipeline
    from automed.cli import runs

    found = pipeline.compare([runs.find(name, folder) for name in run], out)
    if json:
        console.emit({"page": str(found.page), **found.document})
        return
    _summarise(found.document)
    console.say(f"\n{found.sentence}")
    for one in found.document["met"]:
        console.say(one["sentence"])
    console.say(f"page  {found.page}")


def _summarise(document: dict[str, Any]) -> None:
    from automed.cli.runs import figure, interval

    table = console.table("model", "run", "macro-F1", "95 % interval", "groups", right=("macro-F1",), fold="run")
    for one in document["entrants"]:
        score = one["scores"].get("macro_f1", {"value": None, "ci95": None})
        table.add_row(
            f"{one['letter']}. {one['architecture']}",
            one["run"],
            figure(score["value"]),
            interval(score["ci95"]),
            one["audit"] or "not compared",
        )
    console.out().print(table)
