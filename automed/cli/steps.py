"""What the verbs share that work on one model: which model is meant, the recipe of its data, a display of steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from automed.cli import console

if TYPE_CHECKING:
    from automed.recipe import Recipe


def recipe(name: str, overrides: tuple[str, ...]) -> Recipe:
    from automed.recipe import load
    from automed.runtime import environ

    return load(name, overrides, environ=environ())


def beside(model: str, verb: str) -> tuple[Any, Any]:
    """The run and the finalist that a person means.

    Raises:
        UsageError: a model that lies beside no run, or a run without a model.
    """
    from automed.cli import runs
    from automed.errors import DataError, UsageError
    from automed.run import Finalist, Run

    path = Path(model)
    if path.suffix == ".keras":
        if not path.is_file():
            raise DataError("no such model file", where=model)
        finalist, folder = Finalist(path.resolve().parent), path.resolve().parent.parent.parent
        if finalist.model != path.resolve() or not Run(folder).manifest.is_file():
            hint = f"Name the recipe of its data: automed {verb} {model} --data RECIPE"
            raise UsageError(
                "this model does not lie in the folder of its run",
                where=model,
                hint="A page is made from the files of a run." if verb == "report" else hint,
            )
        return Run(folder), finalist
    run = runs.find(model)
    finalists = run.finalists()
    if not finalists:
        raise UsageError("this run has no model yet", where=str(run.folder), hint="automed search RUN goes on with it.")
    return run, finalists[0]


def display(*, json: bool, quiet: bool) -> Any:
    """A line that is written over on a terminal, nothing where nobody reads it."""
    import sys

    from automed.cli.plain import Plain, Steps, Warnings

    if json or quiet:
        return Warnings(console.tell)
    return Steps() if sys.stderr.isatty() else Plain(console.tell)
