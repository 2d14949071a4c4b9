"""WFDB records as PhysioNet publishes them: a header (.hea) and the files with samples that it names.

Source: header(5) of the WFDB Applications Guide, physionet.org/physiotools/wag/header-5.htm.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.data.decode.steps import refuse_large
from automed.data.decode.unreadable import Unreadable, decoder_reasons, read
from automed.errors import MissingExtra

SUFFIXES = (".hea", ".dat")

_PLAIN = re.compile(r"[\w.-]+")  # what a header may call a file; "::" and "/" would lead elsewhere


@dataclass(frozen=True)
class Header:
    """What a WFDB header says: files beside it, steps (None: not said) and names of channels."""

    files: tuple[str, ...]
    steps: int | None
    names: tuple[str, ...]


def header(path: Path) -> Header:
    """What stands in the header of a record; raises Unreadable."""
    lines = read(path.with_suffix(".hea")).decode("utf-8", "replace").splitlines()
    lines = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    with decoder_reasons(b""):
        name, count, *rest = lines[0].split()
        if "/" in name:
            raise Unreadable("several segments")
        signals = [line.split(maxsplit=8) for line in lines[1 : 1 + int(count)]]
        if not signals or len(signals) != int(count):
            raise Unreadable("no signals" if not signals else "damaged")
        files = tuple(dict.fromkeys(fields[0] for fields in signals))
        if not all(_PLAIN.fullmatch(file) for file in files):
            raise Unreadable("a header that leads to another folder")
        steps = int(rest[1]) if len(rest) > 1 else None
        names = tuple(fields[8] if len(fields) > 8 else f"channel {n}" for n, fields in enumerate(signals, 1))
    refuse_large((steps or 0) * len(names))
    return Header(files, steps, names)


def parts(path: Path) -> tuple[Path, ...]:
    """The files of a WFDB record, its header first."""
    return (path.with_suffix(".hea"), *(path.with_name(name) for name in header(path).files))


def signals(path: Path) -> tuple[npt.NDArray[Any], tuple[str, ...], float, list[str]]:
    """Samples in their units (steps, channels), names of the channels, steps a second, and the units.

    Raises:
        MissingExtra: the package wfdb is not there.
    """
    if importlib.util.find_spec("wfdb") is None:
        raise MissingExtra(
            "WFDB records (.hea, .dat) need the package wfdb", hint="Install it with: pip install 'automed[wfdb]'"
        )
    import wfdb

    own, name = header(path), str(path.absolute().with_suffix(""))
    if not set(wfdb.rdheader(name).file_name) <= set(own.files):
        raise Unreadable("damaged")  # a header that reads two ways could still lead elsewhere
    record = wfdb.rdrecord(name)
    return np.asarray(record.p_signal), own.names, float(record.fs), [str(unit) for unit in record.units]
