"""Explain a model: cases shown, methods run, each of them tested, and all of it written down."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.dataset import BLOCK, Dataset
from automed.data.regions import UNKNOWN
from automed.errors import AutomedError, DataError, RunError
from automed.evaluate.readout import Readout
from automed.events import Listen, Note, Progress
from automed.explain import METHODS, cases
from automed.explain.artefacts import Shown, document, write_arrays
from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.subject import Array, Arrays, InputSpec, Subject
from automed.explain.validation.subject import Cases, Method, Trial
from automed.explain.validation.validate import validate
from automed.explain.validation.verdict import UNDECIDED, Finding
from automed.recipe.explain import Explain
from automed.run import Finalist, disk_errors, write_json

CHEAPER = 2  # tests run each method again and again: with so many times fewer coalitions
LEAST = 128  # but no fewer than these
NOT_TESTED = "not validated"
# In the order of the page, by kind of input; several inputs are like texts: parts of them are shown and hidden.
SUITED = {
    "image": ("shap", "lime", "gradcam"),
    "signal": ("shap", "lime", "gradcam"),
    "text": ("shap", "lime", "occlusion"),
    "sequence": ("shap", "lime", "gradcam"),
    "tabular": ("shap", "lime"),
}
SEVERAL = ("shap", "lime", "occlusion")

Ask = Callable[..., Attribution]


@dataclass(frozen=True)
class Outcome:
    """What explaining came to: the content of explain.json and where it lies."""

    document: dict[str, Any]
    folder: Path


def methods_for(subject: Subject, settings: Explain) -> tuple[str, ...]:
    """The methods that the recipe names, or those that suit the inputs."""
    if settings.methods is not None:
        return settings.methods
    return SEVERAL if len(subject.inputs) > 1 else SUITED[subject.inputs[0].kind]


def inputs_of(data: Dataset) -> tuple[InputSpec, ...]:
    """The inputs as data.json describes them, with the shapes that the arrays have."""
    return tuple(
        InputSpec(name, str(entry["kind"]), tuple(data.arrays[name].shape[1:]), str(data.arrays[name].dtype), entry)
        for name, entry in data.facts["inputs"].items()
    )


@contextmanager
def alone(finalist: Finalist) -> Any:
    """Hold a model for one explanation; raises RunError where another process explains it."""
    import filelock

    guard = filelock.FileLock(finalist.folder / ".explain.lock")
    try:
        with disk_errors(finalist.folder):
            guard.acquire(timeout=0)
    except filelock.Timeout:
        raise RunError(
            "another command is explaining this model", where=str(finalist.folder), hint="Wait until it has ended."
        ) from None
    try:
        yield
    finally:
        guard.release()


def explain(
    subject: Subject,
    data: Dataset,
    readout: Readout,
    settings: Explain,
    finalist: Finalist,
    listen: Listen,
    *,
    rows: Sequence[int] = (),
    new: Arrays | None = None,
    look: Callable[[], None] = lambda: None,
) -> Outcome:
    """Explain and test, and write attributions.npz and explain.json into the finalist's folder.

    A method that cannot explain this model is listed with its reason; one that fails costs itself and no other.

    Args:
        subject: the model.
        data: where cases, background and what the tests need come from.
        readout: what the model's outputs mean.
        settings: the recipe's `explain`.
        finalist: the folder.
        listen: hears how far it is.
        rows: row numbers of the records to show; left out, cases are chosen by rule.
        new: records from outside, by input (n, *shape), to show instead.
        look: called once before test records are read; not called where none is needed.

    Raises:
        DataError: a row that is not there, or no test record where some are needed.
        RunError: another process explains the same model, or the disk is full.
    """
    started = time.monotonic()
    with alone(finalist):
        asked = cases.asked(data, rows) if rows and new is None else None
        by_rule = new is None and asked is None
        if settings.validate_ or by_rule or any(data.split[case.place] == "test" for case in asked or ()):
            look()
        answers = _answers(subject, data, readout, listen) if settings.validate_ or by_rule else None
        background = _take(data, cases.background(data, settings.background, settings.seed))
        asks = _asks(background, methods_for(subject, settings))
        if new is not None:
            shown = _new(subject, new, readout)
        else:
            chosen = cases.shown(data, answers, settings.cases) if asked is None and answers else asked or []
            shown = _shown(subject, data, chosen, readout)
        found, missing = _run(subject, shown, asks, settings, listen)
        explained = time.monotonic()
        tested = _tested(data, answers, background, settings) if answers and settings.validate_ and found else None
        again, verdicts = _validated(subject, tested, asks, found, settings, listen)
        told = document(subject, data, shown, found, missing, tested, again, verdicts, settings)
        ended = time.monotonic()
        told["seconds"] = {
            "total": round(ended - started, 2),
            "explain": round(explained - started, 2),
            "validate": round(ended - explained, 2),
        }
        write_arrays(finalist, shown, found, again, tested, subject)
        write_json(finalist.explanation, told)
    return Outcome(told, finalist.folder)


def _take(data: Dataset, index: npt.NDArray[np.int64]) -> dict[str, Array]:
    return {name: data.take(name, index) for name in data.arrays}


def _regions(data: Dataset, index: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.uint8]]:
    found = {name: data.regions(name, index) for name in data.arrays}
    return {name: values for name, values in found.items() if values is not None}


def _answers(subject: Subject, data: Dataset, readout: Readout, listen: Listen) -> cases.Answers:
    """What the model says of all test records, read block by block."""
    test = data.part("test")
    if not len(test):
        raise DataError("there is no test record to explain", where="split")
    found = []
    for start in range(0, len(test), BLOCK):
        listen(Progress("asking the model about the test records", start, len(test)))
        found.append(subject.predict(_take(data, test[start : start + BLOCK])))
    return cases.Answers.of(data, test, np.concatenate(found), readout)


def _shown(subject: Subject, data: Dataset, chosen: Sequence[cases.Case], readout: Readout) -> Shown:
    index = np.array([case.place for case in chosen], np.int64)
    arrays = _take(data, index)
    own = cases.Answers.of(data, index, subject.predict(arrays), readout)
    reasons = tuple((case.reason, case.why) for case in chosen)
    return Shown(
        arrays,
        own.explained,
        own.probabilities,
        own.decided,
        own.y,
        data.record[index],
        reasons,
        _regions(data, index),
    )


def _new(subject: Subject, arrays: Arrays, readout: Readout) -> Shown:
    raw = subject.predict(arrays)
    probabilities, decided = readout.probabilities(raw).astype(np.float32), readout(raw)
    own = cases.Answers(np.arange(len(decided)), probabilities, decided, decided)
    n = len(decided)
    reasons = tuple((cases.ASKED, "a new record, without a reference standard") for _ in range(n))
    return Shown(arrays, own.explained, probabilities, decided, None, np.arange(1, n + 1), reasons, {})


def _asks(background: Arrays, names: Sequence[str]) -> dict[str, Ask]:
    """By method a function of (subject, records, classes, settings, seed), with the background filled in."""

    def ask(name: str, of: Subject, records: Arrays, classes: Any, chosen: Explain, seed: int) -> Attribution:
        found: Attribution = METHODS.load(name)(of, records, background, classes, chosen, seed)
        return found

    return {name: partial(ask, name) for name in names}


def _run(
    subject: Subject, shown: Shown, asks: Mapping[str, Ask], settings: Explain, listen: Listen
) -> tuple[dict[str, Attribution], list[dict[str, str]]]:
    """Each method on the shown cases; those that cannot, with their reasons."""
    found, missing = {}, []
    for done, (name, ask) in enumerate(asks.items()):
        listen(Progress(f"explaining by {name}", done, len(asks)))
        started = time.monotonic()
        try:
            attribution = ask(subject, shown.arrays, shown.classes, settings, settings.seed)
        except NotApplicable as problem:
            missing.append({"name": name, "reason": problem.what})
            continue
        except (RunError, MemoryError):
            raise
        except Exception as problem:  # noqa: BLE001  # whatever a method raises costs that method alone
            missing.append({"name": name, "reason": f"it failed: {_in_words(problem)}"})
            listen(Note(f"{name} failed: {_in_words(problem)}", warning=True))
            continue
        found[name] = replace(attribution, seconds=time.monotonic() - started)
    listen(Progress("explaining", len(asks), len(asks)))
    return found, missing


def _in_words(problem: Exception) -> str:
    """What failed and where; messages of other libraries may quote a record's values, so they are left out."""
    if isinstance(problem, AutomedError):
        return problem.what
    last = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{type(problem).__name__} in {Path(last.filename).stem}, line {last.lineno}"


