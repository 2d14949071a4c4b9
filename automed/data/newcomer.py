"""One new record from files, as a model reads it: what preparing a data set does, for a record that is in none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.decode import images, waveforms
from automed.data.decode.steps import lay_out
from automed.data.decode.unreadable import Unreadable
from automed.data.kinds import sequence, tabular, text
from automed.errors import DataError
from automed.recipe import ImageInput, Input, SequenceInput, SignalInput, TabularInput, TextInput


def read(path: Path, spec: Input, facts: Mapping[str, Any]) -> npt.NDArray[Any]:
    """The record in a file: (1, *shape); of a table one for each of its rows.

    Args:
        path: an image; a signal as npy, npz, csv, WFDB or DICOM; a text file; a csv with the columns of a table.
        spec: of the input, from the recipe.
        facts: what was fitted on the training records.

    Raises:
        DataError: the file is not there or cannot be read, or holds something else; irregular observations.
    """
    where = str(path)
    if not path.is_file():
        raise DataError("no such file", where=where)
    try:
        if isinstance(spec, ImageInput):
            return images.decode(path, spec)[None]
        if isinstance(spec, SignalInput):
            return _signal(path, spec, facts)
        if isinstance(spec, TabularInput):
            return np.asarray(tabular.encode(facts, _table(path)), np.float32)
        written = path.read_text(encoding="utf-8").strip()
    except Unreadable as problem:
        raise DataError(f"cannot be read: {problem}", where=where) from None
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as problem:
        raise DataError(f"cannot be read ({type(problem).__name__})", where=where) from None
    if isinstance(spec, TextInput):
        return np.asarray(text.tokenise(facts, [written]))
    assert isinstance(spec, SequenceInput)
    # The header of a FASTA file names the sequence, and is none of it.
    lines = [line.strip() for line in written.splitlines() if not line.startswith(">")]
    return np.asarray(sequence.tokenise(facts, ["".join(lines)]))


def _signal(path: Path, spec: SignalInput, facts: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    if spec.events is not None:
        raise DataError(
            "a new record of irregular observations cannot be read from a file",
            where=str(path),
            hint="Add it to the table of observations, and name its row: --record ROW.",
        )
    wave, _ = waveforms.decode(path)
    channels = tuple(str(channel) for channel in facts.get("channels") or ())
    values = waveforms.arrange(wave, channels, named=bool(spec.channels))
    return lay_out(values[None], int(facts["shape"][0]), scale=spec.scale, average=spec.average).values


def _table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, na_filter=False, encoding="utf-8-sig", skipinitialspace=True)
