"""The kind `signal`: files, columns and arrays are read, and what is wrong with them is said."""

from __future__ import annotations

import importlib.util
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from madesignals import (
    WAVE,
    WFDB,
    dicom,
    finding,
    fit,
    from_table,
    make,
    read,
    records,
    save,
    values,
    wfdb_record,
)

from automed.data.decode import arrays, waveforms
from automed.data.decode.unreadable import Unreadable
from automed.data.kinds.kind import ABSENT
from automed.data.kinds.signal import KIND
from automed.data.records import Arrays, Files, Texts
from automed.errors import DataError, MissingExtra, RecipeError

pytestmark = pytest.mark.usefixtures("fresh_cache")

# ---- files


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.dcm", pytest.param("x.hea", marks=WFDB)])
def test_every_format_gives_the_same_signal(tmp_path: Path, name: str) -> None:
    """Potentials come in mV, whatever unit a DICOM or WFDB file stores them in."""
    held = read(tmp_path, "column: file", Files((save(tmp_path, name),)))
    assert values(held).dtype == np.float32 and values(held).shape == (1, 40, 3) and not held.unreadable
    assert np.allclose(values(held)[0], WAVE, atol=2e-3)


@pytest.mark.parametrize("name", ["x.npy", "x.npz", "x.csv", "x.dcm", pytest.param("x.hea", marks=WFDB)])
def test_size_and_names_are_known_before_decoding(tmp_path: Path, name: str) -> None:
    """What a header says is what decoding gives."""
    path = save(tmp_path, name)
    extent, (wave, _) = waveforms.measure(path), waveforms.decode(path)
    assert (extent.steps, extent.channels) == wave.values.shape == (40, 3) and extent.names == wave.names
    assert wave.names == ({".npy": (), ".npz": ()}.get(path.suffix, ("I", "II", "V1")))
    assert wave.rate == {".dcm": 250, ".hea": 250}.get(path.suffix)


