"""What is asked of a finalist besides its scores: evaluation.json."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automed.errors import RunError
from automed.evaluate.calibration.report import describe as calibration
from automed.evaluate.certainty.conformal import conformal
from automed.evaluate.certainty.selective import selective
from automed.evaluate.failures import gallery
from automed.evaluate.fitted import rule_of
from automed.evaluate.intervals import RESAMPLES
from automed.evaluate.multiplicity import comparisons
from automed.evaluate.operating.report import describe as operating
from automed.evaluate.precision import precision
from automed.evaluate.predictions import Predictions
from automed.evaluate.questions import questions
from automed.recipe.evaluate import Evaluate
from automed.run import now

Tell = Callable[[str, int, int], None]


def evaluation(
    own: Predictions,
    rivals: Mapping[str, Predictions],
    baselines: Mapping[str, Predictions],
    settings: Evaluate,
    *,
    features: NDArray[np.float32] | None = None,
    attributes: Mapping[str, NDArray[np.object_]] | None = None,
    resamples: int = RESAMPLES,
    tell: Tell = lambda what, done, total: None,
) -> dict[str, Any]:
    """Calibration, operating points, prediction sets, abstaining, comparisons, precision and failures.

    Args:
        own: what the finalist said.
        rivals: the other finalists, by name.
        baselines: by name.
        settings: the recipe's `evaluate`.
        features: float32 (n, width) of the test records, to find errors that are alike; None where not known.
        attributes: by sensitive column object (n,) of the test records.
        resamples: of the bootstrap.
        tell: hears what is under way, how many parts are over, and of how many.

    Returns:
        {"finalist", "made", "settings", "calibration": the map, its reason and losses, with "before" and "after" as
        `calibration.report` has them, "operating": as `operating.report`, "prediction_sets": as `certainty.conformal`,
        "selective": as `certainty.selective`, "comparisons": as `multiplicity`, each with "kind" finalist or baseline,
        "precision": as `precision`, "failures": as `failures`, "seconds"}. What was never fitted, for
        the model's card says nothing of it, is null.

    Raises:
        RunError: another model was tested on other records.
    """
    started = time.monotonic()
    test, codes, seed = own.sample(), own.test.patient, own.task.seed
    others = {**rivals, **baselines}
    for name, other in others.items():
        if not np.array_equal(own.test.record, other.test.record):
            raise RunError(f"{name} was tested on other records than {own.name}", where=name)
    samples = {own.name: test, **{name: other.sample() for name, other in others.items()}}
    asked = questions(test, own.task.urgent)
    told: dict[str, Any] = {"finalist": own.name, "made": now(), "settings": settings.model_dump(mode="json")}

    def calibrated() -> dict[str, Any]:
        raw = own.uncalibrated()
        before = questions(raw, own.task.urgent)
        figures = calibration(raw, test, before, asked, codes, seed, resamples)
        return {**own.readout.as_json()["calibration"], **figures}

    def operated() -> dict[str, Any] | None:
        if not own.fitted.operating:
            return None
        theirs = {name: questions(samples[name], own.task.urgent) for name in baselines}
        rule = rule_of(settings, own.task.kind)
        # Every threshold is known, so the questions of validation are not asked again.
        known = own.fitted.operating
        return operating(asked, asked, rule, settings.prevalence, theirs, codes, resamples, seed, known)

    def covered() -> dict[str, Any] | None:
        if not own.fitted.sets and own.task.kind != "multilabel":
            return None
        coverage, sets = settings.coverage, own.fitted.sets
        return conformal(test, test, codes, coverage, resamples=resamples, seed=seed, given=sets)

    def answered() -> dict[str, Any] | None:
        abstain = own.fitted.abstain
        if abstain is None:
            return None
        return selective(test, test, codes, abstain.accept, resamples=resamples, seed=seed, given=abstain)

    def compared() -> list[dict[str, Any]]:
        found = comparisons(samples, codes, own.name, resamples=resamples, seed=seed)
        return [{"kind": "finalist" if one["against"] in rivals else "baseline", **one} for one in found]

    def failed() -> dict[str, Any]:
        return gallery(test, asked, own.test.record, features, attributes or {}, codes, seed)

    parts: dict[str, Callable[[], Any]] = {
        "calibration": calibrated,
        "operating": operated,
        "prediction_sets": covered,
        "selective": answered,
        "comparisons": compared,
        "precision": lambda: precision(test, asked, codes, resamples=resamples, seed=seed),
        "failures": failed,
    }
    for done, (name, part) in enumerate(parts.items()):
        tell(f"evaluating {name.replace('_', ' ')}", done, len(parts))
        told[name] = part()
    tell("evaluating", len(parts), len(parts))
    return told | {"seconds": round(time.monotonic() - started, 2)}
