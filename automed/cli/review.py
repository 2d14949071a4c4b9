"""The verb `automed review import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automed.cli import console, options


def import_(
    run: options.Run,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="What readers downloaded from the section Review of a report."),
    ],
    folder: options.Reports = options.REPORTS,
    json: options.Json = False,
) -> None:
    """Add the reviews of readers to a run, and render its pages again.

    Each file is checked: that it is a review of a model of this run and of
    the cases that its report shows, and that nobody changed it after it was
    downloaded. Where one is refused, none is stored. A reader who reviews
    again replaces the review that is there.

    The report then shows how far readers agree with each other, with the
    model and with the reference standard, before and after they saw the
    model's answer, and lines to sign.

    [bold]Examples[/bold]

      automed review import skin review-AB.json
      automed review import latest review-AB.json review-CD.json
    """
    from automed import pipeline
    from automed.cli import runs

    found = runs.find(run, folder)
    outcome = pipeline.import_reviews(found, files)
    if json:
        console.emit({"run": str(found.folder), "models": outcome.documents, "pages": list(outcome.pages)})
        return
    for sentence in outcome.told:
        console.say(sentence)
    for name, document in outcome.documents.items():
        count = len(document["reviews"])
        console.say(f"{name}: {count} of {max(count, outcome.expected)} reviews imported")
        _summarise(document["agreement"])
    for page in outcome.pages:
        console.say(f"page  {page}")


def _summarise(agreement: dict[str, object]) -> None:
    from typing import Any

    from rich.text import Text

    from automed.cli.runs import figure, interval

    table = console.table(
        "agreement (kappa)", "before", "95 % interval", "after", "95 % interval", fold="agreement (kappa)"
    )
    found: dict[str, Any] = agreement
    rows = [(" and ".join(pair["readers"]), pair) for pair in found["pairs"]]
    if found["fleiss"]:
        rows.append((f"all {len(found['fleiss']['readers'])} readers (Fleiss)", found["fleiss"]))
    for row in found["readers"]:
        rows.append((f"{row['reader']} and the model", row["model"]))
        if row["reference"]:
            rows.append((f"{row['reader']} and the reference standard", row["reference"]))
    for title, pair in rows:
        # Text, for what readers call themselves may look like markup.
        cells = [
            text for key in ("before", "after") for text in (figure(pair[key]["value"]), interval(pair[key]["ci95"]))
        ]
        table.add_row(Text(title), *cells)
    console.out().print(table)
