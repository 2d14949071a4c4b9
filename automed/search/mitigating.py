"""Ways of narrowing gaps, each trained with the choices of a finalist and held beside it: mitigation.json."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.audit.groups import Division, divide
from automed.audit.mitigation.choice import Standing, choose_attribute, choose_strength, standing
from automed.audit.mitigation.table import PLAIN, Method, compare
from automed.audit.mitigation.weights import reweighing
from automed.data.dataset import Dataset
from automed.errors import Interrupted, TrialError, UsageError
from automed.evaluate.intervals import encode
from automed.evaluate.sample import Sample
from automed.events import Listen, Progress, StageStarted
from automed.recipe import Recipe
from automed.run import Finalist, Run
from automed.search.change import Change
from automed.search.messages import Epoch
from automed.search.reading import predictions_of, samples_of
from automed.search.refit import Earlier, Refit, earlier, place, refit

STRENGTHS = (0.1, 1.0, 10.0)  # of the penalty; the ordinary loss is of the order of 1, the penalty's largest value 2
LABELS = "not applicable: a record may bear several labels, so it is in no one cell of group and class"
TWO_CLASSES = "not applicable: two classes only"
NO_ATTRIBUTE = "no sensitive attribute divides the records into two groups"
CAVEATS = (
    "Each method was trained once, with the seed and the choices of the finalist: the intervals hold the chance of"
    " which patients were tested, not that of training.",
    "The choices were made for plain training; a method searched for on its own might do better.",
    "The worst group and the largest gap are those found on these test records: their intervals are of these groups,"
    " and do not hold that they were looked for. The differences do.",
)


@dataclass(frozen=True, eq=False)
class _Case:
    """What all methods share: the finalist, its probabilities, and the attribute that is acted on."""

    recipe: Recipe
    run: Run
    data: Dataset
    finalist: Finalist
    trial: Earlier
    division: Division  # of all records
    listen: Listen
    stop: Callable[[], bool]

    @cached_property
    def validation(self) -> npt.NDArray[np.int64]:
        return self.data.part("validation")

    @cached_property
    def test(self) -> npt.NDArray[np.int64]:
        return self.data.part("test")

    def divided(self, index: npt.NDArray[np.int64]) -> Division:
        return replace(self.division, code=self.division.code[index])

    def change(self, key: str, strength: float = 0.0) -> Change:
        """What is different in the training."""
        groups = self.division.code
        if key == "penalty":
            return Change(groups=groups, penalty=strength)
        train = self.data.part("train")
        weights = np.zeros(len(groups))
        weights[train] = reweighing(groups[train], self.data.y[train])
        return Change(weights=weights, resample=key == "resample")

    def trained(self, key: str, strength: float = 0.0) -> Refit:
        """The finalist's network trained again by a method."""
        name = f"{key}-{strength:g}" if strength else key
        epochs = self.recipe.train.epochs

        def hear(epoch: Epoch) -> None:
            self.listen(Progress(f"training again: {name}", epoch.epoch, epochs))

        return refit(
            self.recipe,
            self.data,
            self.trial.choices,
            place(self.run, self.trial.number, name, self.division.key),
            self.change(key, strength),
            number=self.trial.number,
            epochs=self.trial.epochs,
            stop=self.stop,
            hear=hear,
        )


def mitigate(
    recipe: Recipe, run: Run, finalist: Finalist, data: Dataset, listen: Listen, stop: Callable[[], bool]
) -> dict[str, Any]:
    """Try each method of `audit.mitigate` with the choices of a finalist, and compare what they do on the test set.

    The attribute to act on is settled on validation by the finalist's own predictions, so is the strength of a penalty.

    Returns:
        The content of mitigation.json: that of `automed.audit.mitigation.table.compare`, with "finalist", "caveats",
        "reason" (why there is no table, else None), and in "attribute" also "why". Without a table: "rows" is empty and
        "conclusion" says why.

    Raises:
        Interrupted: `stop` said so; what was trained is kept.
        RunError: the finalist's predictions cannot be read, or are of other records.
    """
    listen(StageStarted("mitigate", finalist.name))
    raw = predictions_of(finalist, data)
    test = data.part("test")
    samples = samples_of(recipe, data, raw["validation"], raw["test"])
    found = _attribute(recipe, data, samples[0])
    if found is None or not recipe.audit.mitigate:
        reason = NO_ATTRIBUTE if recipe.audit.mitigate else "the recipe names no method"
        return _document(
            finalist, rows=[], conclusion=f"Nothing was tried: {reason}.", verdict="none_tried", reason=reason
        )
    division, why = found
    case = _Case(recipe, run, data, finalist, earlier(run, finalist), division, listen, stop)
    run.log("test_read", reason="mitigation", model=finalist.name)
    plain = Method(PLAIN, samples[1], seconds=case.trial.seconds)
    others = []
    for key in recipe.audit.mitigate:
        if stop():
            raise Interrupted("stopped by the user", where=str(run.folder))
        others.append(_try(case, key, samples[0], raw))
    table = compare(
        plain,
        others,
        case.divided(test),
        encode(data.patient[test], len(test)),
        urgent=data.urgent,
        min_group=recipe.audit.min_group,
        seed=recipe.search.seed,
    )
    table["attribute"]["why"] = why
    return _document(finalist, **table)


