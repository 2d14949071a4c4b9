"""Signal files to arrays: npy, npz, csv, WFDB records and DICOM waveforms, or a few words why one cannot be read.

Files come from strangers: nothing is unpickled, sizes are judged from the header before memory is taken, and a header
leads to no file outside its own folder. Electric potentials of formats that name their unit become mV.

Source: DICOM PS3.3, section C.10.9 (waveform module).
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pydicom
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.waveforms import multiplex_array

from automed.data import digests
from automed.data.decode import physionet
from automed.data.decode.arrays import header
from automed.data.decode.images import DICOM_EXTENSIONS
from automed.data.decode.steps import refuse_large
from automed.data.decode.unreadable import QUIET, Unreadable, decoder_reasons, read, system_reasons

EXTENSIONS = (".npy", ".npz", ".csv", ".hea", *DICOM_EXTENSIONS)
VERSION = 1  # raise it when the same file would give other numbers: cached signals are then decoded anew

_DECORATION = re.compile(r"^lead\s+|\s*\(.*\)$", re.IGNORECASE)  # DICOM says "Lead I (Einthoven)"
_MILLIVOLTS = {"nv": 1e-6, "uv": 1e-3, "µv": 1e-3, "mv": 1.0, "v": 1e3}


Found = TypeVar("Found")


@dataclass(frozen=True, eq=False)
class Wave:
    """One signal as its file holds it.

    Attributes:
        values: numbers (steps, channels), NaN where the file says that nothing was measured.
        names: of the channels; empty where the file has none.
        rate: steps a second, where the file says so.
    """

    values: npt.NDArray[Any]
    names: tuple[str, ...] = ()
    rate: float | None = None


@dataclass(frozen=True)
class Extent:
    """How large a signal is, before its numbers are read."""

    steps: int
    channels: int
    names: tuple[str, ...] = ()


def decode(path: Path) -> tuple[Wave, str]:
    """The signal of one file, and the digest of the bytes that it was read from, as `contents` gives it.

    Raises:
        Unreadable: with the reason.
        MissingExtra: a WFDB record, and the package for it is not there.
    """
    if path.suffix.lower() in physionet.SUFFIXES:
        with QUIET, decoder_reasons(b""):
            values, names, rate, units = physionet.signals(path)
            wave = Wave(values * np.array([_millivolts(unit) for unit in units]), names, rate)
        return _checked(wave), _joined(digests.of_bytes(read(part)) for part in physionet.parts(path))
    data = read(path)
    with QUIET, decoder_reasons(data), io.BytesIO(data) as file:
        return _checked(_reader(path)(file)), digests.of_bytes(data)


def measure(path: Path) -> Extent:
    """How large the signal of a file is; only formats that do not say so in front are read whole.

    Raises:
        Unreadable, MissingExtra: as `decode`.
    """
    suffix = path.suffix.lower()
    if suffix in physionet.SUFFIXES:
        head = physionet.header(path)
        if head.steps:
            return Extent(head.steps, len(head.names), head.names)
    if suffix in (".npy", ".npz"):
        if not path.name:
            raise Unreadable("no file named")
        with system_reasons(), path.open("rb") as file, decoder_reasons(b""):
            shape = _shape(file) if suffix == ".npy" else _one_member(file, _shape)
        return Extent(shape[0], shape[1] if len(shape) == 2 else 1)
    wave, _ = decode(path)
    steps, channels = wave.values.shape
    return Extent(steps, channels, wave.names)


def contents(paths: Sequence[Path]) -> list[str]:
    """The digest of each record's bytes, of all files that it consists of, or `!reason` where one cannot be read."""
    found = digests.of(
        [path.with_suffix(".hea") if path.suffix.lower() in physionet.SUFFIXES else path for path in paths]
    )
    several: dict[int, tuple[Path, ...]] = {}
    for number, path in enumerate(paths):
        if path.suffix.lower() in physionet.SUFFIXES and not found[number].startswith(digests.UNREADABLE):
            try:
                several[number] = physionet.parts(path)
            except Unreadable as problem:
                found[number] = digests.UNREADABLE + problem.reason
    flat = list(dict.fromkeys(part for parts in several.values() for part in parts))
    of = dict(zip(flat, digests.of(flat), strict=True))
    for number, parts in several.items():
        broken = [of[part] for part in parts if of[part].startswith(digests.UNREADABLE)]
        found[number] = broken[0] if broken else _joined(of[part] for part in parts)
    return found


