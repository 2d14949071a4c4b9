"""A long table in batches: csv, tsv or parquet of any size, of which memory holds a few megabytes at a time."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from automed.errors import DataError

Index = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_PARQUET = (".parquet", ".pq")
_BATCH_BYTES = 1_000_000  # Arrow reads some thirty batches ahead
_BATCH_ROWS = 65_536


def columns(path: Path) -> tuple[str, ...]:
    """Names of the columns of a long table.

    Raises:
        DataError: not there, no csv, tsv or parquet file, or damaged.
    """
    with _in_words(path):
        if _suffix(path) in _PARQUET:
            return tuple(pa.parquet.read_schema(path).names)
        separator = _separator(path)
        with (gzip.open if _packed(path) else open)(path, "rt", encoding="utf-8-sig") as file:
            return tuple(next(csv.reader(file, delimiter=separator), ()))


def batches(path: Path, keys: tuple[str, ...], values: tuple[str, ...] = ()) -> Iterator[tuple[Any, float]]:
    """Batches of some columns, each with the share of the table that is read by then.

    Args:
        path: of the table.
        keys: columns of words that come again and again, for `codes`.
        values: columns of numbers, for `numbers`; they come after the keys.

    Raises:
        DataError: as `columns`, or a row that has another number of cells.
    """
    with _in_words(path):
        if _suffix(path) in _PARQUET:
            with pa.parquet.ParquetFile(path) as table:
                done, total = 0, max(1, table.metadata.num_rows)
                for batch in table.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys((*keys, *values)))):
                    done += len(batch)
                    yield batch.select([*keys, *values]), done / total
            return
        reader, share = _text(path, keys, values)
        with closing(reader):
            for batch in reader:
                yield batch, share()


def codes(column: Any, index: Mapping[str, int]) -> Index:
    """int64 (k,), the number of each cell's text; -1 where it has none."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    numbers = [-1 if word is None else index.get(word, -1) for word in words(encoded.dictionary)]
    return np.array([*numbers, -1], np.int64)[indices(encoded)]


def indices(encoded: Any) -> Index:
    """Positions in the dictionary; one beyond it where there is nothing."""
    found: Index = encoded.indices.cast(pa.int64()).fill_null(len(encoded.dictionary)).to_numpy(zero_copy_only=False)
    return found


def words(cells: Any) -> list[str | None]:
    """Cells as stripped text; whole numbers that are stored as fractions lose their point."""
    listed = cells.to_pylist()
    if pa.types.is_floating(cells.type):
        listed = [int(cell) if cell is not None and cell == cell // 1 else cell for cell in listed]
    return [None if cell is None else str(cell).strip() for cell in listed]


def numbers(column: Any, path: Path) -> Reals:
    """float64 (k,), NaN where a cell holds no number."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_temporal(column.type):
        hint = "Write numbers, such as hours since admission, into the columns of times and values."
        raise DataError("holds dates where numbers are wanted", where=path.name, hint=hint)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        try:
            column = pc.cast(pc.if_else(pc.equal(column, ""), None, column), pa.float64())
        except pa.ArrowInvalid:  # words among the numbers
            read = pd.to_numeric(pd.Series(column.to_pylist(), dtype=object), errors="coerce")
            return np.asarray(read, np.float64)
    found: Reals = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found


def _text(path: Path, keys: tuple[str, ...], values: tuple[str, ...]) -> tuple[Any, Callable[[], float]]:
    """A reader of batches of a text table, and a function for the share that it has read."""
    separator, file = _separator(path), pa.OSFile(str(path))
    size = max(1, file.size())
    # As dictionaries keys take a number each; numbers stay text until it is known that they are some.
    types = dict.fromkeys(values, pa.string()) | dict.fromkeys(keys, pa.dictionary(pa.int32(), pa.string()))
    reader = pa.csv.open_csv(
        pa.CompressedInputStream(file, "gzip") if _packed(path) else file,
        pa.csv.ReadOptions(block_size=_BATCH_BYTES, use_threads=False),
        pa.csv.ParseOptions(delimiter=separator),
        pa.csv.ConvertOptions(include_columns=[*keys, *values], column_types=types),
    )
    return reader, lambda: min(1.0, file.tell() / size)


def _separator(path: Path) -> str:
    if _suffix(path) not in _SEPARATORS:
        raise DataError("not a csv, tsv or parquet file", where=path.name)
    return _SEPARATORS[_suffix(path)]


def _packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """What pyarrow raises, without the cells that it quotes."""
    try:
        yield
    except FileNotFoundError as problem:
        raise DataError("the table is not there", where=path.name, hint=f"Looked in {path.parent}.") from problem
    except (pa.ArrowException, OSError, EOFError, ValueError, csv.Error, zlib.error) as problem:
        row = re.search(r"Row #(\d+): (Expected|.*UTF8)", str(problem))
        why = "has another number of columns" if row and row.group(2) == "Expected" else "is not UTF-8 text"
        what = f"row {int(row.group(1)) - 1:,} {why}" if row else "the table cannot be read"
        raise DataError(what, where=path.name) from None
