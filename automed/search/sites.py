"""Leave one site out: a finalist's network trained again without each hospital, and tested there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.audit.mitigation.figures import take
from automed.data.dataset import Dataset
from automed.errors import Interrupted, TrialError, UsageError
from automed.evaluate.intervals import RESAMPLES, estimates
from automed.evaluate.paired import paired
from automed.evaluate.sample import Sample
from automed.evaluate.scores import METHOD, as_json
from automed.events import Listen, Progress, StageStarted
from automed.recipe import Recipe
from automed.run import Finalist, Run
from automed.search.messages import Epoch
from automed.search.reading import predictions_of, samples_of
from automed.search.refit import Earlier, earlier, place, refit

MOST = 20  # sites; each is a training of its own
SHOWN = ("macro_f1", "accuracy", "auroc")
NOTES = (
    "Architecture, hyper-parameters and what is fitted to the inputs (means, vocabularies) were settled with all sites,"
    " and this model was chosen with them: at a site that nobody has seen it may do worse than is shown.",
    "Where a site is tested, patients who have records there are left out of training with all their records; so are"
    " records of no known site.",
    "Each network was trained once: the intervals hold the chance of which patients were tested, not that of training.",
)

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class _Case:
    """What all sites share; `site` is the place of each record's site in `names`, -1 where it is not known."""

    recipe: Recipe
    run: Run
    data: Dataset
    trial: Earlier
    plain: Sample  # of the test records
    names: tuple[str, ...]
    site: Codes
    listen: Listen
    stop: Callable[[], bool]


def leave_one_site_out(
    recipe: Recipe, run: Run, finalist: Finalist, data: Dataset, listen: Listen, stop: Callable[[], bool]
) -> dict[str, Any]:
    """Train a finalist's choices again without each site of `evaluate.sites`, and test on all records of that site.

    The other sites' records stay in train and validation as they were; their test records are not read.

    Returns:
        {"finalist", "column", "reason": why nothing was tried, else None, "sites": [row, ...], "notes", "interval"}. A
        row: {"site", "n", "patients", "trained_on", "validated_on", "reason": why it was not tried, else None,
        "seconds", "without", "within", "difference"}. "without" is the network that never saw the site, on all its n
        records: {"macro_f1" | "accuracy" | "auroc": {"value", "ci95", "n", "events", "reason"}}; "within" is the
        finalist on those of them that are test records; "difference" is without minus within on the same test records:
        {"macro_f1": {"difference", "ci95", "p", "model", "baseline", "n", "events", "reason"}}. All three are None
        where the row has a reason, the last two also where no record of the site is a test record.

    Raises:
        Interrupted: `stop` said so; what was trained is kept.
        RunError: the finalist's predictions cannot be read, or are of other records.
    """
    column = recipe.evaluate.sites or ""
    names, site = sites_of(data, column)
    reason = None
    if column not in data.frame:
        reason = f"there is no column {column!r} beside the splits"
    elif len(names) < 2:
        reason = f"the column {column!r} names {len(names)} site: two are needed"
    elif len(names) > MOST:
        reason = f"the column {column!r} names {len(names)} sites: no more than {MOST} are left out in turn"
    rows = []
    if reason is None:
        listen(StageStarted("sites", finalist.name))
        run.log("test_read", reason="leave one site out", model=finalist.name)
        raw = predictions_of(finalist, data)
        plain = samples_of(recipe, data, raw["validation"], raw["test"])[1]
        case = _Case(recipe, run, data, earlier(run, finalist), plain, names, site, listen, stop)
        rows = [_site(case, number) for number in range(len(names))]
    return {
        "finalist": finalist.name,
        "column": column,
        "reason": reason,
        "sites": rows,
        "notes": list(NOTES),
        "interval": {"method": METHOD, "level": 0.95, "resamples": RESAMPLES, "seed": recipe.search.seed},
    }


