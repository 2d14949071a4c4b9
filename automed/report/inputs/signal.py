"""Signals of example cases: one trace a channel, below each other on one axis of time, each on a scale of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from automed.report import words
from automed.report.artefact import Part
from automed.report.axes import write
from automed.report.inputs.shown import Absent, Shown
from automed.report.svg import ACCENT, INK, MUTED, PALE, RULE, canvas, inline, place

CHANNELS = 12  # drawn at most, as a 12-lead ECG has; the others are counted
POINTS = 2400  # of all traces of a case: more than a card can show, and the page grows with them
POINTS_EACH = 400
SPARSE = 64  # so few values are dots: a line alone would hide a single one
WIDTH = 336  # CSS pixels of a card
ROW, ROW_OF_MANY, FEW = 34, 23, 6
LETTER = 6.0  # CSS pixels: a letter of a channel's name, on average


@dataclass(frozen=True)
class Channel:
    """One trace: `at` counts steps, `values` has NaN where nothing was measured."""

    name: str
    at: tuple[int, ...]
    values: tuple[float, ...]
    low: float
    high: float
    sparse: bool

    @property
    def scale(self) -> str:
        """Smallest and largest value, with as many decimals as tell them apart."""
        if self.low == self.high:
            return number(self.low)
        decimals = max(0, 1 - math.floor(math.log10(self.high - self.low)))
        if decimals > 4:
            return f"{number(self.low)} to {number(self.high)}"
        return f"{_fixed(self.low, decimals)} to {_fixed(self.high, decimals)}"


@dataclass(frozen=True)
class Trace(Shown):
    """The channels of one record; `span` is how long it is, `note` what is not drawn."""

    channels: tuple[Channel, ...]
    steps: int
    span: str
    note: str
    macro: ClassVar[str] = "trace"

    @property
    def says(self) -> str:
        names = words.listing([channel.name for channel in self.channels])
        return f"{self.name}, {words.plural(len(self.channels), 'trace')} over {self.span}: {names}"

    def drawing(self, name: str, alt: str) -> Markup:
        row = ROW if len(self.channels) <= FEW else ROW_OF_MANY
        letters = min(max(len(channel.name) for channel in self.channels), 14)
        figure = canvas(WIDTH, row * len(self.channels) + 20)
        axes = place(figure, 10 + letters * LETTER, 0, 80, 20)
        axes.set_xlim(0, max(self.steps - 1, 1))
        axes.set_ylim(len(self.channels), 0)
        between = [[(0, k), (self.steps - 1, k)] for k in range(1, len(self.channels) + 1)]
        axes.add_collection(LineCollection(between, colors=RULE, linewidths=0.6, clip_on=False))
        for k, channel in enumerate(self.channels):
            _trace(axes, channel, k)
            shown = words.shorten(channel.name, letters)
            write(axes, shown, 0, k + 0.5, right=-8, ha="right", colour=INK, size=11, outside=True)
            write(axes, channel.scale, 1, k + 0.5, right=8, colour=MUTED, size=10, outside=True)
        for text, x, side in (("0", 0, "left"), (self.span, 1, "right")):
            write(axes, text, x, len(self.channels), up=-5, ha=side, va="top", colour=MUTED, size=10, outside=True)
        return inline(figure, name, alt)


@dataclass(frozen=True)
class Signal:
    """Records are float32 (steps, channels), NaN where nothing was measured; `values` are the channels to draw.

    The other channels tell the model which values are missing, or for how long.
    """

    name: str
    steps: int | None
    channels: tuple[str, ...]
    step: float | None
    unit: str | None
    values: tuple[int, ...]

    @classmethod
    def read(cls, name: str, part: Part) -> Signal:
        channels, shape = part.texts("channels"), part.numbers("shape")
        values = tuple(round(index) for index in part.numbers("values")) or tuple(range(len(channels)))
        steps = round(shape[0]) if len(shape) == 2 else None
        return cls(name, steps, channels, part.number("step"), part.text("unit"), values)

    @property
    def words(self) -> str:
        text = f"signal of {words.plural(len(self.values), 'channel')}"
        return f"{text} over {self.span(self.steps)}" if self.steps else text

    def span(self, steps: int) -> str:
        """How long so many steps are."""
        if self.step is None or self.unit is None:
            return words.plural(steps, "step")
        return f"{number(steps * self.step)} {self.unit}"

    def problem(self, values: NDArray[Any]) -> str | None:
        if values.dtype.kind != "f" or values.ndim != 3 or values.shape[2] != len(self.channels):
            return f"an array of shape {values.shape} and type {values.dtype} for {len(self.channels)} channels"
        if not all(0 <= index < len(self.channels) for index in self.values):
            return "values that are none of its channels"
        return None

    def show(self, values: NDArray[Any]) -> Shown:
        known = [index for index in self.values if np.isfinite(values[:, index]).any()]
        if not known:
            return Absent(self.name, "no signal")
        drawn = known[:CHANNELS]
        # Padding at the end is no part of the record.
        steps = 1 + int(np.flatnonzero(np.isfinite(values[:, known]).any(axis=1))[-1])
        most = min(POINTS_EACH, POINTS // len(drawn))
        left_out = [
            (len(known) - len(drawn), "more with values"),
            (len(self.values) - len(known), "without any value"),
        ]
        note = "; ".join(f"{words.plural(count, 'channel')} {what}" for count, what in left_out if count)
        traces = tuple(_channel(self.channels[index], values[:steps, index], most) for index in drawn)
        return Trace(self.name, traces, steps, self.span(steps), words.sentence(note))


def number(value: float) -> str:
    """A measured value or a time in as few letters as tell it: "−.4" reads "−0.4", "1,200"."""
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", words.MINUS)


def _fixed(value: float, decimals: int) -> str:
    # Adding 0 takes the sign from a zero.
    return f"{round(value, decimals) + 0.0:,.{decimals}f}".replace("-", words.MINUS)


def thin(values: NDArray[np.floating[Any]], most: int) -> NDArray[np.int64]:
    """Which of many values to draw so that no peak is lost: the smallest and largest of each stretch.

    Args:
        values: floats (steps,), NaN where there are gaps.
        most: at least 2.

    Returns:
        int64 (m,), rising, m at most `most`; all where there are no more.
    """
    if len(values) <= most:
        return np.arange(len(values))
    width = -(-len(values) // (most // 2))
    short = -len(values) % width
    stretches = np.concatenate([values, np.full(short, np.nan)]).reshape(-1, width)
    gap = np.isnan(stretches)
    ends = np.stack([np.where(gap, np.inf, stretches).argmin(1), np.where(gap, -np.inf, stretches).argmax(1)])
    return np.unique(ends + np.arange(len(stretches)) * width)


def _channel(name: str, values: NDArray[np.floating[Any]], most: int) -> Channel:
    values = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    known = np.flatnonzero(~np.isnan(values))
    low, high = float(values[known].min()), float(values[known].max())
    sparse = len(known) <= SPARSE
    at = known if sparse else thin(values, most)
    return Channel(name, tuple(at.tolist()), tuple(values[at].tolist()), low, high, sparse)


def _trace(axes: Axes, channel: Channel, row: int) -> None:
    """The trace of a channel in the row `row`; gaps stay open, single values are dots."""
    at, values = np.array(channel.at, dtype=np.float64), np.array(channel.values)
    height = channel.high - channel.low
    share = (values - channel.low) / height if height else np.full(len(values), 0.5)
    y = row + 0.9 - 0.8 * share
    if channel.sparse:
        axes.plot(at, y, color=PALE, linewidth=1.0)
        axes.plot(at, y, color=ACCENT, linestyle="none", marker="o", markersize=2.6, clip_on=False)
        return
    pieces = np.split(np.stack([at, y], axis=1), np.flatnonzero(np.isnan(y)))
    lines = [piece[~np.isnan(piece[:, 1])] for piece in pieces]
    axes.add_collection(LineCollection([line for line in lines if len(line)], colors=ACCENT, linewidths=1.0))
