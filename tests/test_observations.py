"""Irregular observations in bins: the last value by time counts, nothing later than allowed leaks in."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from automed.data.decode import long_table, observations
from automed.data.decode.observations import ALL, EARLY, LATE, NO_TIME, NO_VALUE
from automed.data.records import Observations
from automed.errors import DataError
from automed.recipe import Events

SPEC = Events(table="t", record="stay", bin=10, length=4)
Row = tuple[object, object, object, object]


def write(path: Path, rows: Sequence[Row]) -> Path:
    """A long table with the columns stay, time, variable, value."""
    frame = pd.DataFrame(rows, columns=["stay", "time", "variable", "value"])
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if ".tsv" in path.name else ",")
    return path


def binned(
    path: Path,
    keys: Sequence[str | None],
    names: Sequence[str] | None = None,
    spec: Events = SPEC,
    until: Sequence[float] | None = None,
    start: Sequence[float] | None = None,
) -> tuple[npt.NDArray[np.float32], dict[str, int]]:
    """Bins of all records, and what was left out."""
    item = Observations(
        path,
        spec,
        np.array(keys, object),
        None if until is None else np.array(until, float),
        None if start is None else np.array(start, float),
    )
    left_out: dict[str, int] = {}
    blocks = list(observations.bins(item, names or observations.variables(item), left_out))
    return np.concatenate(blocks), left_out


def test_values_are_carried_forward_with_masks_and_elapsed_times(tmp_path: Path) -> None:
    """The layout of GRU-D: value, mask, bins since the last observation, for each variable."""
    rows: list[Row] = [("a", 12, "HR", 70), ("a", 35, "HR", 80), ("a", 3, "K", 4)]
    out, _ = binned(write(tmp_path / "t.csv", rows), ["a"])
    nan = np.nan
    expected = [[nan, 4, 0, 1, 1, 0], [70, 4, 1, 0, 0, 1], [70, 4, 0, 0, 1, 2], [80, 4, 1, 0, 0, 3]]
    assert out.dtype == np.float32 and out.shape == (1, 4, 6)
    assert np.array_equal(out[0], np.array(expected, np.float32), equal_nan=True)


def test_before_the_first_observation_time_counts_from_the_start(tmp_path: Path) -> None:
    """Without an observation yet, the elapsed time is the number of bins so far, this one included."""
    out, _ = binned(write(tmp_path / "t.csv", [("a", 25, "HR", 70)]), ["a"])
    assert out[0, :, 2].tolist() == [1, 2, 0, 1]


def test_the_last_value_by_time_counts_whatever_the_order_of_rows(tmp_path: Path) -> None:
    """Rows out of order change nothing; of several at one time the lower row counts."""
    rows: list[Row] = [("a", 7, "HR", 1), ("a", 9, "HR", 2), ("a", 8, "HR", 3), ("a", 15, "HR", 4), ("a", 15, "HR", 5)]
    out, _ = binned(write(tmp_path / "t.csv", rows), ["a"])
    assert out[0, :2, 0].tolist() == [2, 5]
    turned, _ = binned(write(tmp_path / "u.csv", rows[::-1]), ["a"])
    assert turned[0, :2, 0].tolist() == [2, 4]


def test_of_one_time_the_lower_row_counts_in_whatever_batch_it_comes(tmp_path: Path) -> None:
    """A tie is decided by the order of rows also where the table is read row by row."""
    path = write(tmp_path / "t.parquet", [("a", 5, "HR", value) for value in (3, 1, 2)])
    for size in (1, 2, 3):
        with mock.patch.object(long_table, "_BATCH_ROWS", size):
            assert binned(path, ["a"])[0][0, 0, 0] == 2


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    """Times before the first and after the last bin, missing and infinite values, words, and rows without a time."""
    path = tmp_path / "t.csv"
    path.write_text(
        "stay,time,variable,value\na,-1,HR,60\na,40,HR,61\na,39.9,HR,62\na,1,HR,-1\na,2,HR,\na,3,HR,nan\n"
        "a,4,HR,inf\na,5,HR,haemolysed\na,,HR,63\na,later,HR,64\na,6,HR,1e300\nb,1,HR,65\na,1,XX,66\n"
    )
    out, left_out = binned(path, ["a"], ["HR"], SPEC.model_copy(update={"missing": (-1.0,)}))
    assert left_out == {ALL: 11, EARLY: 1, LATE: 1, NO_VALUE: 6, NO_TIME: 2}
    assert out[0, :, 1].tolist() == [0, 0, 0, 1] and out[0, 3, 0] == np.float32(62)


def test_records_and_variables_that_nobody_asked_for_are_ignored(tmp_path: Path) -> None:
    """Rows of other records neither count nor bring their variables."""
    rows: list[Row] = [("a", 1, "HR", 70), ("z", 1, "HR", 71), ("z", 1, "Only z", 1)]
    path = write(tmp_path / "t.csv", rows)
    item = Observations(path, SPEC, np.array(["a"], object))
    assert observations.variables(item) == ("HR",)
    out, left_out = binned(path, ["a"])
    assert out[0, 0].tolist() == [70, 1, 0] and left_out[ALL] == 1


def test_variables_are_sorted_or_as_the_recipe_says(tmp_path: Path) -> None:
    """All that occur, by name; names that are given keep their order, and may never occur."""
    path = write(tmp_path / "t.csv", [("a", 1, "b", 1), ("a", 1, "NA", 2), ("a", 1, "a", 3)])
    assert observations.variables(Observations(path, SPEC, np.array(["a"], object))) == ("NA", "a", "b")
    out, _ = binned(path, ["a"], ["b", "never", "a"])
    assert np.array_equal(out[0, 0, :3], [1, np.nan, 3], equal_nan=True)
    assert out[0, 0, 3:6].tolist() == [1, 0, 1]


def test_a_record_without_an_observation_is_nan(tmp_path: Path) -> None:
    """Neither its masks nor its elapsed times look like a record's; a record without a key is one."""
    out, _ = binned(write(tmp_path / "t.csv", [("a", 1, "HR", 70)]), ["b", None, "a"])
    assert np.isnan(out[:2]).all() and not np.isnan(out[2]).any()


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet"])
def test_every_kind_of_table_gives_the_same(tmp_path: Path, suffix: str) -> None:
    """Text, packed text and parquet; keys are compared as text, with their leading zeros."""
    rows: list[Row] = [("007", 1, "HR", 70.5), ("7", 2, "HR", 71.5), ("007", 12, "K", -0.0)]
    out, _ = binned(write(tmp_path / f"t{suffix}", rows), ["7", "007"])
    assert out[:, 0, 0].tolist() == [71.5, 70.5]
    assert out[1, 1, 1] == 0 and not np.signbit(out[1, 1, 1])