def sites_of(data: Dataset, column: str) -> tuple[tuple[str, ...], Codes]:
    """Names of the sites, sorted, and int64 (n,) which of them each record is of, -1 where that is not known."""
    if column not in data.frame:
        return (), np.full(len(data.y), -1)
    text = data.frame[column].astype("string").str.strip()
    known = (text.notna() & (text != "")).to_numpy(bool)
    names, code = np.unique(text.to_numpy(object)[known].astype(str), return_inverse=True)
    site = np.full(len(data.y), -1)
    site[known] = code
    return tuple(names.tolist()), site


def without(data: Dataset, site: Codes, number: int) -> Dataset:
    """The data set where one site is the test: its patients, and records of no known site, are in no other part."""
    there = site == number
    elsewhere = np.isin(data.split, ("train", "validation")) & (site >= 0)
    kept = elsewhere & ~np.isin(data.patient, data.patient[there])
    split = np.where(there, "test", np.where(kept, data.split, "left out")).astype(object)
    return replace(data, split=split)


def _site(case: _Case, number: int) -> dict[str, Any]:
    if case.stop():
        raise Interrupted("stopped by the user", where=str(case.run.folder))
    data = without(case.data, case.site, number)
    sizes = {split: len(data.part(split)) for split in ("train", "validation", "test")}
    row: dict[str, Any] = {
        "site": case.names[number],
        "n": sizes["test"],
        "patients": len(np.unique(data.patient[data.part("test")])),
        "trained_on": sizes["train"],
        "validated_on": sizes["validation"],
        "reason": _unfit(data, sizes, case.recipe.audit.min_group),
        **dict.fromkeys(("seconds", "without", "within", "difference")),
    }
    if row["reason"] is not None:
        return row
    name, epochs = case.names[number], case.recipe.train.epochs

    def hear(epoch: Epoch) -> None:
        case.listen(Progress(f"training without site {number + 1} of {len(case.names)}", epoch.epoch, epochs))

    try:
        again = refit(
            case.recipe,
            data,
            case.trial.choices,
            place(case.run, case.trial.number, "without", name),
            number=case.trial.number,
            epochs=case.trial.epochs,
            stop=case.stop,
            hear=hear,
        )
    except (TrialError, UsageError) as problem:
        return row | {"reason": f"failed: {problem.what}"}
    sample = samples_of(case.recipe, data, again.validation, again.test)[1]
    row |= {"seconds": round(again.seconds, 2), "without": _figures(case, sample, data.part("test"))}
    return row | _beside(case, sample, data.part("test"), number)


def _unfit(data: Dataset, sizes: dict[str, int], minimum: int) -> str | None:
    if sizes["test"] < minimum:
        return f"not estimable: {sizes['test']} records, {minimum} are needed"
    for split in ("train", "validation"):
        present = data.targets(data.part(split)).any(axis=0).sum() if sizes[split] else 0
        if present < 2:
            return f"without this site {split} holds {present} classes: two are needed"
    return None


def _beside(case: _Case, sample: Sample, index: Codes, number: int) -> dict[str, Any]:
    """The finalist and the network without the site on those records of the site that are test records for both."""
    test = case.data.part("test")
    own = np.flatnonzero(case.site[test] == number)
    if not own.size:
        return {}
    plain = take(case.plain, own)
    again = take(sample, np.searchsorted(index, test[own]))
    patient = case.data.patient[test[own]]
    tested = paired(again, plain, patient, names=("macro_f1",), seed=case.recipe.search.seed)
    return {
        "within": _figures(case, plain, test[own]),
        "difference": {name: as_json(difference) for name, difference in tested.items()},
    }


def _figures(case: _Case, sample: Sample, index: Codes) -> dict[str, Any]:
    found = estimates(sample, case.data.patient[index], seed=case.recipe.search.seed).overall
    return {name: as_json(found[name]) for name in SHOWN if name in found}
