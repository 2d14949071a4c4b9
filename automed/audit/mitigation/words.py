"""What may be concluded from ways of narrowing gaps that were tried, in sentences for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

LEVEL = 0.05
NAMES = {
    "plain": "plain training",
    "reweight": "reweighting",
    "resample": "resampling",
    "penalty": "a fairness penalty",
    "thresholds": "thresholds by group",
}
EXPECTED = (
    "Zong, Yang and Hospedales (MEDFAIR, ICLR 2023) found the same of 11 methods on 9 data sets of medical images."
)

Row = Mapping[str, Any]


def conclude(rows: Sequence[Row]) -> tuple[str, str]:
    """A verdict (better, none_better, undecided, none_tried) and sentences, from the rows of a table, plain first."""
    tried = [row for row in rows[1:] if row["against"]]
    if not tried:
        return "none_tried", "No method could be compared with plain training."
    decided = [row for row in tried if row["against"]["worst_group"]["p_holm"] is not None]
    better = [row for row in decided if _shown(row, "worst_group", up=True)]
    if better:
        verdict, sentences = "better", [_better(row, rows[0]) for row in better]
    elif decided:
        verdict, sentences = "none_better", [_none(len(decided)), EXPECTED]
    else:
        reason = tried[0]["against"]["worst_group"]["reason"]
        verdict, sentences = "undecided", [f"Whether a method helps the worst group could not be decided: {reason}."]
    sentences += [_level(row) for row in tried if row not in better and _shown(row, "gap", up=False)]
    sentences += [_worse(row) for row in decided if _shown(row, "worst_group", up=False)]
    return verdict, " ".join(sentences)


def _none(count: int) -> str:
    if count == 1:
        return "The one method tried could not be shown to do better than plain training for the worst group."
    return f"None of the {count} methods could be shown to do better than plain training for the worst group."


def _better(row: Row, plain: Row) -> str:
    against = row["against"]
    name, worst, cost = _name(row), against["worst_group"], against["macro_f1"]
    text = (
        f"{name} raised macro-F1 of the worst group from {worst['baseline']:.3f} ({plain['worst_group']['group']}) to"
        f" {worst['model']:.3f} ({row['worst_group']['group']}), a difference of {_figure(worst)}"
    )
    if against["gap"]["difference"] is not None:
        gap = against["gap"]
        text += f"; the largest gap in sensitivity went from {gap['baseline']:.3f} to {gap['model']:.3f}"
    if cost["difference"] is None:
        return f"{text}."
    what = "at the cost of a change" if cost["difference"] < 0 else "with a change"
    return f"{text}, {what} in macro-F1 over all records of {_figure(cost)}."


def _level(row: Row) -> str:
    gap = row["against"]["gap"]
    return (
        f"{_name(row)} narrowed the largest gap in sensitivity from {gap['baseline']:.3f} to {gap['model']:.3f},"
        " without being shown to help the worst group."
    )


def _worse(row: Row) -> str:
    return f"{_name(row)} did worse for the worst group, by {_figure(row['against']['worst_group'])}."


def _shown(row: Row, measure: str, *, up: bool) -> bool:
    test = row["against"][measure]
    return test["p_holm"] is not None and test["p_holm"] < LEVEL and (test["difference"] > 0) == up


def _name(row: Row) -> str:
    name = NAMES.get(str(row["method"]), str(row["method"]))
    return name[0].upper() + name[1:]


def _figure(test: Mapping[str, Any]) -> str:
    low, high = test["ci95"]
    return f"{test['difference']:+.3f} (95 % interval {low:+.3f} to {high:+.3f})"
