"""Why a file cannot be used, in a few words, and everything that turns a stranger's broken file into such words."""

from __future__ import annotations

import contextlib
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from PIL import Image, UnidentifiedImageError

MAX_PIXELS = 1024 * 1024 * 1024 // 4 // 3  # Pillow's own limit, where it only warns
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"BM")
# What decoders raise on damaged files; MemoryError is not among them, since it says nothing about the file.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    EOFError,
    RuntimeError,
    struct.error,
    zlib.error,
)


class Unreadable(Exception):
    """One file that cannot be used; `reason` is a few words and names neither the file nor what is in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def read(path: Path) -> bytes:
    """The bytes of a file, not yet looked at.

    Raises:
        Unreadable: missing, a folder, empty, or what the system says.
    """
    # `Path()` is what a table's empty cell becomes.
    if not path.name:
        raise Unreadable("no file named")
    with system_reasons():
        data = path.read_bytes()
    if not data:
        raise Unreadable("empty")
    return data


def refuse_bomb(width: int, height: int) -> None:
    """Raise Unreadable for a size that no picture of a classifier has, before memory is taken."""
    if width * height > MAX_PIXELS:
        raise Unreadable(f"too large ({width * height / 1e6:,.0f} megapixels)")
    if width < 1 or height < 1:
        raise Unreadable("damaged")


class _Quiet:
    """Decoders' warnings off, as long as any thread decodes: `catch_warnings` alone is undone by the wrong thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


QUIET = _Quiet()


@contextlib.contextmanager
def system_reasons() -> Iterator[None]:
    """What the file system refuses, as Unreadable."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, ValueError) as problem:  # ValueError: no name that a file could have
        raise Unreadable("missing") from problem
    except IsADirectoryError as problem:
        raise Unreadable("a folder") from problem
    except OSError as problem:
        raise Unreadable((problem.strerror or "cannot be read").lower()) from problem


@contextlib.contextmanager
def decoder_reasons(head: bytes) -> Iterator[None]:
    """What a decoder raises, as Unreadable."""
    try:
        yield
    except Unreadable:
        raise
    except Image.DecompressionBombError as problem:
        found = re.search(r"\((\d+) pixels", str(problem))
        size = f" ({int(found.group(1)) / 1e6:,.0f} megapixels)" if found else ""
        raise Unreadable(f"too large{size}") from problem
    except UnidentifiedImageError as problem:
        kind = "a kind of image that is not supported, or damaged" if head.startswith(_MAGIC) else "not an image"
        raise Unreadable(kind) from problem
    except DAMAGE as problem:
        raise Unreadable("truncated" if "truncated" in str(problem).lower() else "damaged") from problem
