"""The verb `automed report`."""

from __future__ import annotations

from automed.cli import console, options


def report(run: options.Run = "latest", folder: options.Reports = options.REPORTS, json: options.Json = False) -> None:
    """Render the pages of a run again, from the files it left behind.

    Nothing is trained or tested, and TensorFlow is not loaded. The same
    files give the same pages.

    [bold]Examples[/bold]

      automed report
      automed report skin
      automed report reports/skin/20260131T101500Z-1a2b3c4d
    """
    from automed.cli import runs
    from automed.report.pages import render

    found = runs.find(run, folder)
    written = [str(path) for path in render(found)]
    if json:
        console.emit({"run": str(found.folder), "written": written})
        return
    for path in written:
        console.say(path)