def _document(finalist: Finalist, *, reason: str | None = None, **table: Any) -> dict[str, Any]:
    return {
        "finalist": finalist.name,
        "reason": reason,
        "attribute": None,
        "groups": [],
        **table,
        "caveats": list(CAVEATS),
    }


def _try(case: _Case, key: str, validated: Sample, raw: dict[str, npt.NDArray[np.float64]]) -> Method:
    """One method; what keeps it from a result becomes the reason in its row."""
    try:
        if key == "thresholds":
            return _thresholds(case, raw)
        if key == "penalty":
            return _penalty(case, validated)
        if case.data.task == "multilabel":
            return Method(key, None, reason=LABELS)
        again = case.trained(key)
        return Method(key, samples_of(case.recipe, case.data, again.validation, again.test)[1], seconds=again.seconds)
    except (TrialError, UsageError) as problem:
        return Method(key, None, reason=f"failed: {problem.what}")


def _penalty(case: _Case, validated: Sample) -> Method:
    minimum, distance = case.recipe.audit.min_group, case.recipe.audit.distance
    divided = case.divided(case.validation)
    plain = standing(validated, divided, minimum)
    tried: list[tuple[float, Refit, Standing]] = []
    failed = ""
    for strength in STRENGTHS:
        try:
            again = case.trained("penalty", strength)
        except TrialError as problem:
            failed = problem.what
            continue
        sample = samples_of(case.recipe, case.data, again.validation, again.test)[0]
        tried.append((strength, again, standing(sample, divided, minimum)))
    if not tried:
        return Method("penalty", None, reason=f"failed: {failed}")
    strength, again, _ = tried[choose_strength(plain, [stands for _, _, stands in tried], distance)]
    setting = {
        "strength": strength,
        "tried": [
            {"strength": each, "validation": {"macro_f1": stands.macro_f1, "worst_group": stands.worst}}
            for each, _, stands in tried
        ],
        "plain": {"macro_f1": plain.macro_f1, "worst_group": plain.worst},
        "rule": f"the best for the worst validation group within {distance:g} of the macro-F1 of plain training",
    }
    sample = samples_of(case.recipe, case.data, again.validation, again.test)[1]
    return Method("penalty", sample, setting, round(sum(each.seconds for _, each, _ in tried), 3))


def _thresholds(case: _Case, raw: dict[str, npt.NDArray[np.float64]]) -> Method:
    from automed.audit.mitigation.thresholds import CAVEAT, by_group

    data = case.data
    if data.task == "multilabel" or len(data.classes) != 2:
        return Method("thresholds", None, reason=TWO_CLASSES)
    plain = samples_of(case.recipe, data, raw["validation"], raw["test"])[1]
    positive, code = plain.positive, case.division.code
    found = by_group(
        data.y[case.validation] == positive,
        raw["validation"][:, positive],
        code[case.validation],
        raw["test"][:, positive],
        code[case.test],
        plain.predicted == positive,
        case.recipe.search.seed,
    )
    note = " ".join(filter(None, (CAVEAT, f"{found.note[:1].upper()}{found.note[1:]}." if found.note else "")))
    if found.decided is None:
        return Method("thresholds", None, note=note, reason=found.reason)
    decided = np.where(found.decided, positive, 1 - positive)
    return Method("thresholds", replace(plain, predicted=decided.astype(np.int64)), seconds=0.0, note=note)


def _attribute(recipe: Recipe, data: Dataset, validated: Sample) -> tuple[Division, str] | None:
    """The division of all records by the attribute to act on, and why that one."""
    minimum, validation = recipe.audit.min_group, data.part("validation")
    attributes = data.attributes(np.arange(len(data.record)))
    divisions = [divide(key, values, minimum) for key, values in attributes.items()]
    there = [replace(division, code=division.code[validation]) for division in divisions]
    patient = encode(data.patient[validation], len(validation))
    found = choose_attribute(validated, there, patient, data.urgent, minimum)
    return None if found is None else (divisions[found[0]], found[1])
