"""The file that a reader sends back: its shape, its seal, and whether it is a review of these cases.

Every value in it comes from outside. The seal is SHA-256 over the content in one fixed spelling; it tells of accidents
and quiet edits, not of somebody who writes a file anew on purpose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

from automed.errors import DataError
from automed.report import words
from automed.report.review.subject import Subject

FORMAT, VERSION = "automed-review", 1
LARGEST = 5_000_000  # bytes: a hundred cases with the longest comments are a tenth of that
READER, COMMENT = 60, 2000  # characters
CONFIDENCE = range(1, 6)
MINDS = ("yes", "no", "unsure")
DECISIONS = ("use", "conditions", "refuse", "none")
AGAIN = "Download it from the page again."

Answer = tuple[str, ...] | None  # keys of classes; () is none of the labels, None is "cannot say"


@dataclass(frozen=True)
class Answered:
    """One case of one review; `after` and `mind` are None where it was left before the model's answer was judged."""

    place: int
    row: int
    digest: str
    before: Answer
    confidence: int
    after: Answer
    mind: str | None
    comment: str

    @property
    def done(self) -> bool:
        return self.mind is not None


@dataclass(frozen=True)
class Review:
    """One review as it came; `document` is the whole of the file."""

    file: Path
    run: str
    model: str
    reader: str
    saved: str
    cases: tuple[Answered, ...]
    decision: str
    remark: str
    document: dict[str, Any]

    @property
    def known_as(self) -> str:
        """By what a reader is recognised when they review again."""
        return name_of(self.reader)

    @property
    def done(self) -> int:
        """How many cases were answered to the end."""
        return sum(case.done for case in self.cases)


def name_of(reader: str) -> str:
    """A reader's own words for themselves, whatever the case of letters and the blanks."""
    return " ".join(reader.casefold().split())


def seal(document: Mapping[str, Any]) -> str:
    """SHA-256 of a review without its `digest`, keys in order and without blanks, as the page computes it too."""
    content = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_file(file: Path) -> Review:
    """One review from outside.

    Raises:
        DataError: what is wrong with it, in words that repeat nothing of what readers wrote.
    """
    if not file.is_file():
        raise DataError("no such review file", where=str(file))
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise DataError(
                f"is too large to be a review: {size / 1e6:.0f} MB, at most {LARGEST / 1e6:.0f} MB are read",
                where=str(file),
            )
        return read_value(json.loads(file.read_text(encoding="utf-8")), file)
    except OSError as problem:
        raise DataError("cannot be read", where=str(file)) from problem
    except (ValueError, RecursionError) as problem:
        raise DataError("is not valid JSON", where=str(file), hint=AGAIN) from problem


def read_value(value: Any, file: Path) -> Review:
    """One review that was parsed; raises DataError as `read_file` does."""
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise DataError(
            "is not a review", where=str(file), hint="Import what the section Review of a report.html downloads."
        )
    version = _whole(value.get("version"), 1, 10**6)
    if version is None:
        raise _broken(file, "version is no number")
    if version > VERSION:
        raise DataError(
            f"was written by a later version of automed: format {version}, this one reads {VERSION}",
            where=str(file),
            hint="Install the automed that made the page.",
        )
    if value.get("digest") != seal(value):
        raise DataError(
            "was changed after it was downloaded: its seal does not fit its content",
            where=str(file),
            hint="Corrections are made in the page: load the file there, and download it again.",
        )
    cases = value.get("cases")
    if not isinstance(cases, list):
        raise _broken(file, "cases is no list")
    decision = value.get("decision") or {}
    if not isinstance(decision, dict) or decision.get("answer", "none") not in DECISIONS:
        raise _broken(file, "decision is none of those that can be made")
    return Review(
        file,
        _text(file, value, "run", 64),
        _text(file, value, "model", 64),
        words.clean(_text(file, value, "reader", READER)).strip() or _refuse(file, "names no reader"),
        words.clean(_text(file, value, "saved", 40)),
        tuple(_case(file, case, number) for number, case in enumerate(cases, 1)),
        decision.get("answer", "none"),
        words.clean(_text(file, {"remark": "", **decision}, "remark", COMMENT)).strip(),
        value,
    )


