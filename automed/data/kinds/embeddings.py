"""Word vectors from a file that somebody else trained: only those of the vocabulary are kept, in the cache."""

from __future__ import annotations

import gzip
import hashlib
import json
import zipfile
import zlib
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from automed import runtime
from automed.data import digests, store
from automed.data.kinds.tokens import UNKNOWN
from automed.errors import DataError
from automed.recipe import Recipe

VERSION = 1
_TEXT = (".txt", ".vec", ".txt.gz", ".vec.gz")
_FORMS = "Known: GloVe and word2vec as text (.txt or .vec, also .gz), and .npz with words and vectors."

Floats = npt.NDArray[np.float32]


def fetch(recipe: Recipe, name: str, words: Sequence[str], *, lower: bool = False) -> dict[str, Any] | None:
    """Vectors from the file `inputs.<name>.embeddings`, put into the cache.

    Text is read line by line: vectors that are not needed cost no memory.

    Args:
        recipe: names the file.
        name: of the input.
        words: by id, how each token is written in the file; of padding and unknown, the first two, nothing is read.
        lower: words are in lower case: what the file has in capitals only counts as well.

    Returns:
        `cache` (its key), `size` of a vector and how many tokens were `found`; None where no file is named.

    Raises:
        DataError: a file that is not there or holds no such vectors, with the line; no token found in it.
    """
    if getattr(recipe.inputs[name], "embeddings", None) is None:
        return None
    path = recipe.place(f"inputs.{name}.embeddings")
    (content,) = digests.of([path])
    if content.startswith(digests.UNREADABLE):
        reason = content.removeprefix(digests.UNREADABLE)
        raise DataError(f"the embeddings cannot be read: {reason}", where=f"inputs.{name}.embeddings")
    about = {"version": VERSION, "file": content, "words": list(words), "lower": lower}
    key = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]
    try:
        vectors = _vectors(path, words, lower)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as problem:
        raise DataError("the embeddings are damaged", where=path.name) from problem
    found = int(vectors.any(axis=1).sum())
    if not found:
        hint = "Are they of this language, and of words as the tokenizer cuts them?"
        raise DataError("holds a vector of none of the tokens", where=path.name, hint=hint)
    told = f"{found:,} vectors of {vectors.shape[1]}"
    store.keep(key, vectors.shape, "float32", lambda: [(vectors, {})], told, runtime.cache_limit_bytes())
    return {"cache": key, "size": int(vectors.shape[1]), "found": found}


def matrix(facts: Mapping[str, Any]) -> Floats | None:
    """The vectors that `embedding` of an input's facts stands for: float32 (tokens, size), memory-mapped, 0 where the
    file had none; None where there are none. Raises RunError where the cache has lost them."""
    embedding = facts.get("embedding")
    if not embedding:
        return None
    return store.attach(store.folder() / str(embedding["cache"]) / store.FILE)


def _vectors(path: Path, words: Sequence[str], lower: bool) -> Floats:
    places: dict[str, list[int]] = {}  # several tokens may be written alike: a word, and the same as a word's part
    for number, word in enumerate(words):
        if number > UNKNOWN:
            places.setdefault(word, []).append(number)
    exact, loose = dict[str, Floats](), dict[str, Floats]()
    for word, values in _archive(path) if path.suffix == ".npz" else _lines(path, places, lower):
        if word in places:
            exact.setdefault(word, values)
        elif lower and word.lower() in places:
            loose.setdefault(word.lower(), values)
    found = {**loose, **exact}
    out = np.zeros((len(words), len(next(iter(found.values()), ()))), np.float32)
    for word, values in found.items():
        out[places[word]] = values
    return out


def _lines(path: Path, wanted: Container[str], lower: bool) -> Iterator[tuple[str, Floats]]:
    """(word, vector) of the wanted lines of a text file; word2vec's first line, two whole numbers, is passed over."""
    if not path.name.endswith(_TEXT):
        raise DataError("no form of embeddings that is known", where=path.name, hint=_FORMS)
    size = 0
    with _open(path) as file:
        for number, line in enumerate(file, 1):
            head, _, rest = line.rstrip().partition(b" ")
            if number == 1 and head.isdigit() and rest.isdigit():
                size = int(rest)
                continue
            fields = rest.count(b" ") + 1
            size = size or fields
            word = head.decode("utf-8", "replace")
            # A line with more fields is of several words, which are no token: GloVe has "at name@domain.com".
            if fields > size or not (word in wanted or (lower and word.lower() in wanted)):
                continue
            try:
                values = np.array(rest.split(b" "), np.float32)
            except ValueError:
                values = np.empty(0, np.float32)
            if len(values) != size or not np.isfinite(values).all():
                raise DataError(f"line {number:,} is no vector of {size} numbers", where=path.name, hint=_FORMS)
            yield word, values


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _archive(path: Path) -> Iterator[tuple[str, Floats]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            words, vectors = stored["words"], stored["vectors"]
    except (KeyError, ValueError) as problem:
        raise DataError("holds no arrays words and vectors", where=path.name, hint=_FORMS) from problem
    if words.ndim != 1 or vectors.ndim != 2 or len(words) != len(vectors) or vectors.dtype.kind not in "fiu":
        raise DataError("words and vectors do not fit together", where=path.name, hint=_FORMS)
    if not np.isfinite(vectors).all():
        raise DataError("vectors with values that are not finite", where=path.name)
    yield from zip((str(word) for word in words), vectors.astype(np.float32), strict=True)
