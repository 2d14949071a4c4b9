"""Making sure that the data of a run are decoded and split, whichever verb needs them."""

from __future__ import annotations

from automed.errors import DataError, RunError
from automed.events import Listen
from automed.recipe import Recipe
from automed.run import Run, read_json


def prepare_run(recipe: Recipe, run: Run, listen: Listen) -> None:
    """Prepare the data, or leave them as they are where they are ready.

    Raises:
        DataError: the data are not those that the run began with, or a leak was found.
    """
    from automed.data import prepare
    from automed.data.dataset import Dataset

    if run.data.is_file() and run.splits.is_file():
        try:
            Dataset.open(run)
            return
        except RunError:
            pass  # the cache was cleared: decode again, and the same split comes out
    before = read_json(run.data)["fingerprint"] if run.data.is_file() else None
    facts = prepare.prepare(recipe, run, listen)
    if before not in (None, facts["fingerprint"]):
        raise DataError("the data have changed since this run began", where=str(run.data), hint="Start a new run.")
    run.log("prepared", fingerprint=facts["fingerprint"])
    run.describe(data_fingerprint=facts["fingerprint"], phantom=facts["phantom"])