def arrange(wave: Wave, channels: Sequence[str], named: bool) -> npt.NDArray[Any]:
    """The channels that are wanted, (steps, len(channels)), in their order: by name where the file names them.

    Args:
        wave: one signal.
        channels: names, or labels for what the files leave without a name.
        named: whether `channels` are names that a file must know; if none is known, the order of the file decides.

    Raises:
        Unreadable: other channels, or another number of them; labels never hide that leads were swapped.
    """
    have, want = [tidy(name) for name in wave.names], [tidy(name) for name in channels]
    if have != want and any(want) and have:
        if set(want) <= set(have):
            if len(set(have)) < len(have):
                raise Unreadable("two channels of one name")
            return wave.values[:, [have.index(name) for name in want]]
        if named or set(want) & set(have):
            raise Unreadable("other channels")
    if wave.values.shape[1] != len(channels):
        raise Unreadable(f"{wave.values.shape[1]:,} channels, {len(channels):,} are wanted")
    return wave.values


def tidy(name: str) -> str:
    """A channel's name for comparing: `Lead aVR` and `AVR` are one."""
    return _DECORATION.sub("", name.strip()).casefold()


def _checked(wave: Wave) -> Wave:
    values = wave.values
    if values.dtype.kind not in "iuf":
        raise Unreadable("not numbers")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise Unreadable(f"{values.ndim} dimensions, one or two are wanted")
    if not values.shape[1]:
        raise Unreadable("no channels")
    return Wave(values, wave.names, wave.rate)


def _reader(path: Path) -> Callable[[IO[bytes]], Wave]:
    suffix = path.suffix.lower()
    if suffix in DICOM_EXTENSIONS:
        return _dicom
    readers: Mapping[str, Callable[[IO[bytes]], Wave]] = {".npy": _npy, ".npz": _npz, ".csv": _csv}
    if suffix not in readers:
        raise Unreadable("a kind of file that is not supported")
    return readers[suffix]


def _shape(file: IO[bytes]) -> tuple[int, ...]:
    shape, _, dtype = header(file)
    if dtype.hasobject:
        raise Unreadable("Python objects, which are never loaded")
    if len(shape) not in (1, 2):
        raise Unreadable(f"{len(shape)} dimensions, one or two are wanted")
    refuse_large(math.prod(shape))
    return shape


def _npy(file: IO[bytes]) -> Wave:
    _shape(file)
    file.seek(0)
    return Wave(np.lib.format.read_array(file, allow_pickle=False))


def _npz(file: IO[bytes]) -> Wave:
    return _one_member(file, _npy)


def _one_member(file: IO[bytes], reader: Callable[[IO[bytes]], Found]) -> Found:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as problem:
        raise Unreadable("damaged") from problem
    with archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if len(names) != 1:
            raise Unreadable(f"{len(names)} arrays, one is wanted")
        with archive.open(names[0]) as member:
            return reader(member)


def _csv(file: IO[bytes]) -> Wave:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    first = text.readline()
    separator = max(",;\t", key=first.count)
    cells = [cell.strip().strip('"') for cell in first.strip("\r\n").split(separator)]
    header = any(cell and not _is_number(cell) for cell in cells)
    text.seek(0)
    frame = pd.read_csv(text, sep=separator, header=0 if header else None, index_col=False, skip_blank_lines=True)
    if frame.empty:
        raise Unreadable("no numbers in it")
    if any(kind.kind not in "iufb" for kind in frame.dtypes):
        raise Unreadable("text where numbers are wanted")
    return Wave(frame.to_numpy(np.float64), tuple(cells) if header else ())


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.upper() in ("NA", "N/A", "NULL")
    return True


def _dicom(file: IO[bytes]) -> Wave:
    """The first multiplex group: rhythm strips come before median beats."""
    try:
        header = pydicom.dcmread(file, force=True)
    except (BytesLengthException, InvalidDicomError) as problem:  # they derive from nothing narrower
        raise Unreadable("damaged") from problem
    if not header.get("WaveformSequence"):
        raise Unreadable("DICOM without a waveform")
    group = header.WaveformSequence[0]
    raw = multiplex_array(header, 0, as_raw=True)
    values = np.array(multiplex_array(header, 0, as_raw=False), np.float64)
    if padding := group.get("WaveformPaddingValue"):
        values[raw == np.frombuffer(padding, raw.dtype)[0]] = np.nan
    names = []
    for number, channel in enumerate(group.ChannelDefinitionSequence):
        label = str(channel.get("ChannelLabel") or "")
        if not label and channel.get("ChannelSourceSequence"):
            label = str(channel.ChannelSourceSequence[0].get("CodeMeaning") or "")
        names.append(_DECORATION.sub("", label.strip()))
        if channel.get("ChannelSensitivityUnitsSequence"):
            unit = str(channel.ChannelSensitivityUnitsSequence[0].get("CodeValue") or "")
            values[:, number] *= _millivolts(unit)
    return Wave(values, tuple(names) if all(names) else (), float(group.SamplingFrequency))


def _millivolts(unit: str) -> float:
    """What a number in some unit is multiplied by; units other than of potentials stay."""
    return _MILLIVOLTS.get(unit.strip().casefold(), 1.0)


def _joined(names: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest()