def _tested(data: Dataset, answers: cases.Answers, background: Arrays, settings: Explain) -> Cases:
    places = cases.tested(data, answers, settings.tested, settings.seed)
    many = cases.judged(answers, settings.seed)
    index = answers.index[places]
    # To the checks a region that is not known is none: such a record has no part in them.
    regions = {name: np.where(values == UNKNOWN, 0, values) for name, values in _regions(data, index).items()}
    return Cases(
        arrays=_take(data, index),
        classes=answers.explained[places],
        patients=data.patient[index],
        y=answers.y[places],
        background=background,
        regions=regions,
        region_names={name: data.region_names(name) for name in regions},
        groups=cases.group_of(data, index),
        judged=(_take(data, answers.index[many]), answers.y[many], data.patient[answers.index[many]]),
    )


def _validated(
    subject: Subject,
    tested: Cases | None,
    asks: Mapping[str, Ask],
    found: Mapping[str, Attribution],
    settings: Explain,
    listen: Listen,
) -> tuple[dict[str, Attribution], dict[str, tuple[str, tuple[Finding, ...]]]]:
    """Attributions of the tested cases, and the verdict and findings of each method."""
    if tested is None:
        return {}, dict.fromkeys(found, (NOT_TESTED, ()))
    cheaper = settings.model_copy(update={"samples": max(LEAST, settings.samples // CHEAPER)})
    again: dict[str, Attribution] = {}
    methods: dict[str, Method] = {}
    for done, name in enumerate(found):
        listen(Progress(f"explaining test cases by {name}", done, len(found)))

        def method(of: Subject, arrays: Arrays, classes: Any, seed: int, ask: Ask = asks[name]) -> Attribution:
            return ask(of, arrays, classes, cheaper, seed)

        try:
            again[name] = method(subject, tested.arrays, tested.classes, settings.seed)
        except Exception as problem:  # noqa: BLE001  # as for the cases that are shown
            listen(Note(f"{name} could not be tested: {_in_words(problem)}", warning=True))
            continue
        methods[name] = method
    trial = Trial(
        subject,
        tested,
        methods,
        again,
        cheaper,
        settings.seed,
        lambda what, done, total: listen(Progress(what, done, total)),
    )
    verdicts: dict[str, tuple[str, tuple[Finding, ...]]] = dict(validate(trial)) if methods else {}
    return again, {name: verdicts.get(name, (UNDECIDED, ())) for name in found}
