"""This finalist against every other model on the same records, with p values corrected for their number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from automed.report import words
from automed.report.artefact import Part
from automed.report.results import Score, read_reason

METRICS = ("macro_f1", "auroc", "accuracy")


@dataclass(frozen=True)
class Tested:
    """The difference in one metric: this model minus the other."""

    score: Score
    p_holm: float | None  # corrected for the number of other models

    @property
    def p(self) -> str:
        """As journals print it; nothing where there is no difference."""
        return "" if self.score.value is None else words.p_value(self.p_holm)


@dataclass(frozen=True)
class Other:
    """The differences from one other model, by metric."""

    name: str
    baseline: bool
    differences: tuple[Tested, ...]

    def find(self, metric: str) -> Tested | None:
        return next((one for one in self.differences if one.score.key == metric), None)


@dataclass(frozen=True)
class Comparisons:
    """All of them."""

    others: tuple[Other, ...]
    metrics: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """How many differences in macro-F1 remain after the correction."""
        found = [one.p_holm for other in self.others if (one := other.find(METRICS[0]))]
        held = [p for p in found if p is not None]
        if not held:
            return "No difference in macro-F1 from another model is estimable."
        clear = sum(p < 0.05 for p in held)
        return (
            f"Of {words.plural(len(held), 'difference')} in macro-F1, {clear or 'none'} "
            f"{'is' if clear == 1 else 'are' if clear else 'is'} clear after correction for their number (p under .05)."
        )


def read_comparisons(rows: list[Part], finalists: Mapping[str, str]) -> Comparisons | None:
    """Comparisons by model; None where none was made.

    Args:
        rows: `comparisons` of evaluation.json.
        finalists: by folder name the name on the page, as "2. ResNet".
    """
    others = []
    for row in rows:
        name = row.need_text("against")
        differences = tuple(_difference(key, row.part(key)) for key in METRICS if key in row)
        others.append(Other(finalists.get(name) or words.baseline(name), name not in finalists, differences))
    metrics = tuple(key for key in METRICS if any(other.find(key) for other in others))
    return Comparisons(tuple(others), metrics) if others else None


def _difference(key: str, part: Part) -> Tested:
    low, high = part.pair("ci95") or (None, None)
    reason = read_reason(part.text("reason"))
    return Tested(Score(key, part.number("difference"), low, high, reason=reason), part.number("p_holm"))
