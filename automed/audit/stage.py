"""The whole audit of one model: audit.json."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

from automed.audit.gap import BEYOND, UNDECIDED, WITHIN, Gap
from automed.audit.gaps import measure
from automed.audit.groups import Division, cross, divide
from automed.audit.probe import probe
from automed.audit.subject import Subject
from automed.audit.table import describe
from automed.audit.verdict import decide
from automed.evaluate.intervals import RESAMPLES
from automed.recipe.evaluate import Audit
from automed.run import now

NO_ATTRIBUTE = "The data name no sensitive attribute (data.sensitive), so no group could be compared."


def audit(
    subject: Subject,
    settings: Audit,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    tell: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> dict[str, Any]:
    """Describe every group, measure every gap, and decide.

    Args:
        subject: what is audited.
        settings: the recipe's `audit`.
        resamples: of the bootstrap.
        seed: of bootstrap, permutations and folds.
        tell: hears what is done, how many parts are over, and of how many.

    Returns:
        The content of audit.json: {"made", "settings", "n", "patients", "divisions": [{"key", "note", "crossing",
        "rows", "probe"}], "gaps", "verdict", "sentence", "interval", "seconds"}. `verdict` is that of the gaps which
        `settings.gate` names: beyond where one is, within where all are, else undecided.
    """
    started = time.monotonic()
    divisions = divided(subject, settings.min_group)
    told, gaps = [], []
    for done, division in enumerate(divisions):
        tell(f"auditing {division.key}", done, len(divisions))
        crossing = division.key not in subject.attributes
        told.append(
            {
                "key": division.key,
                "note": division.note,
                "crossing": crossing,
                "rows": describe(subject, division, settings.min_group, resamples, seed),
                "probe": None if crossing else _probe(subject, division, settings, seed),
            }
        )
        gaps += measure(subject, division, settings.min_group, settings.gap, resamples, settings.permutations, seed)
    tell("auditing", len(divisions), len(divisions))
    gaps = decide(gaps, settings.gap)
    verdict = overall([gap for gap in gaps if gap.kind in settings.gate])
    return {
        "made": now(),
        "settings": settings.model_dump(mode="json"),
        "n": len(subject.sample.y),
        "patients": int(subject.patient.max()) + 1,
        "divisions": told,
        "gaps": [gap.as_json() for gap in gaps],
        "verdict": verdict,
        "sentence": _sentence(gaps, settings) if divisions else NO_ATTRIBUTE,
        "interval": {"level": 0.95, "resamples": resamples, "permutations": settings.permutations, "seed": seed},
        "seconds": round(time.monotonic() - started, 2),
    }


def divided(subject: Subject, min_group: int) -> list[Division]:
    """Every attribute, then every crossing of two."""
    single = [divide(key, values, min_group) for key, values in subject.attributes.items()]
    return [*single, *(cross(one, other) for one, other in itertools.combinations(single, 2))]


def overall(gaps: Sequence[Gap]) -> str:
    """One word for several gaps; what could not be decided never looks like passed."""
    verdicts = {gap.verdict for gap in gaps}
    if BEYOND in verdicts:
        return BEYOND
    return WITHIN if verdicts == {WITHIN} else UNDECIDED


def _probe(subject: Subject, division: Division, settings: Audit, seed: int) -> dict[str, Any] | None:
    if subject.features is None:
        return None
    sample = subject.sample
    return probe(
        subject.features, division, sample.y, subject.patient, settings.min_group, seed, classes=sample.classes
    )


def _sentence(gaps: Sequence[Gap], settings: Audit) -> str:
    counts = {word: sum(gap.verdict == word for gap in gaps) for word in (BEYOND, WITHIN, UNDECIDED)}
    aside = sum(gap.verdict == BEYOND and gap.kind not in settings.gate for gap in gaps)
    text = (
        f"Of {len(gaps)} gaps between groups, {counts[BEYOND]} are beyond the limit of {settings.gap:.2f},"
        f" {counts[WITHIN]} are within it, and {counts[UNDECIDED]} could not be decided with these records."
    )
    if aside:
        text += f" Of those beyond it, {aside} are of a kind that the recipe does not hold against the model."
    return text
