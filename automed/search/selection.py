"""Which trials become finalists: the best by validation macro-F1, or the fairest of those nearly as good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automed.recipe.evaluate import Audit
from automed.search.journal import TrialStory

SIDE_BY_SIDE = 2  # finalists that a fair selection keeps at least: the fair one and the best


def finalists_wanted(asked: int, audit: Audit) -> int:
    """How many of the best trials are kept whole."""
    return max(asked, SIDE_BY_SIDE) if audit.select == "fair" else asked


def ordered(stories: Sequence[TrialStory], audit: Audit) -> list[TrialStory]:
    """Trials with a score, the winner first.

    With `select: fair` it is the one whose worst group has the highest macro-F1, of those within `distance` of the
    best; then comes the best, and the others as they are.
    """
    best = sorted(stories, key=_order)
    fair = _fairest(best, audit) if audit.select == "fair" else None
    if fair is None or fair is best[0]:
        return best
    return [fair, *(story for story in best if story is not fair)]


def selection(stories: Sequence[TrialStory], audit: Audit) -> dict[str, Any] | None:
    """Both winners side by side and what fairness cost on validation; None where there is no trial.

    Returns:
        {"rule", "distance", "best", "fair", "same", "cost", "gain", "sentence"}; best and fair are {"number",
        "architecture", "macro_f1", "worst_group", "group"}; fair is None where no group was large enough. `cost` is the
        macro-F1 that the fair one lacks, `gain` what its worst group has more.
    """
    best = sorted(stories, key=_order)
    if not best:
        return None
    fair = _fairest(best, audit)
    told: dict[str, Any] = {
        "rule": audit.select,
        "distance": audit.distance,
        "best": _told(best[0]),
        "fair": _told(fair) if fair else None,
        "same": fair is best[0],
        "cost": None,
        "gain": None,
    }
    if fair and fair.macro_f1 is not None and best[0].macro_f1 is not None:
        told["cost"] = best[0].macro_f1 - fair.macro_f1
        if fair.worst_group is not None and best[0].worst_group is not None:
            told["gain"] = fair.worst_group - best[0].worst_group
    return told | {"sentence": _sentence(told, audit)}


def _order(story: TrialStory) -> tuple[float, int, int]:
    return -(story.macro_f1 or 0.0), story.parameters or 0, story.number


def _fairest(best: Sequence[TrialStory], audit: Audit) -> TrialStory | None:
    if not best or best[0].macro_f1 is None:
        return None
    floor = best[0].macro_f1 - audit.distance
    near = [s for s in best if s.macro_f1 is not None and s.macro_f1 >= floor and s.worst_group is not None]
    # Ties go to the better one overall, which comes first.
    return max(near, key=lambda story: story.worst_group or 0.0, default=None)


def _told(story: TrialStory) -> dict[str, Any]:
    return {
        "number": story.number,
        "architecture": story.architecture,
        "macro_f1": story.macro_f1,
        "worst_group": story.worst_group,
        "group": story.group,
    }


def _sentence(told: dict[str, Any], audit: Audit) -> str:
    best, fair = told["best"], told["fair"]
    if fair is None:
        return f"No group has {audit.min_group} validation records, so candidates could not be compared by groups."
    worst = f"macro-F1 {fair['worst_group']:.3f} in its worst group ({fair['group']})"
    if told["same"]:
        return f"Candidate {best['number']} has the highest macro-F1 and the best worst group near it: {worst}."
    text = (
        f"Candidate {fair['number']} has the best worst group of those within {audit.distance:g} of the best: {worst},"
        f" {told['gain']:.3f} more than candidate {best['number']}, for {told['cost']:.3f} less macro-F1 overall."
    )
    chosen = "It was chosen." if audit.select == "fair" else "The recipe asks for the best overall, which was chosen."
    return f"{text} {chosen} Both figures are of the tuning set, and have no interval."
