"""What the tests of explanations came to, as the page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part

METHODS = {
    "shap": "SHAP",
    "lime": "LIME",
    "gradcam": "Grad-CAM",
    "integrated_gradients": "Integrated gradients",
    "occlusion": "Occlusion",
}
# Of each test its name and what it asks.
CHECKS = {
    "skill": ("Model skill", "Is the model itself better than chance?"),
    "faithfulness": ("Faithfulness", "Does hiding what is marked matter more than hiding something else?"),
    "randomisation": ("Random weights", "Does the map change when the network has learnt nothing?"),
    "stability": ("Stability", "Do other seeds and slight noise give the same map?"),
    "agreement": ("Agreement", "Do the methods mark the same places?"),
    "localisation": ("Localisation", "Does what is marked lie where the sign is known to be?"),
    "groups": ("Groups", "Are explanations as good for one group as for another?"),
}
# Of each verdict a sign, the word on the page, and the class of its colour.
VERDICTS = {
    "passed": ("✓", "passed", "right"),
    "failed": ("✗", "failed", "wrong"),
    "could not be decided": ("?", "undecided", "open"),
    "not applicable": ("–", "not applicable", "none"),
    "not validated": ("–", "not tested", "open"),
}


@dataclass(frozen=True)
class Verdict:
    """One verdict: its sign, its word and the class of its colour."""

    sign: str
    word: str
    look: str

    @classmethod
    def of(cls, text: str | None) -> Verdict:
        """By its text in explain.json; what is not known could not be decided."""
        return cls(*VERDICTS.get(text or "", VERDICTS["could not be decided"]))


@dataclass(frozen=True)
class Measure:
    """One figure of a test, with its interval where there is one, in words."""

    what: str
    value: str
    interval: str
    n: int | None


@dataclass(frozen=True)
class Check:
    """One test of one method."""

    key: str
    verdict: Verdict
    sentence: str
    limits: str
    counts: bool
    measures: tuple[Measure, ...]

    @property
    def title(self) -> str:
        return CHECKS.get(self.key, (words.label(self.key).capitalize(), ""))[0]

    @property
    def question(self) -> str:
        return CHECKS.get(self.key, ("", ""))[1]


@dataclass(frozen=True)
class Curves:
    """Lines over a share from 0 to 1, or over named stages; `lines` by what they are of."""

    at: tuple[float, ...]
    lines: tuple[tuple[str, tuple[float, ...]], ...]
    stages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """One method on this model."""

    key: str
    explainer: str
    reason: str
    verdict: Verdict
    checks: tuple[Check, ...]
    parameters: tuple[tuple[str, str], ...]
    unit: str
    signed: bool
    gap: str | None  # in words
    seconds: float | None  # a case
    hiding: Curves | None
    showing: Curves | None
    random: Curves | None
    overview: tuple[tuple[str, Part], ...]

    @property
    def title(self) -> str:
        return METHODS.get(self.key, words.label(self.key))

    @property
    def tag(self) -> str | None:
        """What stands at each of its pictures, in few words; None where the method passed."""
        short = {"failed": "not validated for this model", "not tested": "not tested", "passed": None}
        return short.get(self.verdict.word, "could not be validated")

    @property
    def banner(self) -> tuple[str, str] | None:
        """The same above its figures, and why; None where the method passed."""
        if self.verdict.word == "passed":
            return None
        if self.verdict.word == "not tested":
            return "Not tested on this model:", "whether its pictures can be trusted is not known."
        lost = [check.title.lower() for check in self.checks if check.counts and check.verdict.look == "wrong"]
        if self.verdict.word == "failed":
            return "Not validated for this model:", f"failed in {words.listing(lost) or 'its tests'}."
        unknown = [check.title.lower() for check in self.checks if check.counts and check.verdict.look == "open"]
        return "Could not be validated:", f"{words.listing(unknown) or 'its tests'} could not be decided."

    def check(self, key: str) -> Check | None:
        return next((check for check in self.checks if check.key == key), None)

    @property
    def measured(self) -> bool:
        """Whether its tests have figures."""
        return any(check.measures for check in self.checks)

    @property
    def shortcut(self) -> str | None:
        """The sentence that says that the maps point at something else than the sign; None where they do not."""
        found = self.check("localisation")
        if found is None or found.verdict.look != "wrong":
            return None
        start = found.sentence.find("The maps point at")
        return None if start < 0 else found.sentence[start:].partition(": ")[0].rstrip(".") + "."


def read_method(part: Part) -> Method:
    """One entry of `methods`; raises RunError where it is damaged."""
    gap = part.part("gap")
    mean, largest = gap.number("mean"), gap.number("largest")
    checks = tuple(_check(row) for row in part.rows("findings"))
    faithful, random = (_curves_of(part, key) for key in ("faithfulness", "randomisation"))
    return Method(
        part.need_text("name"),
        part.text("explainer") or "not recorded",
        words.sentence(part.text("reason") or ""),
        Verdict.of(part.text("verdict")),
        checks,
        tuple((words.label(key), value) for key, value in part.part("parameters").plain().items()),
        part.text("unit") or "",
        part.flag("signed"),
        None
        if mean is None or largest is None
        else f"{words.decimal(mean, 3)} on average, {words.decimal(largest, 3)} at most",
        part.number("seconds_per_case"),
        _removal(faithful, "deletion"),
        _removal(faithful, "insertion"),
        _stages(random),
        tuple(part.part("overview").parts()),
    )


def _check(row: Part) -> Check:
    return Check(
        row.need_text("check"),
        Verdict.of(row.text("verdict")),
        row.text("sentence") or "",
        row.text("limits") or "",
        row.flag("counts"),
        tuple(_measure(key, figure) for key, figure in row.part("figures").parts()),
    )


def _measure(key: str, figure: Part) -> Measure:
    value, interval = figure.number("value"), figure.pair("ci95")
    reason = (figure.text("reason") or "no reason was recorded").removeprefix("not estimable: ")
    return Measure(
        figure.text("what") or key,
        "not estimable" if value is None else words.decimal(value, 3),
        f"none: {reason}" if interval is None else words.span(*interval, 3),
        figure.count("n"),
    )


def _curves_of(part: Part, key: str) -> Part | None:
    return next((row.part("curves") for row in part.rows("findings") if row.text("check") == key), None)


def _removal(curves: Part | None, which: str) -> Curves | None:
    if curves is None:
        return None
    amounts, lines = curves.numbers("amount"), curves.part(which)
    found = tuple((key, lines.numbers(key)) for key in lines.value)
    fits = amounts and found and all(len(values) == len(amounts) for _, values in found)
    return Curves(amounts, found) if fits else None


def _stages(curves: Part | None) -> Curves | None:
    """Only the stages at which there is a correlation; none where there is no second one."""
    if curves is None:
        return None
    values = curves.value.get("correlation")
    known = [k for k, value in enumerate(values) if value is not None] if isinstance(values, list) else []
    stages = curves.texts("stage")
    if len(known) < 2 or len(stages) != len(values or ()):
        return None
    kept = Part(curves.file, {"kept": [(values or [])[k] for k in known]}, curves.place).numbers("kept")
    at = tuple(k / (len(known) - 1) for k in range(len(known)))
    return Curves(at, (("correlation", kept),), tuple(stages[k] for k in known))