@pytest.mark.parametrize(
    "text",
    ["1,2\n3,4\n5,6\n", "a;b\n1;2\n3;4\n5;6\n", "\ufeffa\tb\n1\t2\n3\t4\n5\t6", '"a","b"\r\n1,2\r\n3,4\r\n5,6\r\n'],
)
def test_csv_comes_with_or_without_a_header_and_with_any_separator(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.csv").write_text(text, encoding="utf-8", newline="")
    wave, _ = waveforms.decode(tmp_path / "x.csv")
    assert np.array_equal(wave.values, [[1, 2], [3, 4], [5, 6]])


def test_empty_cells_of_a_csv_are_missing_steps(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("1,2\n,4\nNA,6\n")
    wave, _ = waveforms.decode(tmp_path / "x.csv")
    assert np.array_equal(wave.values, [[1, 2], [np.nan, 4], [np.nan, 6]], equal_nan=True)


def test_what_a_dicom_file_calls_padding_is_missing(tmp_path: Path) -> None:
    """The value that stands for "not measured" is no voltage; units other than of potentials stay as they are."""
    dicom(tmp_path / "x.dcm", padding=-32768)
    wave, _ = waveforms.decode(tmp_path / "x.dcm")
    assert np.isnan(wave.values[3:5]).all() and not np.isnan(np.delete(wave.values, [3, 4], axis=0)).any()
    dicom(tmp_path / "x.dcm", unit="mm[Hg]")
    assert np.allclose(waveforms.decode(tmp_path / "x.dcm")[0].values, np.round(WAVE * 1000), atol=0.51)


@WFDB
def test_a_wfdb_record_is_read_in_its_own_unit_and_from_either_name(tmp_path: Path) -> None:
    """Microvolt become millivolt; `.dat` leads to the record as `.hea` does."""
    wfdb_record(tmp_path, "x", units="uV")
    for name in ("x.hea", "x.dat"):
        assert np.allclose(waveforms.decode(tmp_path / name)[0].values, WAVE, atol=2e-3)


@WFDB
def test_another_content_of_either_file_is_another_record(tmp_path: Path) -> None:
    """The digest is of header and samples together."""
    wfdb_record(tmp_path, "x")
    first = waveforms.contents([tmp_path / "x.hea"])
    assert first == [waveforms.decode(tmp_path / "x.hea")[1]]
    shutil.copy(tmp_path / "x.hea", tmp_path / "kept")
    wfdb_record(tmp_path, "x", WAVE + 0.5)
    shutil.copy(tmp_path / "kept", tmp_path / "x.hea")
    assert waveforms.contents([tmp_path / "x.hea"]) != first


@WFDB
def test_a_header_leads_to_no_file_outside_its_folder(tmp_path: Path) -> None:
    """Neither by a path nor by an address that a file system library would follow."""
    wfdb_record(tmp_path, "x")
    text = (tmp_path / "x.hea").read_text()
    for name in ("../x.dat", "/etc/passwd", "simplecache::http://localhost/x"):
        (tmp_path / "y.hea").write_text(text.replace("x.dat", name))
        with pytest.raises(Unreadable, match="another folder"):
            waveforms.decode(tmp_path / "y.hea")
        assert waveforms.contents([tmp_path / "y.hea"]) == ["!a header that leads to another folder"]


def test_a_missing_package_is_named_with_what_installs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WFDB records need an extra, and say which."""
    (tmp_path / "x.hea").write_text("x 1 100 4\nx.dat 16 200 16 0 0 0 0 I\n")
    (tmp_path / "x.dat").write_bytes(b"\0" * 8)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'automed\[wfdb\]'"):
        read(tmp_path, "column: file", Files((tmp_path / "x.hea",)))


def test_a_pattern_finds_files_by_name(tmp_path: Path) -> None:
    """`records/{id}` is completed by the known extensions, of several files of a WFDB record too; empty is absent."""
    (tmp_path / "records").mkdir()
    save(tmp_path / "records", "01.npy")
    save(tmp_path / "records", "02.csv", WAVE + 1)
    (tmp_path / "records" / "03.hea").write_text("03 1 100\n03.dat 16\n")
    (tmp_path / "records" / "03.dat").write_bytes(b"")
    recipe = make(tmp_path, '"column": "records/{id}"')
    assert list(KIND.fields(recipe, "ecg")) == [("inputs.ecg.column", "id")]
    frame = pd.DataFrame({"id": ["02", "01", "", "03"]})
    items = KIND.items(recipe, "ecg", frame, np.arange(1, 5))
    assert isinstance(items, Files) and [path.name for path in items.paths] == ["02.csv", "01.npy", "", "03.hea"]
    held = KIND.read(recipe, records(items), "ecg")
    assert np.allclose(values(held)[0], WAVE + 1, atol=1e-5) and np.allclose(values(held)[1], WAVE, atol=1e-5)
    assert held.unreadable[2] == ABSENT and held.unreadable[3] == "empty" and np.isnan(values(held)[2:]).all()


def _zip(*names: str) -> bytes:
    file = io.BytesIO()
    np.savez(file, **dict.fromkeys(names, WAVE))
    return file.getvalue()


def _npy(array: npt.NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.npy", b"", "empty"),
        ("x.npy", b"Secret", "damaged"),
        ("x.npy", _npy(WAVE)[:-8], "damaged"),
        ("x.npy", _npy(np.array([{"a": 1}, None], object)), "Python objects, which are never loaded"),
        ("x.npy", _npy(np.array(["a", "b"])), "not numbers"),
        ("x.npy", _npy(np.zeros((2, 2, 2))), "3 dimensions, one or two are wanted"),
        ("x.npy", _npy(np.zeros((5, 0))), "no channels"),
        ("x.npy", _npy(np.full((9, 3), np.nan)), "no number in it"),
        ("x.npy", _npy(WAVE[:1]), "1 step, at least 2 are needed"),
        ("x.npy", _npy(WAVE[:, :2]), "2 channels, 3 are wanted"),
        ("x.npz", _zip("a", "b"), "2 arrays, one is wanted"),
        ("x.npz", b"PK\x03\x04 Secret", "damaged"),
        ("x.csv", b"1,2,3\n4,Secret,6\n", "text where numbers are wanted"),
        ("x.csv", b"a,b,c\n", "no numbers in it"),
        ("x.csv", b"\xff\xfe\x00", "damaged"),
        ("x.dcm", b"Secret", "DICOM without a waveform"),
        ("x.hea", b"x/3 2 100\n", "several segments"),
        ("x.hea", b"x 0 100\n", "no signals"),
        ("x.hea", b"x 2 100\nx.dat 16\n", "damaged"),
        ("x.hea", b"x 900000 100 900000\n" + b"x.dat 16\n" * 3, "damaged"),
        ("x.hea", b"Secret", "damaged"),
        ("x.hea", b"x 1 100 4\nx.dat 16 200 16 0 0 0 0 I\n", "missing"),
        ("x.edf", b"Secret", "a kind of file that is not supported"),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_no_more(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    """The reason is by position, in a few words; the other records stay, and a second look says the same."""
    good = [save(tmp_path, f"{n}.npy") for n in "ab"]
    (tmp_path / name).write_bytes(content)
    for _ in range(2):
        held = read(tmp_path, "column: file", Files((good[0], tmp_path / name, good[1], tmp_path / "gone.npy")))
        assert held.unreadable == {1: reason, 3: "missing"}
        assert np.isnan(values(held)[[1, 3]]).all() and np.allclose(values(held)[[0, 2]], WAVE, atol=1e-5)


def test_a_size_that_no_signal_has_takes_no_memory(tmp_path: Path) -> None:
    """The header is believed before the numbers are read."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**40, 3)})
    (tmp_path / "x.npy").write_bytes(header.getvalue() + b"\0" * 64)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    for name in ("x.npy", "x.npz"):
        with pytest.raises(Unreadable, match="too large"):
            waveforms.decode(tmp_path / name)


def test_channels_are_found_by_name_when_files_order_them_otherwise(tmp_path: Path) -> None:
    """Swapped leads are put right; a file with other leads is not taken for one with these."""
    frame = pd.DataFrame(WAVE, columns=["I", "II", "V1"])
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "b.csv", index=False)
    frame[["V1", "I", "II"]].rename(columns={"I": "lead i"}).to_csv(tmp_path / "c.csv", index=False)
    frame.rename(columns={"V1": "V2"}).to_csv(tmp_path / "d.csv", index=False)
    held = read(tmp_path, "column: file", Files(tuple(tmp_path / f"{name}.csv" for name in "abcd")))
    assert held.unreadable == {3: "other channels"}
    assert np.allclose(values(held)[2], WAVE, atol=1e-5)
    assert fit(tmp_path, "column: file", held).facts["channels"] == ["I", "II", "V1"]
    some = read(tmp_path, "column: file, channels: [V1, I]", Files((tmp_path / "a.csv",)))
    assert np.allclose(values(some)[0], WAVE[:, [2, 0]], atol=1e-5)
    labels = read(tmp_path, "column: file, channels: [x, y, z]", Files((tmp_path / "a.csv",)))
    assert np.allclose(values(labels)[0], WAVE, atol=1e-5) and not labels.unreadable


def test_names_that_say_too_little_are_not_guessed_at(tmp_path: Path) -> None:
    """Two channels of one name stay in their order, and are no place to look one up; files without names go by it."""
    (tmp_path / "a.csv").write_text("ecg,ecg\n1,2\n3,4\n")
    (tmp_path / "b.csv").write_text("ecg,ecg,pleth\n1,2,9\n3,4,9\n")
    files = Files((tmp_path / "a.csv", tmp_path / "b.csv", save(tmp_path, "c.npy", WAVE[:2, :2])))
    held = read(tmp_path, "column: file, length: 2", files)
    assert held.unreadable == {1: "two channels of one name"} and values(held)[0].tolist() == [[1, 2], [3, 4]]
    (tmp_path / "d.csv").write_text("time,\n1,2\n3,4\n")
    plain = Files((save(tmp_path, "e.npy", WAVE[:2, :2]), save(tmp_path, "f.npy", WAVE[:2, 1:]), tmp_path / "d.csv"))
    assert values(read(tmp_path, "column: file", plain))[2].tolist() == [[1, 2], [3, 4]]


def test_shorter_signals_are_padded_and_longer_ones_cut(tmp_path: Path) -> None:
    """The longest decides unless the recipe does; both is said with row numbers."""
    files = Files(tuple(save(tmp_path, f"{n}.npy", WAVE[:n]) for n in (40, 25, 40, 30)))
    held = read(tmp_path, "column: file", files)
    assert values(held).shape == (4, 40, 3)
    assert np.isnan(values(held)[1, 25:]).all() and not np.isnan(values(held)[1, :25]).any()
    assert finding(fit(tmp_path, "column: file", held), "padded").rows == (2, 4)
    cut = read(tmp_path, "column: file, length: 28", files)
    assert values(cut).shape == (4, 28, 3)
    fitted = fit(tmp_path, "column: file, length: 28", cut)
    assert finding(fitted, "padded").rows == (2,) and finding(fitted, "cut").rows == (1, 3, 4)
    assert finding(fitted, "padded").severity == "note"


def test_one_step_is_no_signal(tmp_path: Path) -> None:
    """After averaging too."""
    files = Files((save(tmp_path, "a.npy"), save(tmp_path, "b.npy", WAVE[:4])))
    assert not read(tmp_path, "column: file, average: 2", files).unreadable
    assert read(tmp_path, "column: file, average: 4", files).unreadable == {1: "1 step, at least 2 are needed"}


@WFDB
def test_rates_that_differ_are_said(tmp_path: Path) -> None:
    """A signal at another rate looks stretched in time; what the files say is shown where the recipe says nothing."""
    for name, rate in (("a", 250), ("b", 500), ("c", 250)):
        wfdb_record(tmp_path, name, fs=rate)
    held = read(tmp_path, "column: file", Files(tuple(tmp_path / f"{name}.hea" for name in "abc")))
    fitted = fit(tmp_path, "column: file", held)
    assert finding(fitted, "rates_differ").rows == (2,)
    assert (fitted.facts["step"], fitted.facts["unit"]) == (1 / 250, "s")


# ---- columns and arrays


def test_columns_of_the_table_are_steps(tmp_path: Path) -> None:
    """Numbers, or numbers as text; words for missing are missing, an empty row is absent."""
    frame = pd.DataFrame({"a": ["1", "2", ""], "b": [3.5, np.nan, np.nan], "c": ["5", "NA", " "], "d": ["x", "y", "z"]})
    recipe = make(tmp_path, "columns: [a, b, c]")
    assert list(KIND.fields(recipe, "ecg")) == [("inputs.ecg.columns", name) for name in "abc"]
    held = from_table(tmp_path, "columns: [a, b, c]", frame)
    assert held.unreadable == {1: "1 step, at least 2 are needed", 2: ABSENT}
    assert values(held)[0, :, 0].tolist() == [1, 3.5, 5]
    assert fit(tmp_path, "columns: [a, b, c]", held).facts["channels"] == ["ecg"]


def test_text_in_a_column_of_steps_is_an_error_with_rows(tmp_path: Path) -> None:
    """The rows are named, the cell is not."""
    frame = pd.DataFrame({"a": ["1", "Secret", "3"], "b": [1, 2, 3]})
    with pytest.raises(DataError, match="row 2") as raised:
        from_table(tmp_path, "columns: [a, b]", frame)
    assert "Secret" not in str(raised.value)


@pytest.mark.parametrize("how", ["npy", "stored", "packed", "big-endian"])
def test_an_array_file_is_mapped_and_never_held_whole(tmp_path: Path, how: str) -> None:
    """Rows are those of the table; int16 is scaled; a packed archive is copied to the cache once."""
    stored = np.round(np.stack([WAVE, WAVE + 1, WAVE - 1]) * 1000).astype(">i2" if how == "big-endian" else "<i2")
    text = "x.npy" if how == "npy" else "x.npz:X"
    if how == "npy":
        np.save(tmp_path / "x.npy", stored)
    else:
        (np.savez_compressed if how == "packed" else np.savez)(tmp_path / "x.npz", other=np.zeros(3), X=stored)
    signal = f'array: "{text}", scale: 0.001, channels: [I, II, V1]'
    items = KIND.items(make(tmp_path, signal), "ecg", pd.DataFrame({"n": range(3)}), np.arange(1, 4))
    assert isinstance(items, Arrays) and isinstance(items.values, np.memmap)
    assert np.array_equal(items.values, stored)
    held = read(tmp_path, signal, items)
    assert np.allclose(values(held), stored / 1000, atol=1e-6)
    assert fit(tmp_path, signal, held).facts["channels"] == ["I", "II", "V1"]


def test_the_content_of_an_array_is_what_counts(tmp_path: Path) -> None:
    """A map, a slice of it and an array in memory: equal digests never stand for other numbers."""
    whole = np.arange(60.0).reshape(5, 12)
    np.save(tmp_path / "x.npy", whole)
    mapped = arrays.mapped(tmp_path / "x.npy", None)
    assert len({arrays.content(mapped), arrays.content(mapped[:4]), arrays.content(mapped[1:])}) == 3
    assert arrays.content(mapped[1:]) == arrays.content(whole[1:])
    assert arrays.content(whole.astype(np.float32)) != arrays.content(whole)


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        ("array: x.npz:Y", r"inputs\.ecg\.array names no array of x\.npz"),
        ("array: x.npz", "names no array"),
        ("array: x.csv", "must be a npy file"),
        ("array: flat.npy", r"must be \(records, steps\)"),
        ("array: short.npy", "has 2 rows, the table 3"),
        ("array: x.npz:X, channels: [a]", "names 1 channels, there are 3"),
        ("length: 20", "needs column, columns, array or events"),
    ],
)
def test_an_array_that_does_not_fit_is_an_error_of_the_recipe(tmp_path: Path, signal: str, said: str) -> None:
    np.savez(tmp_path / "x.npz", X=np.zeros((3, 9, 3)), other=np.zeros(3))
    np.save(tmp_path / "flat.npy", np.zeros(3))
    np.save(tmp_path / "short.npy", np.zeros((2, 9)))
    with pytest.raises(RecipeError, match=said) as raised:
        from_table(tmp_path, signal, pd.DataFrame({"n": range(3)}))
    assert "Y" not in signal or "x.npz:X" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.npy", None, "not there"),
        ("x.npy", b"Secret", "not an array of numbers, or damaged"),
        ("x.npy", _npy(np.array([["a"]])), "must hold numbers"),
        ("x.npy", _npy(np.array([[None]], object)), "not an array of numbers"),
        ("x.npz", b"Secret", "not an npz archive"),
    ],
)
def test_an_array_file_that_cannot_be_read_is_an_error_of_the_data(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        from_table(tmp_path, f"array: {name}", pd.DataFrame({"n": [1]}))


def test_a_source_that_gives_no_signal_is_an_error(tmp_path: Path) -> None:
    """Texts are no signals, and neither are pictures in colour."""
    with pytest.raises(RecipeError, match=r"inputs\.ecg\.kind"):
        read(tmp_path, "length: 20", Texts(np.array(["a"], object)))
    with pytest.raises(RecipeError, match=r"must be \(records, steps\)"):
        read(tmp_path, "length: 20", Arrays(np.zeros((2, 8, 8, 3))))
