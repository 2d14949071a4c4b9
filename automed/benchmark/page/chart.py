"""One figure over points as a small chart: where something failed, and where figures began to be of something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from automed.report import words
from automed.report.axes import limits, number, steps
from automed.report.explanations import strokes
from automed.report.explanations.picture import WIDTH
from automed.report.figures import Figure

LEFT, RIGHT, TOP, HIGH, FOOT = 44.0, 14.0, 18.0, 130.0, 40.0  # CSS pixels
MOST_TICKS = 5
MOST_DATES = 4
DATE = 76.0  # CSS pixels that a date needs
MOST_BARS = 40  # points; of more the intervals are a band
NAMED = 4  # breaks that are named below a chart
BAND = 0.16  # opacity


@dataclass(frozen=True)
class Moment:
    """One figure at one point; without a value it was not there, and `failed` says whether it should have been."""

    point: int
    date: str
    value: float | None
    low: float | None = None
    high: float | None = None
    failed: bool = False


@dataclass(frozen=True)
class Break:
    """From this point on figures are of something else: "recipe" or "hardware"."""

    point: int
    what: str


def chart(
    name: str,
    title: str,
    what: str,
    moments: Sequence[Moment],
    breaks: Sequence[Break],
    *,
    of: str,
    unit: str = "",
    score: bool = False,
) -> Figure:
    """One figure over points.

    Args:
        name: unique on its page.
        title: above it.
        what: is drawn, within a sentence.
        moments: in the order of points.
        breaks: where figures begin to be of something else.
        of: what it is of, within a sentence.
        unit: of the figures.
        score: whether they lie between 0 and 1.
    """
    alt = words.clean(_alt(what, of, moments, breaks, unit, score))
    return Figure(name, title, alt, _draw(moments, breaks, alt, unit, score), None, words.clean(_note(moments, breaks)))


# --- words --------------------------------------------------------------------------------------------------------


def _alt(what: str, of: str, moments: Sequence[Moment], breaks: Sequence[Break], unit: str, score: bool) -> str:
    known = [moment for moment in moments if moment.value is not None]
    if not known:
        return f"{words.capitalize_first(what)} of {of}: none of {words.plural(len(moments), 'point')} has one."
    first, last = known[0], known[-1]
    least, most = (pick(known, key=lambda moment: moment.value or 0.0) for pick in (min, max))
    said = (
        f"{words.capitalize_first(what)} of {of} over {words.plural(len(moments), 'point')}: "
        f"{_value(first, unit, score)} at point {first.point} ({first.date}), "
        f"{_value(last, unit, score)} at point {last.point} ({last.date})"
    )
    if len(known) > 2:
        said += f"; lowest {_value(least, unit, score)} at point {least.point}"
        said += f", highest {_value(most, unit, score)} at point {most.point}"
    return f"{said}. {_note(moments, breaks)}".strip()


def _value(moment: Moment, unit: str, score: bool) -> str:
    assert moment.value is not None
    if not score:
        text = words.decimal(moment.value, 0 if abs(moment.value) >= 10 else 2)
        return f"{text} {unit}".strip()
    if moment.low is None or moment.high is None:
        return words.decimal(moment.value)
    return f"{words.decimal(moment.value)} ({words.span(moment.low, moment.high)})"


def _note(moments: Sequence[Moment], breaks: Sequence[Break]) -> str:
    """Where figures are not comparable, and where there are none."""
    told = []
    for what, text in (("recipe", "Another recipe"), ("hardware", "Other hardware")):
        points = [one.point for one in breaks if one.what == what]
        if points:
            told.append(f"{text} from point {_points(points)}.")
    failed = [moment.point for moment in moments if moment.failed]
    if failed:
        told.append(f"Failed in point {_points(failed)}.")
    return " ".join(told)


def _points(points: Sequence[int]) -> str:
    named = [str(point) for point in points[:NAMED]]
    rest = len(points) - len(named)
    return words.listing([*named, f"{rest} more"] if rest else named)


# --- the drawing --------------------------------------------------------------------------------------------------


def _draw(moments: Sequence[Moment], breaks: Sequence[Break], alt: str, unit: str, score: bool) -> Markup:
    first, last = moments[0].point, moments[-1].point
    low, high = _limits(moments, score)

    def x(point: float) -> float:
        return LEFT + (point - first) / max(1, last - first) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return TOP + (high - value) / (high - low) * HIGH

    ticks = steps(low, high, MOST_TICKS)
    parts = [
        strokes.lines([[(LEFT, y(at)), (WIDTH - RIGHT, y(at))] for at in ticks], "--rule"),
        strokes.line([(LEFT, TOP + HIGH), (WIDTH - RIGHT, TOP + HIGH)], "--pale"),
    ]
    parts += [strokes.label(_tick(at), LEFT - 7, y(at) + 4, colour="--muted", size=10.5, anchor="end") for at in ticks]
    if unit:
        parts.append(strokes.label(unit, 4, 9, colour="--muted", size=10.5))
    for what, colour, dashes in (("hardware", "--muted", "1.5 3"), ("recipe", "--warm", "5 3")):
        places = [x(_before(moments, one.point)) for one in breaks if one.what == what]
        if places:
            upright = [[(place, TOP), (place, TOP + HIGH)] for place in places]
            parts.append(strokes.lines(upright, colour, 1.4, dashes))
    parts += _series(moments, {one.point for one in breaks if one.what == "recipe"}, x, y)
    lost = [x(moment.point) for moment in moments if moment.failed]
    if lost:
        foot = TOP + HIGH - 5
        arms = [[(at - 3, foot - 3 * way), (at + 3, foot + 3 * way)] for at in lost for way in (1, -1)]
        parts.append(strokes.lines(arms, "--bad", 1.8))
    parts += _dates(moments, x)
    return strokes.drawing(parts, WIDTH, TOP + HIGH + FOOT, alt)


def _series(
    moments: Sequence[Moment], recipes: set[int], x: Callable[[float], float], y: Callable[[float], float]
) -> list[Markup]:
    """Stretches that belong together, with their intervals as bars, or of many points as a band."""
    known = [moment for moment in moments if moment.value is not None]
    stretches: list[list[Moment]] = []
    previous: Moment | None = None
    for moment in moments:
        if moment.value is not None:
            if previous is None or previous.value is None or moment.point in recipes:
                stretches.append([])
            stretches[-1].append(moment)
        previous = moment
    parts: list[Markup] = []
    if len(known) > MOST_BARS:
        for stretch in stretches:
            wide = [m for m in stretch if m.low is not None and m.high is not None]
            upper = [(x(m.point), y(m.high or 0.0)) for m in wide]
            lower = [(x(m.point), y(m.low or 0.0)) for m in reversed(wide)]
            if len(wide) > 1:
                parts.append(strokes.area([*upper, *lower], "--accent", BAND))
    else:
        bars = [
            [(x(m.point), y(m.low)), (x(m.point), y(m.high))] for m in known if m.low is not None and m.high is not None
        ]
        if bars:
            parts.append(strokes.lines(bars, "--accent", 1.4))
    lines = [[(x(m.point), y(m.value or 0.0)) for m in stretch] for stretch in stretches if len(stretch) > 1]
    if lines:
        parts.append(strokes.lines(lines, "--accent", 1.6))
    if known:
        radius = 3.2 if len(known) <= MOST_BARS else 1.6
        parts.append(strokes.dots([(x(m.point), y(m.value or 0.0)) for m in known], radius, "--accent"))
    return parts


def _before(moments: Sequence[Moment], point: int) -> float:
    """Half way from the point before."""
    earlier = [moment.point for moment in moments if moment.point < point]
    return (earlier[-1] + point) / 2 if earlier else float(point)


def _dates(moments: Sequence[Moment], x: Callable[[float], float]) -> list[Markup]:
    """The number and the date of some points, the first and the last among them."""
    count = min(MOST_DATES, len(moments))
    wanted = [round(k * (len(moments) - 1) / max(1, count - 1)) for k in range(count)]
    parts: list[Markup] = []
    end, taken = x(moments[-1].point), -math.inf
    for place in dict.fromkeys(wanted):
        moment, last = moments[place], place == len(moments) - 1
        at = x(moment.point)
        if not last and (at - taken < DATE or (place and end - at < DATE)):
            continue
        taken = at
        anchor = "start" if place == 0 else "end" if last else "middle"
        parts.append(
            strokes.label(str(moment.point), at, TOP + HIGH + 15, colour="--muted", size=10.5, anchor="middle")
        )
        date, beside = words.clean(moment.date), {"start": -8, "middle": 0, "end": 8}[anchor]
        parts.append(strokes.label(date, at + beside, TOP + HIGH + 30, colour="--muted", size=10.5, anchor=anchor))
    return parts


def _limits(moments: Sequence[Moment], score: bool) -> tuple[float, float]:
    values = [v for m in moments for v in (m.value, m.low, m.high) if v is not None]
    if not values:
        return 0.0, 1.0
    if score:
        return limits(values, whole=True)
    top = max(values) or 1.0
    ticks = steps(0.0, top, MOST_TICKS)
    return 0.0, ticks[-1] + (ticks[1] - ticks[0] if len(ticks) > 1 and ticks[-1] < top else 0.0)


def _tick(value: float) -> str:
    return words.integer(round(value)) if abs(value) >= 1000 else number(value)