def check(review: Review, subject: Subject) -> None:
    """Hold a review against the cases of this model.

    Raises:
        DataError: it is of another run, model or set of cases, names what is no class, or answers nothing.
    """
    if review.run != subject.run:
        _refuse(review.file, "is a review of another run")
    if review.model != subject.model:
        _refuse(review.file, "is a review of another model")
    count, known = len(review.cases), {item.place: item for item in subject.items}
    if count > len(known):
        there = words.plural(len(known), "case")
        _refuse(review.file, f"holds {words.plural(count, 'case')}, but {there} of this model can be reviewed")
    if len({case.place for case in review.cases}) < count:
        _refuse(review.file, "answers a case twice")
    keys = {label.key for label in subject.choices}
    for case in review.cases:
        item = known.get(case.place)
        if item is None or (item.row, item.digest) != (case.row, case.digest):
            raise DataError(
                f"case {case.place} is not the case of this place: the model was explained anew since",
                where=str(review.file),
                hint="Review the page as it is now.",
            )
        for answer in (case.before, case.after):
            if answer is None:
                continue
            if not set(answer) <= keys:
                _refuse(review.file, f"case {case.place} names a class that this model does not know")
            if len(set(answer)) < len(answer) or (len(answer) != 1 and not subject.labelled):
                _refuse(review.file, f"case {case.place} has an answer of {len(answer)} classes")
    if not review.done:
        _refuse(review.file, "answers no case to the end")


def _case(file: Path, value: Any, number: int) -> Answered:
    if not isinstance(value, dict):
        raise _broken(file, f"entry {number} of cases is no object")
    place, row = _whole(value.get("place"), 1, LARGEST), _whole(value.get("row"), 0, 2**53)
    if place is None or row is None:
        raise _broken(file, f"entry {number} of cases has no place or no row")
    before, after = value.get("before"), value.get("after")
    if not isinstance(before, dict) or not (after is None or isinstance(after, dict)):
        raise _broken(file, f"case {place} has answers that cannot be read")
    confidence = _whole(before.get("confidence"), CONFIDENCE[0], CONFIDENCE[-1])
    if confidence is None:
        raise _broken(file, f"case {place} has no confidence from 1 to 5")
    mind = None if after is None else after.get("mind")
    if after is not None and mind not in MINDS:
        raise _broken(file, f"case {place} does not say whether a mind would have changed")
    return Answered(
        place,
        row,
        _text(file, value, "digest", 64),
        _answer(file, before, place),
        confidence,
        None if after is None else _answer(file, after, place),
        mind,
        words.clean(_text(file, {"comment": "", **value}, "comment", COMMENT)).strip(),
    )


def _answer(file: Path, value: dict[str, Any], place: int) -> Answer:
    answer = value.get("answer", ...)
    if answer is None:
        return None
    if not isinstance(answer, list) or not all(isinstance(key, str) for key in answer):
        raise _broken(file, f"case {place} has a diagnosis that cannot be read")
    return tuple(answer)


def _whole(value: Any, low: int, high: int) -> int | None:
    return value if type(value) is int and low <= value <= high else None


def _text(file: Path, value: Mapping[str, Any], key: str, length: int) -> str:
    text = value.get(key)
    if not isinstance(text, str) or len(text) > length:
        raise _broken(file, f"{key} is no text of at most {length} characters")
    return text


def _broken(file: Path, what: str) -> DataError:
    return DataError(f"is no review that can be read: {what}", where=str(file), hint=AGAIN)


def _refuse(file: Path, what: str) -> NoReturn:
    raise DataError(what, where=str(file))
