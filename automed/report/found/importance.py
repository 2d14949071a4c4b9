"""Which parameters decided the search, read from leaderboard.json and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.figure import Figure as Drawing

from automed.report import words
from automed.report.artefact import Part, read
from automed.report.axes import beside, grid, steps
from automed.report.dots import LETTER
from automed.report.figures import NARROW, Figure, Paint, render
from automed.report.svg import ACCENT, INK, MUTED, PALE, place
from automed.run import Run

DRAWN = 12  # parameters; all are in the table
MANY = 100  # candidates; under it shares are called a guess
ROW, BAR = 28, 0.44  # CSS pixels, and a share of them
NAMES = {"adamw": "AdamW", "sgd": "SGD", "gaussian_noise": "Gaussian noise"}


@dataclass(frozen=True)
class Parameter:
    """One parameter: its share of the differences in macro-F1, and the largest share that chance gives any."""

    name: str
    share: float | None
    chance: float | None
    n: int
    reason: str | None

    @property
    def title(self) -> str:
        """For people: "cnn.width" as "CNN: width"."""
        parts = [NAMES.get(part) or words.ARCHITECTURES.get(part) or words.label(part) for part in self.name.split(".")]
        return words.capitalize_first(": ".join(parts))

    @property
    def beyond(self) -> bool:
        """Whether it decided more than chance lets any parameter seem to."""
        return self.share is not None and self.chance is not None and self.share > self.chance


@dataclass(frozen=True)
class Importance:
    """What the search says of its parameters, the most important first."""

    method: str
    n: int
    least: int
    deals: int
    reason: str | None
    parameters: tuple[Parameter, ...]

    @property
    def told(self) -> tuple[Parameter, ...]:
        return tuple(one for one in self.parameters if one.share is not None)

    @property
    def untold(self) -> tuple[tuple[str, tuple[Parameter, ...]], ...]:
        """Parameters of which nothing can be told, by the reason."""
        reasons = dict.fromkeys(one.reason or "no reason was recorded" for one in self.parameters if one.share is None)
        return tuple(
            (why, tuple(one for one in self.parameters if one.share is None and one.reason in (why, None)))
            for why in reasons
        )

    @property
    def worth(self) -> str:
        """How far the shares can be taken."""
        return "a guess" if self.n < MANY else "a rough estimate"

    @property
    def sentence(self) -> str:
        """What may be read from it."""
        beyond = [
            f"{one.title} ({words.decimal(one.share or 0.0)}, n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{one.n})"
            for one in self.told
            if one.beyond
        ]
        if not beyond:
            return (
                "No parameter stands out: none goes with more of the differences in macro-F1 than chance gives some "
                "parameter in 1 search of 20."
            )
        return (
            "More of the differences in macro-F1 than chance gives any parameter in 19 searches of 20 goes with "
            f"{words.listing(beyond)}."
        )


def read_importance(run: Run) -> Importance | None:
    """What leaderboard.json says of parameters; None where it says nothing; raises RunError where it is damaged."""
    found = read(run.leaderboard)
    part = None if found is None else found.part("importance")
    if part is None or not part.value:
        return None
    return Importance(
        part.text("method") or "not recorded",
        part.count("n") or 0,
        part.count("least") or 0,
        part.count("deals") or 0,
        part.text("reason"),
        tuple(_parameter(row) for row in part.rows("parameters")),
    )


def _parameter(row: Part) -> Parameter:
    share = row.number("importance")
    return Parameter(row.need_text("name"), share, row.number("chance"), row.count("n") or 0, row.text("reason"))


def bars(found: Importance | None) -> Figure | None:
    """A bar for each parameter with a mark where chance ends, within `svg.drawing`; None where nothing can be told."""
    if found is None or not found.told:
        return None
    shown = found.told[:DRAWN]
    first = shown[0]
    alt = f"{found.sentence} The largest share is that of {first.title}, {words.decimal(first.share or 0.0)}"
    alt += "." if first.chance is None else f"; chance gives up to {words.decimal(first.chance)}."
    note = "Up to the upright mark chance could give a parameter such a share. n: candidates that had it."
    if len(shown) < len(found.told):
        note += f" The first {len(shown)} of {len(found.told)} are drawn."
    title = "Share of the differences in macro-F1 that goes with each parameter"
    return render("importance", title, alt, partial(_draw, shown), note=note)


def _draw(shown: Sequence[Parameter], width: float) -> tuple[float, Paint]:
    wide = width > NARROW
    letters = min(max(len(one.title) for one in shown), 32 if wide else 22)
    height = ROW * len(shown) + 50.0

    def paint(figure: Drawing) -> None:
        axes = place(figure, 16 + letters * LETTER, 4, 92 if wide else 76, 46)
        end = max(max(one.share or 0.0, one.chance or 0.0) for one in shown)
        end = min(1.0, max(0.2, -(-end * 10 // 1) / 10))
        axes.set_xlim(0, end)
        axes.set_ylim(len(shown) - 0.5, -0.5)
        rows = range(len(shown))
        colours = [ACCENT if one.beyond else PALE for one in shown]
        axes.barh(rows, [one.share or 0.0 for one in shown], height=BAR, color=colours, linewidth=0)
        marks = [(row, one.chance) for row, one in enumerate(shown) if one.chance is not None]
        for row, at in marks:
            axes.plot([at, at], [row - 0.42, row + 0.42], color=MUTED, linewidth=1.6, clip_on=False)
        for row, one in enumerate(shown):
            beside(axes, row, words.shorten(one.title, letters), INK, left=True)
            shares = words.decimal(one.share or 0.0)
            beside(axes, row, f"{shares}, n {one.n}", INK if one.beyond else MUTED, left=False)
        grid(axes, steps(0, end, 6 if wide else 4), label="share of the differences")

    return height, paint
