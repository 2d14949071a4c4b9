"""How long the pages of a run take, beside importing TensorFlow, and beside as many figures of Matplotlib alone.

    .venv/bin/python tests/performance/pages.py [report] [--quick]

The run is made up: two finalists with evaluation, audit, mitigation, robustness and example cases. `automed report`
loads no TensorFlow, so what a training library takes to load is what it is held against; and what drawing the same
number of small plots takes with pyplot, each saved as SVG, bounds what any page with as many figures would take.
"""

from __future__ import annotations

import io
import sys
from functools import partial
from pathlib import Path

import measuring
import startup
from measuring import Asked, Measurement

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the tests make up runs


def report(asked: Asked) -> list[Measurement]:
    """The command beside what it does not load; and its pages, once everything is imported, beside as many plots."""
    from madeaudited import make_audited_run

    from automed.report.pages import render

    run = make_audited_run(asked.folder / "run")
    figures = sum(page.read_text(encoding="utf-8").count("<svg") for page in render(run))
    plots(2)
    drawn = measuring.alternating(
        lambda: measuring.clocked(lambda: render(run)),
        lambda: measuring.clocked(lambda: plots(figures)),
        asked.size(2, 1),
    )
    command = partial(startup.spawned, ["-m", "automed", "report", str(run.folder)])
    tensorflow = partial(startup.spawned, startup.TENSORFLOW)
    tensorflow()  # read from the disk once
    spawned = measuring.alternating(command, tensorflow, asked.size(2, 1))
    against = f"{figures} plots of 50 points by pyplot, each saved as SVG"
    return [
        measuring.row("report: the whole command", *spawned, "s", 'python -c "import tensorflow"'),
        measuring.row("report: rendering", *drawn, "s", against, figures=figures),
    ]


def plots(count: int) -> None:
    """Plots of a line with axes and a title."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    for number in range(count):
        figure, axes = pyplot.subplots(figsize=(5, 3))
        axes.plot(range(50), [value * number for value in range(50)], marker="o")
        axes.set(title="A figure", xlabel="across", ylabel="up")
        figure.savefig(io.StringIO(), format="svg")
        pyplot.close(figure)


FIGURES = {"report": report}

if __name__ == "__main__":
    measuring.main(FIGURES)
