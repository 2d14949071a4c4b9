"""Reviews that come back from readers: checked, stored beside the model, held against each other, and shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from automed.errors import DataError, RunError
from automed.report import words
from automed.run import Finalist, Run, disk_errors, now, read_json, write_json

if TYPE_CHECKING:
    from automed.report.review.document import Answer, Review
    from automed.report.review.subject import Subject

VERSION = 1


@dataclass(frozen=True)
class Imported:
    """What came of an import: one sentence a file, and of each model that was reviewed what reviews.json holds."""

    told: tuple[str, ...]
    documents: dict[str, dict[str, Any]]  # by the name of the finalist
    pages: tuple[str, ...]
    expected: int  # readers, by the recipe


def import_reviews(run: Run, files: Sequence[Path]) -> Imported:
    """Check and store reviews, and render the pages again; nothing is stored where one of them is refused.

    A reader who reviews the same model again replaces the review that is there.

    Raises:
        DataError: a file that is no review of this run, or was changed after it was downloaded.
        RunError: a file of the run is missing or damaged, or another command imports into it.
    """
    from automed.recipe import load
    from automed.report.pages import render
    from automed.report.review.document import check, read_file
    from automed.report.review.subject import model_digest, run_digest
    from automed.runtime import environ

    expected = load(run.recipe, environ=environ()).report.reviewers
    own, models = run_digest(run), [(finalist, model_digest(finalist)) for finalist in run.finalists()]
    subjects: dict[str, Subject] = {}
    given: dict[str, list[Review]] = {}
    for file in files:
        review = read_file(file)
        if review.run != own:
            raise DataError("is a review of another run", where=str(file), hint="automed runs list")
        alike = [finalist for finalist, digest in models if digest == review.model]
        if not alike:
            raise DataError(
                "is a review of another model: none of this run has its digest",
                where=str(file),
                hint="The model was made again since: review its report as it is now.",
            )
        for finalist in alike:
            if finalist.name not in subjects:
                subjects[finalist.name] = _subject(run, finalist)
        chosen = _chosen(review, [subjects[finalist.name] for finalist in alike])
        check(review, subjects[alike[chosen].name])
        given.setdefault(alike[chosen].name, []).append(review)
    told, documents = [], {}
    named = {finalist.name: finalist for finalist, _ in models}
    for name, reviews in given.items():
        finalist = named[name]
        with _alone(finalist):
            said, document = _stored(run, finalist, subjects[name], reviews)
            write_json(finalist.reviews, document)
        run.log(
            "review",
            model=finalist.name,
            reviews=[review.document["digest"] for review in reviews],
            readers=len(document["reviews"]),
        )
        told += said
        documents[name] = document
    render(run)
    return Imported(tuple(told), documents, tuple(str(named[name].report) for name in given), expected)


def _chosen(review: Review, subjects: Sequence[Subject]) -> int:
    """Of models with the same bytes the one whose cases these are; the first where they are nobody's."""
    told = {(case.place, case.digest) for case in review.cases}
    fitting = [told <= {(item.place, item.digest) for item in subject.items} for subject in subjects]
    return fitting.index(True) if True in fitting else 0


def _subject(run: Run, finalist: Finalist) -> Subject:
    from automed.report.cohort import read_cohort
    from automed.report.examples import read_examples
    from automed.report.explanations.read import read_explanations
    from automed.report.review.subject import read_subject

    cohort = read_cohort(run)
    if cohort is None:
        raise RunError("is missing", where=str(run.data))
    explanations, examples = read_explanations(finalist, cohort), read_examples(finalist.examples, cohort)
    subject = read_subject(finalist, cohort, explanations, examples)
    if subject is None:
        raise RunError("there is no case to review: neither examples nor explanations", where=str(finalist.folder))
    return subject


