"""The verb `automed audit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automed.cli import console, options

if TYPE_CHECKING:
    from automed.pipeline import Auditing

WORDS = {"beyond": "beyond the limit", "within": "within the limit", "undecided": "could not be decided"}


def audit(
    model: options.Model,
    gap: Annotated[
        float | None,
        typer.Option("--gap", min=0.0, max=1.0, metavar="SHARE", help="The largest gap between groups to accept."),
    ] = None,
    min_group: Annotated[
        int | None, typer.Option("--min-group", min=1, metavar="N", help="Records that a group needs to be judged.")
    ] = None,
    data: options.Data = None,
    settings: options.Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where scores, evaluation and audit go, with --data.", file_okay=False),
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Leave with 4 where a gap is beyond the limit, 5 where one is undecided.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Hold a model against groups of patients: figures of each group,
    the gaps between them, and a verdict of each gap.

    Every sensitive column of the recipe is audited, and every crossing of
    two. Each figure has an interval; a group that is too small is not
    estimable, never fair. A gap is within the limit, beyond it, or could
    not be decided with these records.

    Beside its run a model is audited on the run's own predictions, in
    seconds, and its report is rendered again. Elsewhere --data names the
    recipe of the data, and the model is tested on its test records.

    [bold]Examples[/bold]

      automed audit skin
      automed audit model.keras --gap 0.05 --gate
      automed audit model.keras --data elsewhere.yaml
    """
    from automed import pipeline
    from automed.cli import steps
    from automed.errors import UsageError

    if data is None and out is not None:
        raise UsageError("--out belongs to --data", hint="Beside its run a model is audited there.")
    overrides = tuple(settings or ())
    overrides += (f"audit.gap={gap}",) if gap is not None else ()
    overrides += (f"audit.min_group={min_group}",) if min_group is not None else ()
    display = steps.display(json=json, quiet=quiet)
    with display:
        if data is not None:
            outcome = pipeline.audit_elsewhere(Path(model), steps.recipe(data, overrides), out, display.listen)
        else:
            run, finalist = steps.beside(model, "audit")
            outcome = pipeline.audit(run, finalist, overrides, display.listen)
    if json:
        console.emit({"folder": str(outcome.folder), "page": outcome.page, **outcome.document})
    else:
        _summarise(outcome)
    if gate:
        _gate(outcome.document)


def _summarise(outcome: Auditing) -> None:
    from rich.table import Table
    from rich.text import Text

    document = outcome.document
    table = Table(box=None, pad_edge=False)
    for head in ("groups", "gap", "value", "95 % interval", "p (Holm)", "verdict"):
        table.add_column(head, justify="right" if head in ("value", "p (Holm)") else "left")
    for one in document["gaps"]:
        # Text, for a group's name is data and may look like markup.
        table.add_row(
            Text(one["division"]),
            one["kind"].replace("_", " "),
            _number(one["value"]),
            "-" if one["ci95"] is None else f"{one['ci95'][0]:.2f} to {one['ci95'][1]:.2f}",
            _number(one["p_holm"], 3),
            WORDS[one["verdict"]],
        )
    out = console.out()
    if document["gaps"]:
        out.print(table)
    for one in document["gaps"]:
        if one["verdict"] == "beyond":
            console.say(f"\n{one['sentence']}")
    for division in document["divisions"]:
        unjudged = [row["group"] for row in division["rows"] if not row["estimable"]]
        if unjudged:
            console.say(f"\n{division['key']}: not estimable: {', '.join(unjudged)}")
    console.say(f"\n{document['sentence']}")
    console.say(f"page  {outcome.page}" if outcome.page else f"files  {outcome.folder}")


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _gate(document: dict[str, Any]) -> None:
    """Raise where a gap is beyond the limit; one that could not be decided never passes."""
    from automed.errors import GateError, UndecidedError

    asked = [one for one in document["gaps"] if one["kind"] in document["settings"]["gate"]]

    def named(verdict: str) -> str:
        found = [f"{one['kind'].replace('_', ' ')} by {one['division']}" for one in asked if one["verdict"] == verdict]
        return ", ".join(found)

    if document["verdict"] == "beyond":
        raise GateError(
            f"beyond the limit of {document['settings']['gap']:g}: {named('beyond')}", where="automed audit"
        )
    if document["verdict"] != "within":
        what = f"could not be decided: {named('undecided')}" if asked else document["sentence"]
        raise UndecidedError(what, where="automed audit", hint="More records of the groups named would decide it.")