def test_keys_that_are_numbers_in_the_file_meet_text(tmp_path: Path) -> None:
    """Whole numbers, also where parquet stored them as fractions; packed text may come in several members."""
    for column in (np.array([12, 13]), np.array([12.0, 13.0])):
        frame = pd.DataFrame({"stay": column, "time": [1, 1], "variable": "HR", "value": [70, 71]})
        frame.to_parquet(tmp_path / "t.parquet")
        assert binned(tmp_path / "t.parquet", ["13", "12"])[0][:, 0, 0].tolist() == [71, 70]
    pieces = (b"stay,time,variable,value\n12,1,HR,70\n", b"13,1,HR,71\n")
    (tmp_path / "t.csv.gz").write_bytes(b"".join(map(gzip.compress, pieces)))
    assert binned(tmp_path / "t.csv.gz", ["13", "12"])[0][:, 0, 0].tolist() == [71, 70]


def test_nothing_later_than_until_is_seen(tmp_path: Path) -> None:
    """Three records of one stay, each up to its own time; equality counts, and NaN sees nothing."""
    rows: list[Row] = [("a", time, "HR", time) for time in (0, 5, 12, 25, 33)]
    out, left_out = binned(write(tmp_path / "t.csv", rows), ["a"] * 4, until=[5, 24.9, 25, np.nan])
    assert out[0, :, 0].tolist() == [5, 5, 5, 5] and out[0, :, 1].tolist() == [1, 0, 0, 0]
    assert out[1, :, 0].tolist() == [5, 12, 12, 12] and out[2, :, 0].tolist() == [5, 12, 25, 25]
    assert np.isnan(out[3]).all() and not left_out[LATE] and not left_out[EARLY]


def test_bins_are_counted_from_each_records_start(tmp_path: Path) -> None:
    """Windows of one stay may overlap; an observation stands in each that it lies in."""
    rows: list[Row] = [("a", time, "HR", time) for time in (-3, 2, 21, 48, 90)]
    out, left_out = binned(write(tmp_path / "t.csv", rows), ["a", "a", "a"], start=[-5, 20, 0])
    assert out[0, :, 1].tolist() == [1, 0, 1, 0] and out[0, 0, 0] == 2
    assert out[1, :, 1].tolist() == [1, 0, 1, 0] and out[1, :, 0].tolist() == [21, 21, 48, 48]
    assert out[2, :, 1].tolist() == [1, 0, 1, 0]
    assert left_out[LATE] == 1 and left_out[EARLY] == 0