def _stored(
    run: Run, finalist: Finalist, subject: Subject, reviews: Sequence[Review]
) -> tuple[list[str], dict[str, Any]]:
    """What reviews.json will hold, and what happened to each review."""
    from automed.report.review.document import name_of

    before = read_json(finalist.reviews) if finalist.reviews.is_file() else {}
    digests = {item.place: item.digest for item in subject.items}
    try:
        kept, earlier = list(before.get("reviews", [])), list(before.get("earlier", []))
        aside = [one for one in kept if any(digests.get(case["place"]) != case["digest"] for case in one["cases"])]
        by_reader = {name_of(one["reader"]): one for one in kept if one not in aside}
    except (AttributeError, KeyError, TypeError) as problem:
        raise RunError("is damaged: it holds no reviews", where=str(finalist.reviews)) from problem
    told = [f"{words.plural(len(aside), 'review')} of earlier cases set aside"] if aside else []
    for review in reviews:
        replaced = by_reader.get(review.known_as)
        by_reader[review.known_as] = review.document
        said = f"{words.clean(review.reader)}: {review.done} of {words.plural(len(subject.items), 'case')}"
        told.append(f"{said}, stored" + ("" if replaced is None else f"; replaces the review of {_date(replaced)}"))
    document = {
        "version": VERSION,
        "made": now(),
        "run": subject.run,
        "model": subject.model,
        "cases": [
            {
                "place": item.place,
                "row": item.row,
                "digest": item.digest,
                "decided": list(item.decided),
                "reference": None if item.reference is None else list(item.reference),
            }
            for item in subject.items
        ],
        "reviews": list(by_reader.values()),
        "earlier": earlier + aside,
        "agreement": _agreement(run, finalist, subject, list(by_reader.values())),
    }
    return told, document


def _date(document: dict[str, Any]) -> str:
    return words.clean(str(document.get("saved", "")))[:10] or "an unknown date"


def _agreement(run: Run, finalist: Finalist, subject: Subject, documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    from automed.evaluate.agreement import MISSING, Reader, agreement
    from automed.report.review.document import check, read_value

    keys = [label.key for label in subject.choices]
    parts = len(keys) if subject.labelled else 1

    def coded(answer: Answer) -> list[int]:
        """Categories of the parts; the last one is "cannot say"."""
        if subject.labelled:
            return [2] * parts if answer is None else [int(key in answer) for key in keys]
        return [len(keys) if answer is None else keys.index(answer[0])]

    def reader(document: dict[str, Any]) -> Reader:
        try:
            review = read_value(document, finalist.reviews)
            check(review, subject)
        except DataError as problem:
            raise RunError(f"is damaged: a review in it {problem.what}", where=str(finalist.reviews)) from problem
        before = np.full((len(subject.items), parts), MISSING, np.int64)
        after, minds = before.copy(), [""] * len(subject.items)
        for case in review.cases:
            if case.done:
                at = case.place - 1
                before[at], after[at], minds[at] = coded(case.before), coded(case.after), case.mind or ""
        return Reader(review.reader, before, after, tuple(minds))

    references = [item.reference for item in subject.items]
    known = all(reference is not None for reference in references)
    return agreement(
        [reader(document) for document in documents],
        np.array([coded(item.decided) for item in subject.items], np.int64),
        np.array([coded(reference) for reference in references], np.int64) if known else None,
        _patients(run, subject),
        seed=int(read_json(run.manifest).get("seed") or 0),
    )


def _patients(run: Run, subject: Subject) -> list[str] | None:
    """Of each case a key of its patient, for those are drawn; new records and unknown ones stand for themselves."""
    if not run.splits.is_file() or any(item.reference is None for item in subject.items):
        return None
    from automed.evaluate.predictions import parquet

    table = parquet(run.splits)
    if not {"record", "patient"} <= set(table.columns):
        return None
    known = dict(zip(table["record"].tolist(), table["patient"].astype(str).tolist(), strict=True))
    return [known.get(item.row, f"row {item.row}") for item in subject.items]


@contextmanager
def _alone(finalist: Finalist) -> Iterator[None]:
    """Hold the reviews of a model for one import."""
    import filelock

    guard = filelock.FileLock(finalist.folder / ".review.lock")
    try:
        with disk_errors(finalist.folder):
            guard.acquire(timeout=10)
    except filelock.Timeout:
        raise RunError(
            "another command is importing reviews of this model", where=str(finalist.folder), hint="Wait until it ends."
        ) from None
    try:
        yield
    finally:
        guard.release()
