"""The verb `automed explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from automed.cli import console, options


def explain(
    model: options.Model,
    cases: Annotated[
        int | None, typer.Option("--cases", min=1, max=500, metavar="N", help="Test records to show.")
    ] = None,
    record: Annotated[
        list[int] | None,
        typer.Option("--record", min=1, metavar="ROW", help="Show this row of the data; may be given several times."),
    ] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            metavar="[NAME=]FILE",
            help="Show a new record from a file: an image, a csv row, a text, an npy or csv signal. With several"
            " inputs one --input NAME=FILE each.",
            show_default=False,
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("--method", metavar="NAME", help="Explain by this method only; may be given several times."),
    ] = None,
    explainer: Annotated[
        str | None, typer.Option("--explainer", metavar="NAME", help="SHAP's explainer, instead of the one that suits.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, metavar="N", help="Where chance comes from: other draws, other cases."),
    ] = None,
    data: options.Data = None,
    settings: options.Settings = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the explanations go, with --data.", file_okay=False),
    ] = None,
    input_layer: Annotated[
        list[str] | None,
        typer.Option(
            "--input-layer",
            metavar="NAME=LAYER",
            help="Which layer of a foreign model reads which input, where that cannot be told.",
            show_default=False,
        ),
    ] = None,
    output_layer: Annotated[
        str | None,
        typer.Option(
            "--output-layer",
            metavar="LAYER",
            help="Which layer of a foreign model gives the classes, where that cannot be told.",
            show_default=False,
        ),
    ] = None,
    validate: Annotated[
        bool, typer.Option("--validate/--no-validate", help="Test the methods on this model. Takes most of the time.")
    ] = True,
    gate: Annotated[
        bool, typer.Option("--gate", help="Leave with 4 where a method failed its tests, 5 where it is undecided.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Explain what a model says of single records, and test whether the
    explanations can be trusted.

    Each method (SHAP, LIME, Grad-CAM, ...) explains the class that was
    decided for. It is then tested on the model's own test records: does
    removing what it marks matter, does it depend on the weights, is it
    stable? Its pictures are shown with that verdict.

    Beside its run a model is explained on the run's own test records, and
    its report is rendered again. Elsewhere --data names the recipe of the
    data; any Keras classifier will do.

    [bold]Examples[/bold]

      automed explain skin
      automed explain model.keras --cases 6 --method shap
      automed explain model.keras --record 812 --record 90
      automed explain model.keras --input lesion.jpg --no-validate
      automed explain foreign.keras --data lesions.yaml
    """
    from automed import pipeline
    from automed.cli import steps
    from automed.errors import UsageError

    if data is None and (out is not None or input_layer or output_layer):
        raise UsageError(
            "--out, --input-layer and --output-layer belong to --data",
            hint="Beside its run a model is explained there, and the run's own data are read.",
        )
    if record and input_:
        raise UsageError("--record and --input cannot be given together", hint="Give one of them at a time.")
    chosen = pipeline.Explaining(
        rows=tuple(record or ()),
        files=tuple(input_ or ()),
        overrides=tuple(settings or ()) + _overrides(cases, method, explainer, seed, validate),
        input_layers=tuple(input_layer or ()),
        output_layer=output_layer,
    )
    display = steps.display(json=json, quiet=quiet)
    path = Path(model)
    with display:
        if data is not None:
            outcome = pipeline.explain_elsewhere(
                path, steps.recipe(data, chosen.overrides), chosen, out, display.listen
            )
        else:
            run, finalist = steps.beside(model, "explain")
            outcome = pipeline.explain(run, finalist, chosen, display.listen)
    if json:
        console.emit({"folder": str(outcome.folder), "page": outcome.page, **outcome.document})
    else:
        _summarise(outcome)
    if gate:
        _gate(outcome.document)


def _overrides(
    cases: int | None, method: list[str] | None, explainer: str | None, seed: int | None, validate: bool
) -> tuple[str, ...]:
    """The options as settings of a recipe, so that they are checked like it."""
    found = []
    if cases is not None:
        found.append(f"explain.cases={cases}")
    if method:
        found.append(f"explain.methods=[{', '.join(method)}]")
    if explainer:
        found.append(f"explain.explainer={explainer}")
    if seed is not None:
        found.append(f"explain.seed={seed}")
    if not validate:
        found.append("explain.validate=false")
    return tuple(found)


def _summarise(outcome: Any) -> None:
    from rich.table import Table

    document = outcome.document
    table = Table(box=None, pad_edge=False)
    for head in ("method", "verdict", "explainer", "gap", "s a case"):
        table.add_column(head, justify="right" if head in ("gap", "s a case") else "left")
    for entry in document["methods"]:
        gap = "-" if entry["gap"] is None else f"{entry['gap']['mean']:.3f}"
        table.add_row(entry["name"], entry["verdict"], entry["explainer"], gap, f"{entry['seconds_per_case']:.2f}")
    out = console.out()
    if document["methods"]:
        out.print(table)
    for entry in document["not_applicable"]:
        console.say(f"{entry['name']}: {entry['reason']}")
    for entry in document["methods"]:
        for finding in entry["findings"]:
            if finding["counts"] and finding["verdict"] in ("failed", "could not be decided"):
                console.say(f"\n{entry['name']}, {finding['check']}: {finding['verdict']}\n  {finding['sentence']}")
    console.say(f"\n{len(document['cases'])} cases, {document['seconds']['total']:.0f} s")
    console.say(f"page  {outcome.page}" if outcome.page else f"files  {outcome.folder}")


def _gate(document: dict[str, Any]) -> None:
    """Raise where a method is not validated; one that could not be tested never passes."""
    from automed.errors import GateError, UndecidedError

    verdicts = {entry["name"]: entry["verdict"] for entry in document["methods"]}
    if failed := [name for name, verdict in verdicts.items() if verdict == "failed"]:
        raise GateError(f"not validated for this model: {', '.join(failed)}", where="automed explain")
    if not verdicts or (open_ := [name for name, verdict in verdicts.items() if verdict != "passed"]):
        named = ", ".join(open_) if verdicts else "no method could be applied"
        raise UndecidedError(f"could not be decided for this model: {named}", where="automed explain")
