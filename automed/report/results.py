"""What the test of a finalist showed: scores with intervals, classes, confusions, and the baselines beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from automed.report import words
from automed.report.artefact import Part, damaged, read
from automed.report.cohort import Cohort, Label

# In the order of the page: what the metric says, and whether 1 is perfect and 0 the floor.
METRICS = {
    "macro_f1": ("the F1 score of each class, averaged so that rare classes count as much as common ones", True),
    "balanced_accuracy": ("recall averaged over classes; guessing gives 1 divided by the number of classes", True),
    "accuracy": ("share of records classified as the reference standard", True),
    "auroc": ("how well probabilities rank records of a class above others; .5 is chance", True),
    "auprc": ("precision averaged over recall; chance is the share of the class", True),
    "mcc": ("0 is chance, 1 perfect, −1 always wrong", False),
    "qwk": ("agreement beyond chance that counts an error by its squared distance in ranks; 1 is perfect", False),
    "rank_error": ("how many ranks predictions are away from the reference standard; lower is better", False),
    "brier": ("mean squared error of the probabilities, summed over classes; lower is better, 0 is perfect", False),
    "log_loss": ("how surprised the model is by the reference standard, in nats; lower is better, 0 is perfect", False),
}
OF_RANKS = ("qwk", "rank_error")  # given for ordinal classes alone
# What differs where a record may bear several labels.
MEANINGS_OF_LABELS = {
    "macro_f1": "the F1 score of each label, averaged so that rare labels count as much as common ones",
    "balanced_accuracy": "mean of sensitivity and specificity, averaged over labels; guessing gives .5",
    "accuracy": "share of records with every label right; one wrong label makes the whole record wrong",
    "auroc": "how well probabilities rank records with a label above those without, averaged over labels; .5 is chance",
    "auprc": "precision averaged over recall, averaged over labels; chance is the share of the label",
    "mcc": "averaged over labels; 0 is chance, 1 perfect, −1 always wrong",
    "brier": "mean squared error of the probabilities, summed over labels; lower is better, 0 is perfect",
    "log_loss": "how surprised the model is, in nats, summed over labels; lower is better, 0 is perfect",
}
CLASS_METRICS = {"precision": "Precision", "recall": "Recall", "f1": "F1"}
_PREFIX = "not estimable: "


@dataclass(frozen=True)
class Score:
    """A figure with its 95 % interval, or None and the reason; a reason beside a value explains its interval."""

    key: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    events: int | None = None
    reason: str | None = None

    @property
    def title(self) -> str:
        return words.label(self.key)

    @property
    def unit(self) -> bool:
        """Whether it lies between 0 and 1, with 1 perfect."""
        return METRICS.get(self.key, ("", True))[1]

    @property
    def shown(self) -> str:
        """ ".81", "12.4", "130"; "not estimable" where there is no value."""
        return "not estimable" if self.value is None else words.decimal(self.value, self._digits)

    @property
    def interval(self) -> str | None:
        """ ".77 to .85"."""
        return None if self.low is None or self.high is None else words.span(self.low, self.high, self._digits)

    @property
    def text(self) -> str:
        """ ".81 (95 % interval .77 to .85)", or "not estimable" with the reason."""
        if self.value is None:
            return f"not estimable ({self.why})"
        return f"{self.shown} ({words.CI} {self.interval})" if self.interval else self.shown

    @property
    def _digits(self) -> int:
        """Fewer where the number is larger: a likelihood ratio of 130.27 claims too much."""
        size = max(abs(end) for end in (self.value, self.low, self.high, 0.0) if end is not None)
        return 2 if size < 10 else 1 if size < 100 else 0

    @property
    def why(self) -> str:
        return self.reason or "no reason was recorded"

    def short(self, digits: int = 2) -> str:
        """ ".81 (.77 to .85)"."""
        if self.value is None:
            return "not estimable"
        if self.low is None or self.high is None:
            return words.decimal(self.value, digits)
        digits = max(digits, words.digits_for(self.low, self.high))
        return f"{words.decimal(self.value, digits)} ({words.span(self.low, self.high, digits)})"


def meaning(key: str, *, labelled: bool) -> str:
    """What a metric says, for people; `labelled` where a record may bear several labels."""
    return (MEANINGS_OF_LABELS if labelled else {}).get(key) or METRICS.get(key, ("", True))[0]


@dataclass(frozen=True)
class ClassResult:
    """One class or label in the test: its records, and precision, recall and F1 with intervals.

    `specificity`, `auroc` and `threshold` (the probability from which it is decided for) belong to labels.
    """

    label: Label
    support: int
    scores: tuple[Score, ...]
    specificity: Score
    auroc: Score
    threshold: float | None


@dataclass(frozen=True)
class Comparison:
    """The finalist minus one baseline in one metric, on the same records."""

    baseline: str
    metric: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    reason: str | None

    @property
    def verdict(self) -> str:
        """ "ahead", "behind" or "open" by whether the interval holds 0; "none" where there is no interval."""
        if self.low is None or self.high is None:
            return "none"
        return "ahead" if self.low > 0 else "behind" if self.high < 0 else "open"

    @property
    def sentence(self) -> str:
        """One sentence a clinician can quote."""
        name, metric = words.baseline(self.baseline), words.inline(self.metric)
        if self.difference is None or self.low is None or self.high is None:
            why = self.reason or "no interval was recorded"
            return f"{words.label(self.metric)} could not be compared with {name}: not estimable ({why})."
        digits = words.digits_for(self.difference, self.low, self.high)
        span = f"{words.CI} {words.span(self.low, self.high, digits)}"
        by = words.decimal(abs(self.difference), digits)
        if self.verdict == "ahead":
            return f"Ahead of {name} by {by} in {metric} ({span})."
        if self.verdict == "behind":
            return f"Behind {name} by {by} in {metric} ({span}): the simpler model is the better one here."
        shown = words.decimal(self.difference, digits)
        return f"No difference from {name} could be shown in {metric}: {shown} ({span}), which includes 0."


@dataclass(frozen=True)
class Table:
    """One label in the test, by reference standard and decision: counts of records."""

    label: Label
    found: int
    missed: int
    false_alarms: int
    rightly_not: int


@dataclass(frozen=True)
class Tested:
    """One model on one split; `tuned` where its thresholds were fitted there."""

    scores: tuple[Score, ...]
    classes: tuple[ClassResult, ...]
    confusion: tuple[tuple[int, ...], ...]  # rows the reference standard; empty where there is none, or labels
    tables: tuple[Table, ...]  # one a label; empty of classes
    tuned: bool
    n: int
    patients: int | None
    method: str | None
    resamples: int | None

    def score(self, key: str) -> Score:
        return next((score for score in self.scores if score.key == key), Score(key, None))


@dataclass(frozen=True)
class Results:
    """What scores.json holds: the test, the tuning set, and the baselines on the same test records."""

    test: Tested
    validation: Tested | None
    baselines: tuple[tuple[str, Tested], ...]
    against: tuple[Comparison, ...]
    decision: str  # how probabilities became decisions, in a sentence; "" where that was not recorded

    def versus(self, metric: str = "macro_f1") -> tuple[Comparison, ...]:
        return tuple(comparison for comparison in self.against if comparison.metric == metric)


def read_results(file: Path, cohort: Cohort) -> Results | None:
    """The scores of a finalist; None where it was not tested; raises RunError where the file is damaged."""
    found = read(file)
    if found is None:
        return None
    if "test" not in found:
        raise damaged(file, "test is missing")
    decision = found.part("decision")
    # Of two classes there is one threshold, which the operating point shows.
    thresholds = decision.numbers("thresholds") if "thresholds" in decision and cohort.labelled else ()
    if thresholds and len(thresholds) != len(cohort.classes):
        raise damaged(file, f"decision has {len(thresholds)} thresholds, the data have {len(cohort.classes)} labels")
    # A baseline has thresholds of its own, which no page shows.
    baselines = tuple((name, _tested(part.part("test"), cohort)) for name, part in found.part("baselines").parts())
    against = [
        _comparison(name, metric, figures)
        for name, part in found.part("against").parts()
        for metric, figures in part.parts()
    ]
    validation = _tested(found.part("validation"), cohort) if "validation" in found else None
    test = _tested(found.part("test"), cohort, thresholds)
    return Results(test, validation, baselines, tuple(against), words.sentence(decision.text("reason") or ""))


def _tested(part: Part, cohort: Cohort, thresholds: tuple[float, ...] = ()) -> Tested:
    scores = [read_score(key, part.part(key)) for key in METRICS if key in part]
    per_class = part.part("per_class")
    confusion, tables = _confusion(part.part("confusion"), cohort)
    interval = part.part("interval")
    chosen = thresholds or (None,) * len(cohort.classes)
    return Tested(
        tuple(scores),
        tuple(
            _class(label, per_class.part(label.key), threshold)
            for label, threshold in zip(cohort.classes, chosen, strict=True)
            if label.key in per_class
        ),
        confusion,
        tables,
        part.flag("tuned"),
        part.count("n") or max((score.n or 0 for score in scores), default=0),
        part.count("patients"),
        interval.text("method"),
        interval.count("resamples"),
    )


def _confusion(part: Part, cohort: Cohort) -> tuple[tuple[tuple[int, ...], ...], tuple[Table, ...]]:
    matrix = () if cohort.labelled else part.matrix("matrix")
    counts = part.matrices("matrix") if cohort.labelled else ()
    for found, what in ((matrix, "classes"), (counts, "labels")):
        if found and len(found) != len(cohort.classes):
            raise damaged(part.file, f"confusion has {len(found)} {what}, the data have {len(cohort.classes)}")
    if any(len(table) != 2 for table in counts):
        raise damaged(part.file, "confusion has a table of a label that is not two by two")
    tables = [
        Table(label, found, missed, false, rightly)
        for label, ((rightly, false), (missed, found)) in zip(cohort.classes, counts, strict=False)
    ]
    return matrix, tuple(tables)


def _class(label: Label, part: Part, threshold: float | None) -> ClassResult:
    scores = tuple(read_score(key, part.part(key)) for key in CLASS_METRICS)
    specificity, auroc = (read_score(key, part.part(key)) for key in ("specificity", "auroc"))
    return ClassResult(label, part.count("support") or 0, scores, specificity, auroc, threshold)


def read_score(key: str, part: Part) -> Score:
    """One figure as the stages write it: {"value", "ci95", "n", "events", "reason"}."""
    low, high = part.pair("ci95") or (None, None)
    return Score(
        key, part.number("value"), low, high, part.count("n"), part.count("events"), read_reason(part.text("reason"))
    )


def _comparison(baseline: str, metric: str, part: Part) -> Comparison:
    low, high = part.pair("ci95") or (None, None)
    difference = part.number("difference")
    return Comparison(baseline, metric, difference, low, high, part.number("p"), read_reason(part.text("reason")))


def read_reason(reason: str | None) -> str | None:
    """Why a figure has no value or no usual interval, without what every such reason begins with."""
    return reason.removeprefix(_PREFIX) if reason else None
