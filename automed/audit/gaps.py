"""The four gaps between the groups of one division, each with an interval and a test.

    equal_opportunity   largest difference in sensitivity, over all questions
    equalised_odds      the same over sensitivity and false-positive rate
    demographic_parity  largest difference in the share flagged; expected where the prevalence truly differs
    worst_group         macro-F1 of the best group minus that of the worst

`value` is the largest difference seen, the same as fairlearn's; of several differences the largest is too large on
average, which is why it is never judged by itself but by its interval (`simultaneous`) and its test (`permutation`).

Source: Hardt, Price and Srebro 2016, NeurIPS 29 (equal opportunity, equalised odds); Bird et al. 2020, Fairlearn,
MSR-TR-2020-32 (the differences); Sagawa et al. 2020, arXiv:1911.08731 (worst group).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from automed.audit import permutation, simultaneous
from automed.audit.gap import (
    DEMOGRAPHIC_PARITY,
    EQUAL_OPPORTUNITY,
    EQUALISED_ODDS,
    WORST_GROUP,
    Gap,
    LeftOut,
    Side,
)
from automed.audit.groups import Division
from automed.audit.rates import (
    FALSE_POSITIVE_RATE,
    FLAGGED,
    MACRO_F1,
    SENSITIVITY,
    Figure,
    Floats,
    Pieces,
    figures,
    pieces,
    ratios,
)
from automed.audit.simultaneous import Spread
from automed.audit.subject import Subject
from automed.audit.verdict import decide, describe, smallest

__all__ = ["Gap", "decide", "measure"]

KINDS: Mapping[str, tuple[str, ...]] = {
    EQUAL_OPPORTUNITY: (SENSITIVITY,),
    EQUALISED_ODDS: (SENSITIVITY, FALSE_POSITIVE_RATE),
    DEMOGRAPHIC_PARITY: (FLAGGED,),
    WORST_GROUP: (MACRO_F1,),
}
IMMOVABLE = "within each class all patients are of one group, so that the test cannot tell"


def measure(
    subject: Subject,
    division: Division,
    min_group: int,
    limit: float,
    resamples: int,
    permutations: int,
    seed: int,
) -> list[Gap]:
    """The four gaps of one division; `decide` then gives the verdicts, when those of all divisions are known.

    Args:
        subject: n records with decisions.
        division: how they are divided; a missing attribute is a group like others.
        min_group: records that a group needs to be compared.
        limit: the largest gap that is accepted, 0 to 1.
        resamples: of the bootstrap.
        permutations: of the test.
        seed: of both.
    """
    parts = ratios(subject)
    units = pieces(parts, subject.patient, division.code)
    groups = len(division.groups)
    asked = figures(subject, division, units, min_group)
    live = [figure for figure in asked if len(figure.compared) > 1]
    spreads: list[Spread] = []
    statistics: dict[tuple[str, str | None], Floats] = {}
    moves = True
    if live:
        spreads = simultaneous.spreads(live, units, groups, resamples, seed)
        by_class = permutation.strata(subject.sample.inside, units)
        moves = permutation.movable(units, by_class)
        for stratum, flagged in ((by_class, False), (np.zeros_like(by_class), True)):
            chosen = [figure for figure in live if (figure.name == FLAGGED) == flagged]
            if chosen:
                found = permutation.largest(chosen, parts, units, groups, stratum, permutations, seed)
                statistics |= {figure.key: values for figure, values in zip(chosen, found, strict=True)}
    gaps = []
    for kind, names in KINDS.items():
        wanted = [figure for figure in asked if figure.name in names]
        own = [spread for spread in spreads if spread.figure.name in names]
        common = Gap(division.key, kind, names[0], limit=limit, left_out=_left_out(wanted, division))
        if not own:
            gaps.append(replace(common, reason=_why_not(wanted)))
            continue
        gap = _compare(common, own, units, division)
        gaps.append(
            replace(
                gap,
                p=permutation.p_value([statistics[spread.figure.key] for spread in own]),
                permutations=permutations,
                reason=_caveat(wanted, moves or kind == DEMOGRAPHIC_PARITY),
            )
        )
    return [replace(gap, sentence=describe(gap)) for gap in gaps]


def _compare(common: Gap, own: Sequence[Spread], units: Pieces, division: Division) -> Gap:
    """The largest difference, its two groups and its interval."""
    found = simultaneous.limits(own)
    spread = max(own, key=lambda each: float(np.abs(each.difference).max()))
    pair = int(np.abs(spread.difference).argmax())
    high, low = _sides(spread, pair, units, division)
    error = float(spread.pairs.error[pair])
    surest, of = own[found.surest[0]], found.surest[1]
    other = None
    if found.low > 0 and (surest is not spread or of != pair):
        other = (surest.figure.name, surest.figure.question, *_sides(surest, of, units, division))
    return replace(
        common,
        figure=spread.figure.name,
        question=spread.figure.question,
        high=high,
        low=low,
        value=high.value - low.value,
        ci95=(found.low, found.high),
        detectable=smallest(error, found.critical, 1),
        surest=other,
        critical=found.critical,
        error=error,
    )


def _sides(spread: Spread, pair: int, units: Pieces, division: Division) -> tuple[Side, Side]:
    """The two groups of a pair, the one with the higher value first."""
    n = np.bincount(division.code, minlength=len(division.groups))
    events = units.total(units.risk[:, list(spread.figure.ratios)], len(division.groups)).min(axis=1)
    sides = []
    for place in (int(spread.pairs.first[pair]), int(spread.pairs.second[pair])):
        code = int(spread.figure.compared[place])
        sides.append(Side(division.groups[code], float(spread.value[place]), int(n[code]), int(events[code])))
    first, second = sides
    return (second, first) if second.value > first.value else (first, second)


def _left_out(wanted: Sequence[Figure], division: Division) -> tuple[LeftOut, ...]:
    n = np.bincount(division.code, minlength=len(division.groups))
    found = []
    for code, group in enumerate(division.groups):
        reasons = {_called(figure): figure.left_out[code] for figure in wanted if code in figure.left_out}
        if not reasons:
            continue
        alike = len(reasons) == len(wanted) and len(set(reasons.values())) == 1
        why = next(iter(reasons.values())) if alike else "; ".join(f"{name}: {why}" for name, why in reasons.items())
        found.append(LeftOut(group, int(n[code]), f"not estimable: {why}", len(reasons) == len(wanted)))
    return tuple(found)


def _called(figure: Figure) -> str:
    name = figure.name.replace("_", " ").replace("false positive", "false-positive")
    return f"{name} for {figure.question}" if figure.question else "macro-F1"


def _why_not(wanted: Sequence[Figure]) -> str:
    """Of the figure that comes nearest to being comparable."""
    nearest = max(wanted, key=lambda figure: len(figure.compared), default=None)
    return nearest.note if nearest else "there is no question to compare groups in"


def _caveat(wanted: Sequence[Figure], moves: bool) -> str | None:
    """What a gap with a value does not cover."""
    notes = [] if moves else [IMMOVABLE]
    notes += [figure.note for figure in wanted if figure.name == MACRO_F1 and figure.note]
    absent = [_called(figure) for figure in wanted if len(figure.compared) < 2]
    if absent:
        notes.append(f"not estimable in two groups, and so not compared: {', '.join(absent)}")
    return "; ".join(notes) or None
