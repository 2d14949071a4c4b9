"""The verb `automed report`."""

from __future__ import annotations

from automed.cli import console, options


def report(run: options.Run = "latest", folder: options.Reports = options.REPORTS, json: options.Json = False) -> None:
    """Render the pages of a run again, from the files it left behind.

    Nothing is trained or tested, and TensorFlow is not loaded. The same
    files give the same pages. A model.keras stands for the run that it
    lies in.

    [bold]Examples[/bold]

      automed report
      automed report skin
      automed report reports/skin/20260131T101500Z-1a2b3c4d
      automed report reports/skin/20260131T101500Z-1a2b3c4d/models/01-cnn/model.keras
    """
    from automed.cli import runs, steps
    from automed.report.pages import render

    found = steps.beside(run, "report")[0] if run.endswith(".keras") else runs.find(run, folder)
    written = [str(path) for path in render(found)]
    if json:
        console.emit({"run": str(found.folder), "written": written})
        return
    for path in written:
        console.say(path)
