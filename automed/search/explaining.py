"""A finalist, opened from its file as a stranger would, as what the explanations ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from automed.data.dataset import Dataset
from automed.errors import DataError
from automed.evaluate import readout
from automed.events import Listen
from automed.explain import stage
from automed.explain.subject import Arrays, Subject
from automed.models.card import load, read_card
from automed.recipe import Recipe
from automed.recipe.explain import Explain
from automed.run import Finalist, Run


def explain_finalist(
    settings: Explain,
    run: Run,
    data: Dataset,
    finalist: Finalist,
    listen: Listen,
    *,
    rows: Sequence[int] = (),
    new: Arrays | None = None,
) -> dict[str, Any]:
    """Explain one finalist of a run, and count that its test records were looked at again.

    Returns:
        The content of explain.json.

    Raises:
        AutomedError: as `automed.explain.stage.explain`.
    """
    model, card = load(finalist.model)
    subject = Subject(model, stage.inputs_of(data), data.classes, data.task, str(finalist.model))

    def look() -> None:
        run.log("test_read", reason="explanation", model=finalist.name)

    reading = readout.read(card, data.task, data.classes)
    outcome = stage.explain(subject, data, reading, settings, finalist, listen, rows=rows, new=new, look=look)
    return outcome.document


def known_inputs(path: Path, recipe: Recipe) -> dict[str, dict[str, Any]]:
    """By input of the recipe what a model's card says of its training data, so that records are laid out alike.

    Raises:
        DataError: the file is no model, or an input is of another kind in the recipe.
    """
    told = read_card(path).get("inputs") or {}
    if len(told) == len(recipe.inputs) == 1:
        told = dict(zip(recipe.inputs, told.values(), strict=True))
    known = {name: dict(told[name]) for name in recipe.inputs if name in told}
    for name, facts in known.items():
        if facts["kind"] != recipe.inputs[name].kind:
            raise DataError(
                f"is of the kind {recipe.inputs[name].kind}, the model reads {facts['kind']}", where=f"inputs.{name}"
            )
        # Of the arrays of this recipe, not of those that the model was trained on.
        for key in ("kind", "shape", "dtype"):
            facts.pop(key, None)
    return known


def explain_file(
    path: Path,
    data: Dataset,
    settings: Explain,
    folder: Path,
    listen: Listen,
    *,
    rows: Sequence[int] = (),
    new: Arrays | None = None,
    input_layers: Mapping[str, str] = MappingProxyType({}),
    output_layer: str | None = None,
) -> dict[str, Any]:
    """Explain a model that lies beside no run, on data that were prepared for it; the artefacts go into `folder`.

    Raises:
        DataError: the model does not fit the data, or cannot be opened.
        UsageError: a layer that the model does not have.
    """
    from automed.explain.foreign import subject_of

    model, card = load(path)
    subject = subject_of(model, data, str(path), card, input_layers=input_layers, output_layer=output_layer)
    reading = readout.read(card, data.task, data.classes)
    return stage.explain(subject, data, reading, settings, Finalist(folder), listen, rows=rows, new=new).document