def naive(rows: Sequence[Row], item: Observations, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """The same, one observation at a time."""
    wide, length = len(names), item.spec.length
    assert item.until is not None and item.start is not None
    out = np.full((len(item), length, 3 * wide), np.nan, np.float32)
    for record, key in enumerate(item.keys):
        latest: dict[tuple[int, int], tuple[float, float]] = {}
        for stay, time, variable, value in rows:
            since = float(time) - item.start[record]  # type: ignore[arg-type]
            if stay != key or variable not in names or not np.isfinite(value):  # type: ignore[call-overload]
                continue
            if since < 0 or float(time) >= item.start[record] + item.spec.bin * length:  # type: ignore[arg-type]
                continue
            if not float(time) <= item.until[record]:  # type: ignore[arg-type]
                continue
            cell = (int(since // item.spec.bin), names.index(variable))  # type: ignore[arg-type]
            if cell not in latest or float(time) >= latest[cell][0]:  # type: ignore[arg-type]
                latest[cell] = (float(time), float(value))  # type: ignore[arg-type]
        if not latest:
            continue
        for v in range(wide):
            value_now, since_last = np.nan, 0
            for b in range(length):
                seen = (b, v) in latest
                value_now = latest[b, v][1] if seen else value_now
                since_last = 0 if seen else since_last + 1
                out[record, b, [v, wide + v, 2 * wide + v]] = value_now, seen, since_last
    return out


numbers = st.integers(-2, 11).map(float)  # few, so that times meet
tables = st.lists(
    st.tuples(
        st.sampled_from("abz"), numbers, st.sampled_from(["HR", "K", "x"]), st.sampled_from([1.0, 2.5, 4.0, np.nan])
    ),
    max_size=25,
)
windows = st.lists(st.tuples(st.sampled_from("abc"), numbers, numbers), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables, windows, st.integers(1, 4))
def test_bins_are_those_of_the_definition(
    tmp_path: Path, rows: list[Row], asked: list[tuple[str, float, float]], small: int
) -> None:
    """Whatever the order, the windows, and the pieces that table, records and pairs are worked through in."""
    path = write(tmp_path / "t.parquet", [("z", 0.0, "x", 0.0), *rows])
    item = Observations(
        path,
        Events(table="t", record="stay", bin=2.5, length=3),
        np.array([key for key, _, _ in asked], object),
        np.array([until for _, until, _ in asked]),
        np.array([start for _, _, start in asked]),
    )
    expected = naive(rows, item, ["HR", "K"])
    with (
        mock.patch.object(long_table, "_BATCH_ROWS", small),
        mock.patch.object(observations, "_CELLS", 6 * small),
        mock.patch.object(observations, "_PAIRS", small),
        mock.patch.object(observations, "_BLOCK_BYTES", 100 * small),
    ):
        out = np.concatenate(list(observations.bins(item, ["HR", "K"], {})))
    assert np.array_equal(out, expected, equal_nan=True)


def test_in_several_passes_rows_are_counted_once(tmp_path: Path) -> None:
    """A table that is read for a few records at a time leaves out, and counts, the same."""
    rows: list[Row] = [(key, time, "HR", 1.0) for key in "abc" for time in (-1, 1, 50)]
    path = write(tmp_path / "t.csv", rows)
    whole, left_out = binned(path, list("abc"))
    shares: list[float] = []
    with mock.patch.object(observations, "_CELLS", 1):
        item = Observations(path, SPEC, np.array(list("abc"), object))
        again: dict[str, int] = {}
        out = np.concatenate(list(observations.bins(item, ["HR"], again, shares.append)))
    assert np.array_equal(out, whole) and again == left_out
    assert shares == sorted(shares) and shares[-1] == 1.0 and len(shares) == 3


def test_only_a_part_of_the_records_is_asked_for_and_the_order_is_theirs(tmp_path: Path) -> None:
    """Rows of the output follow the records, not the table."""
    rows: list[Row] = [(key, 1, "HR", n) for n, key in enumerate("abcdef")]
    path = write(tmp_path / "t.csv", rows)
    assert binned(path, list("fda"))[0][:, 0, 0].tolist() == [5, 3, 0]


def test_column_names_are_read_from_the_first_line_alone(tmp_path: Path) -> None:
    """A mark at the beginning is no part of the first name, and quotes are none of any."""
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbf"stay",time,"a,b"\n1,2\n')
    assert long_table.columns(path) == ("stay", "time", "a,b")
    assert binned(write(tmp_path / "u.csv", [("a", 1, "HR", 1)]), ["a"])[0][0, 0, 0] == 1
    path.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "u.csv").read_bytes())
    assert binned(path, ["a"])[0][0, 0, 0] == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"stay,time,variable,value\na,1,HR,2\nSecret,1\n", "row 2 has another number of columns"),
        ("t.csv", b"stay,time,variable,value\nSecret\xff,1,HR,2\n", "row 1 is not UTF-8 text"),
        ("t.csv", b"", "cannot be read"),
        ("t.csv.gz", b"stay,time,variable,value\na,1,HR,2\n", "cannot be read"),
        ("t.csv.gz", gzip.compress(b"stay,time,variable,value\n" + b"a,1,HR,2\n" * 50, mtime=0)[:-9], "cannot be read"),
        ("t.parquet", b"PAR1 Secret", "cannot be read"),
        ("t.xlsx", b"Secret", "not a csv, tsv or parquet file"),
    ],
)
def test_a_table_that_cannot_be_read_says_so_without_its_cells(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """Damage is told with the file and where possible the row, never with what stands there."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as raised:
        binned(tmp_path / name, ["a"])
    assert "Secret" not in str(raised.value) and name in str(raised.value)


def test_a_table_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    for name in ("t.csv", "t.csv.gz", "t.parquet"):
        with pytest.raises(DataError, match="not there"):
            binned(tmp_path / name, ["a"])
        with pytest.raises(DataError, match="not there"):
            long_table.columns(tmp_path / name)


def test_dates_are_refused_with_what_to_write_instead(tmp_path: Path) -> None:
    """Times are numbers since something; a column of dates would be bins of microseconds."""
    frame = pd.DataFrame({"stay": ["a"], "time": pd.to_datetime(["2024-01-01"]), "variable": ["HR"], "value": [1.0]})
    frame.to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="dates") as raised:
        binned(tmp_path / "t.parquet", ["a"])
    assert "hours" in str(raised.value)


def test_picked_records_keep_their_windows(tmp_path: Path) -> None:
    """Bins of some of the records are those rows of the bins of all."""
    rows: list[Row] = [(key, time, "HR", time) for key in "ab" for time in range(0, 80, 7)]
    path = write(tmp_path / "t.csv", rows)
    item = Observations(
        path, SPEC, np.array(list("abab"), object), np.array([30.0, 40, 50, 60]), np.array([0.0, 10, 20, 30])
    )
    whole = np.concatenate(list(observations.bins(item, ["HR"], {})))
    assert item.until is not None and item.start is not None
    some = replace(item, keys=item.keys[[2, 1]], until=item.until[[2, 1]], start=item.start[[2, 1]])
    assert np.array_equal(np.concatenate(list(observations.bins(some, ["HR"], {}))), whole[[2, 1]], equal_nan=True)


@pytest.mark.slow
def test_icu_stays_in_hourly_bins(real_data: Path) -> None:
    """PhysioNet 2012: 37 variables of 4,000 stays; three of them without any, 326 values of -1."""
    keys = pd.read_csv(real_data / "icu" / "stays.csv", dtype=str)["stay_id"].to_numpy(object)
    spec = Events(table="t", record="stay_id", time="minute", bin=60, length=48, missing=(-1.0,))
    item = Observations(real_data / "icu" / "observations.csv.gz", spec, keys)
    names, left_out = observations.variables(item), {}
    blocks = list(observations.bins(item, names, left_out))
    assert len(names) == 37 and sum(map(len, blocks)) == 4000
    assert left_out[NO_VALUE] == 326 and left_out[ALL] > 1_600_000
    assert sum(int(np.isnan(block[:, 0, -1]).sum()) for block in blocks) == 3
    table = pd.read_csv(real_data / "icu" / "observations.csv.gz", dtype={"stay_id": str}, nrows=2000)
    stay = table["stay_id"].iloc[0]
    own = table[(table["stay_id"] == stay) & (table["variable"] == "HR") & (table["minute"] < 60)]
    assert blocks[0][keys.tolist().index(stay), 0, names.index("HR")] == own["value"].iloc[-1]
