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
CHECKS = {
    "skill": "Model skill",
    "faithfulness": "Faithfulness",
    "randomisation": "Random weights",
    "stability": "Stability",
    "agreement": "Agreement",
    "localisation": "Localisation",
    "groups": "Groups",
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
class Check:
    """One test of one method."""

    key: str
    verdict: Verdict
    sentence: str
    limits: str
    counts: bool

    @property
    def title(self) -> str:
        return CHECKS.get(self.key, words.label(self.key))


@dataclass(frozen=True)
class Curves:
    """How the probability falls while more and more of a record is hidden; `lines` by what was hidden first."""

    amounts: tuple[float, ...]
    lines: tuple[tuple[str, tuple[float, ...]], ...]


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
    curves: Curves | None
    overview: tuple[tuple[str, Part], ...]

    @property
    def title(self) -> str:
        return METHODS.get(self.key, words.label(self.key))

    @property
    def banner(self) -> str | None:
        """What must stand beside each of its pictures; None where the method passed."""
        if self.verdict.word == "passed":
            return None
        if self.verdict.word == "not tested":
            return "Not tested on this model: nothing is known about whether this picture can be trusted."
        lost = [check.title.lower() for check in self.checks if check.counts and check.verdict.look == "wrong"]
        if self.verdict.word == "failed":
            return f"Not validated for this model: failed in {words.listing(lost) or 'its tests'}."
        unknown = [check.title.lower() for check in self.checks if check.counts and check.verdict.look == "open"]
        return f"Could not be validated: {words.listing(unknown) or 'its tests'} could not be decided."

    def check(self, key: str) -> Check | None:
        return next((check for check in self.checks if check.key == key), None)

    @property
    def shortcut(self) -> str | None:
        """The sentence that says that the maps point at something else than the sign; None where they do not."""
        found = self.check("localisation")
        if found is None or found.verdict.look != "wrong":
            return None
        start = found.sentence.find("The maps point at")
        return None if start < 0 else found.sentence[start:].partition(": ")[0] + "."


def read_method(part: Part) -> Method:
    """One entry of `methods`; raises RunError where it is damaged."""
    gap = part.part("gap")
    mean, largest = gap.number("mean"), gap.number("largest")
    checks = tuple(_check(row) for row in part.rows("findings"))
    return Method(
        part.need_text("name"),
        part.text("explainer") or "not recorded",
        part.text("reason") or "",
        Verdict.of(part.text("verdict")),
        checks,
        tuple((words.label(key), value) for key, value in part.part("parameters").plain().items()),
        part.text("unit") or "",
        part.flag("signed"),
        None
        if mean is None or largest is None
        else f"{words.decimal(mean, 3)} on average, {words.decimal(largest, 3)} at most",
        part.number("seconds_per_case"),
        _curves(part),
        tuple(part.part("overview").parts()),
    )


def _check(row: Part) -> Check:
    return Check(
        row.need_text("check"),
        Verdict.of(row.text("verdict")),
        row.text("sentence") or "",
        row.text("limits") or "",
        row.flag("counts"),
    )


def _curves(part: Part) -> Curves | None:
    for row in part.rows("findings"):
        if row.text("check") != "faithfulness":
            continue
        curves = row.part("curves")
        amounts, lines = curves.numbers("amount"), curves.part("deletion")
        found = tuple((key, lines.numbers(key)) for key in lines.value)
        if amounts and found and all(len(values) == len(amounts) for _, values in found):
            return Curves(amounts, found)
    return None
