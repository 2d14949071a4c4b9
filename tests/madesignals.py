"""Signals made up for tests: recipes, files of every format, and the way from them to what is fitted."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, TwelveLeadECGWaveformStorage, generate_uid

from automed import recipe as recipes
from automed.data.checks.findings import Finding
from automed.data.kinds.kind import Fitted, Held
from automed.data.kinds.signal import KIND
from automed.data.records import Items, Records
from automed.recipe import Recipe

WFDB = pytest.mark.skipif(importlib.util.find_spec("wfdb") is None, reason="needs the package wfdb")
WAVE = np.round(np.random.default_rng(0).normal(0, 1, (40, 3)), 3)  # steps, channels; mV
OLD = 1_600_000_000


def make(folder: Path, signal: str) -> Recipe:
    """A recipe of a table with one signal, as YAML writes it: `column: file`."""
    path = folder / "r.yaml"
    path.write_text(
        f"name: r\ndata: {{source: table, table: t.csv, target: y}}\ninputs: {{ecg: {{kind: signal, {signal}}}}}\n"
    )
    return recipes.load(path)


def records(items: Items, n: int | None = None) -> Records:
    n = len(items) if n is None else n
    rows = np.arange(1, n + 1)
    return Records(
        pd.DataFrame({"n": rows}), np.zeros(n, np.int64), ("a", "b"), rows.astype(object), {"ecg": items}, rows
    )


class Listener:
    """Remembers whether anything was decoded."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))


def read(folder: Path, signal: str, items: Items, progress: Listener | None = None) -> Held:
    return KIND.read(make(folder, signal), records(items), "ecg", progress)


def from_table(folder: Path, signal: str, frame: pd.DataFrame) -> Held:
    """Items from a table, and what they hold."""
    recipe = make(folder, signal)
    items = KIND.items(recipe, "ecg", frame, np.arange(1, len(frame) + 1))
    return KIND.read(recipe, records(items), "ecg")


def values(held: Held) -> npt.NDArray[np.float32]:
    found: npt.NDArray[np.float32] = held.content.values
    return found


def fit(folder: Path, signal: str, held: Held, train: Sequence[int] | None = None) -> Fitted:
    """Fitted on the records at `train`, or on all, of all that can be read."""
    position = np.setdiff1d(np.arange(len(values(held))), list(held.unreadable))
    chosen = np.arange(len(position)) if train is None else np.array(train)
    return KIND.fit(make(folder, signal), held, "ecg", position, chosen, position + 1)


def finding(fitted: Fitted, kind: str) -> Finding:
    (found,) = [finding for finding in fitted.findings if finding.kind == kind]
    return found


def kinds(fitted: Fitted) -> set[str]:
    return {finding.kind for finding in fitted.findings}


def dicom(path: Path, unit: str = "uV", padding: int | None = None) -> None:
    """WAVE as a 12-lead ECG object, in microvolt, leads named as scanners name them."""
    stored = np.round(WAVE * 1000).astype("<i2")
    group = Dataset()
    group.WaveformOriginality, group.SamplingFrequency = "ORIGINAL", 250
    group.NumberOfWaveformChannels, group.NumberOfWaveformSamples = 3, len(WAVE)
    group.WaveformBitsAllocated, group.WaveformSampleInterpretation = 16, "SS"
    group.ChannelDefinitionSequence = []
    for name in ("Lead I (Einthoven)", "Lead II", "Lead V1"):
        channel, source, units = Dataset(), Dataset(), Dataset()
        source.CodeValue, source.CodingSchemeDesignator, source.CodeMeaning = "2:1", "MDC", name
        units.CodeValue, units.CodingSchemeDesignator, units.CodeMeaning = unit, "UCUM", unit
        channel.ChannelSourceSequence, channel.ChannelSensitivityUnitsSequence = [source], [units]
        channel.ChannelSensitivity, channel.ChannelSensitivityCorrectionFactor, channel.ChannelBaseline = (
            "2",
            "0.5",
            "0",
        )
        channel.WaveformBitsStored = 16
        group.ChannelDefinitionSequence.append(channel)
    if padding is not None:
        stored[3:5] = padding
        group.WaveformPaddingValue = np.array([padding], "<i2").tobytes()
    group.WaveformData = stored.tobytes()
    whole = Dataset()
    whole.SOPClassUID, whole.SOPInstanceUID = TwelveLeadECGWaveformStorage, generate_uid()
    whole.WaveformSequence = [group]
    whole.file_meta = FileMetaDataset()
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.file_meta.MediaStorageSOPClassUID = TwelveLeadECGWaveformStorage
    whole.file_meta.MediaStorageSOPInstanceUID = whole.SOPInstanceUID
    whole.save_as(path, enforce_file_format=True)


def wfdb_record(
    folder: Path, name: str, wave: npt.NDArray[np.float64] = WAVE, units: str = "mV", fs: int = 250
) -> None:
    """WAVE as a WFDB record; the package's own writer warns about pandas of today."""
    scale = 1000.0 if units == "uV" else 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wfdb

        wfdb.wrsamp(
            name,
            fs=fs,
            units=[units] * 3,
            sig_name=["I", "II", "V1"],
            p_signal=wave * scale,
            fmt=["16"] * 3,
            write_dir=str(folder),
            adc_gain=[1000.0 / scale] * 3,
            baseline=[0] * 3,
        )


def save(folder: Path, name: str, wave: npt.NDArray[Any] = WAVE) -> Path:
    """One file of a signal, in the format that its name asks for."""
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, wave)
    elif path.suffix == ".npz":
        np.savez_compressed(path, x=wave)
    elif path.suffix == ".csv":
        pd.DataFrame(wave, columns=["I", "II", "V1"][: wave.shape[1]]).to_csv(path, index=False)
    elif path.suffix == ".dcm":
        dicom(path)
    else:
        wfdb_record(folder, path.stem)
    os.utime(path, (OLD, OLD))
    return path
