"""One figure of several seeds, from what their cells keep: its mean, and how far that can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, variance

from scipy.stats import t

from automed.benchmark.comparison.seeds import LEVEL
from automed.benchmark.record import Cell
from automed.report.results import Score


def over_seeds(cells: Sequence[Cell], metric: str = "macro_f1") -> Score:
    """The mean of a metric between 0 and 1 over the seeds that are done, with a 95 % interval.

    Both sources of error enter it. Other patients would have been tested: the cells' own intervals say how much that
    is, and since all seeds are tested on the same records, it is taken to be as much for their mean. Other trainings
    would have come out: the spread between seeds says so, with Student's quantile for their number. One seed says
    nothing of that.

    Args:
        cells: of one recipe and engine at one point, one a seed.
        metric: of a cell's scores.

    Source: Banerjee 1960, Sankhya 22:359-376 (each variance keeps the t quantile of its own degrees of freedom).
    """
    done = [cell for cell in cells if cell.status == "done" and cell.value(metric) is not None]
    if not done:
        return Score(metric, None, reason=_why(cells, metric))
    values = [float(cell.value(metric) or 0.0) for cell in done]
    mean = fmean(values)
    kept = [cell.scores[metric] for cell in done]
    counts = [score["n"] for score in kept if score.get("n") is not None]
    n = max(counts) if counts else None
    spans = [score["ci95"] for score in kept if score.get("ci95") is not None]
    if len(spans) < len(done):
        reason = next(
            (str(score["reason"]) for score in kept if score.get("ci95") is None and score.get("reason")), None
        )
        return Score(metric, mean, n=n, reason=reason)
    below = fmean(value - float(low) for value, (low, _) in zip(values, spans, strict=True))
    above = fmean(float(high) - value for value, (_, high) in zip(values, spans, strict=True))
    between = 0.0
    if len(values) > 1:
        quantile = float(t.isf(LEVEL / 2, len(values) - 1))
        between = quantile**2 * variance(values) / len(values)
    low, high = mean - math.sqrt(below**2 + between), mean + math.sqrt(above**2 + between)
    return Score(metric, mean, max(0.0, low), min(1.0, high), n)


def spread(values: Sequence[float]) -> tuple[float, float, float] | None:
    """Mean, smallest and largest of what is a number; None where nothing is."""
    known = [value for value in values if math.isfinite(value)]
    return (fmean(known), min(known), max(known)) if known else None


def _why(cells: Sequence[Cell], metric: str) -> str:
    if not cells:
        return "not run"
    done = [cell for cell in cells if cell.status == "done"]
    if done:
        told = (done[0].scores.get(metric) or {}).get("reason")
        return str(told or "this score is not kept")
    return str(cells[0].reason or "no reason is kept")
