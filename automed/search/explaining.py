"""A finalist, opened from its file as a stranger would, as what the explanations ask."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from automed.data.dataset import Dataset
from automed.evaluate.decide import MOST_PROBABLE, Rule
from automed.events import Listen
from automed.explain import stage
from automed.explain.subject import Arrays, Subject
from automed.models.card import load
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
    run.log("test_read", reason="explanation", model=finalist.name)
    subject = Subject(model, stage.inputs_of(data), data.classes, data.task, str(finalist.model))
    return stage.explain(subject, data, rule_of(card), settings, finalist, listen, rows=rows, new=new).document


def rule_of(card: dict[str, Any]) -> Rule:
    """How a model decides, by its card; the most probable class where it has none."""
    thresholds = card.get("threshold")
    return Rule(tuple(thresholds) if thresholds else None, "by the model's card" if thresholds else MOST_PROBABLE)


def explain_file(
    path: Path,
    data: Dataset,
    settings: Explain,
    folder: Path,
    listen: Listen,
    *,
    rows: Sequence[int] = (),
    new: Arrays | None = None,
) -> dict[str, Any]:
    """Explain a model that lies beside no run, on data that were prepared for it; the artefacts go into `folder`.

    Raises:
        DataError: the model does not fit the data, or cannot be opened.
    """
    from automed.explain.foreign import subject_of

    model, card = load(path)
    subject = subject_of(model, data, str(path), card)
    return stage.explain(subject, data, rule_of(card), settings, Finalist(folder), listen, rows=rows, new=new).document
