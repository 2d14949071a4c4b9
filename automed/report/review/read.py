"""reviews.json as typed view data: what readers answered, how far they agree, and who signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from automed.errors import DataError
from automed.report import words
from automed.report.artefact import Part, damaged, read
from automed.report.cohort import Cohort
from automed.report.results import Score, read_score
from automed.report.review.document import Answer, Review, read_value
from automed.report.review.subject import Subject
from automed.run import Finalist, read_json

DECISIONS = {
    "use": "Fit for its intended use",
    "conditions": "Fit, with conditions",
    "refuse": "Not fit",
    "none": "",
}
CANNOT, NOTHING, LEFT = "cannot say", "no label", "not answered"


@dataclass(frozen=True)
class ReaderRow:
    """One reader, or all: right before and after, changed, for the better, for the worse; None without a reference."""

    name: str
    cases: int
    shares: tuple[Score | None, ...]


@dataclass(frozen=True)
class Kappa:
    """Agreement between two or more, before and after the model's answer was seen; `after` is None without readers."""

    title: str
    kind: str
    before: Score
    after: Score | None


@dataclass(frozen=True)
class Given:
    """One answer of one reader, in words."""

    row: int
    reader: str
    before: str
    confidence: int
    after: str
    mind: str
    model: str
    reference: str


@dataclass(frozen=True)
class Comment:
    """What a reader wrote; `where` is the row, or the end of the review."""

    reader: str
    where: str
    text: str


@dataclass(frozen=True)
class Signature:
    """One line to sign, filled in as far as the review tells."""

    reader: str = ""
    date: str = ""
    decision: str = ""


@dataclass(frozen=True)
class Expected:
    """How many readers are expected, and what stands where none has reviewed."""

    readers: int = 1

    @property
    def none(self) -> str:
        return f"0 of {words.plural(self.readers, 'review')} imported."

    @property
    def signatures(self) -> tuple[Signature, ...]:
        return tuple(Signature() for _ in range(self.readers))


@dataclass(frozen=True)
class Reviews:
    """All that the page shows of the reviews of one finalist."""

    readers: tuple[ReaderRow, ...]
    kappas: tuple[Kappa, ...]
    sentence: str
    imported: str
    method: str
    comments: tuple[Comment, ...]
    answers: tuple[Given, ...]
    signatures: tuple[Signature, ...]
    labelled: bool
    stale: bool


def read_reviews(finalist: Finalist, cohort: Cohort, subject: Subject | None, expected: Expected) -> Reviews | None:
    """The reviews of one finalist; None where none was imported.

    Raises:
        RunError: names the artefact that is damaged.
    """
    document = read(finalist.reviews)
    if document is None:
        return None
    reviews = _reviews(document)
    found = document.part("agreement")
    names = {label.key: label.name for label in cohort.classes}
    cases = {case.need_count("place"): case for case in document.rows("cases")}
    now = {(item.place, item.digest) for item in subject.items} if subject else set()
    everyone = found.part("all")
    rows = [_reader(row, row.need_text("reader")) for row in found.rows("readers")]
    if len(rows) != len(reviews):
        raise damaged(finalist.reviews, "agreement.readers does not tell of each review")
    if len(rows) > 1:
        rows.append(_reader(everyone, "All readers"))
    return Reviews(
        tuple(rows),
        tuple(_kappas(found)),
        _sentence(everyone, len(reviews)),
        f"{len(reviews)} of {words.plural(max(expected.readers, len(reviews)), 'review')} imported.",
        _method(found.part("interval")),
        tuple(comment for review in reviews for comment in _comments(review)),
        tuple(given for review in reviews for given in _given(document, review, cases, names)),
        _signatures(reviews, expected.readers),
        cohort.labelled,
        not {(place, case.text("digest")) for place, case in cases.items()} <= now,
    )


def _reviews(document: Part) -> tuple[Review, ...]:
    """The reviews as they came, their seals held against them once more."""
    count = len(document.rows("reviews"))
    # Once more from the file: `read` cleans texts, and a seal is over the text as it came.
    raw = read_json(document.file)["reviews"] if count else []
    try:
        return tuple(read_value(value, document.file) for value in raw)
    except DataError as problem:
        raise damaged(document.file, f"a review in it {problem.what}") from problem


def _reader(row: Part, name: str) -> ReaderRow:
    right = row.part("right")
    told = [right.part(key) if key in right else None for key in ("before", "after")]
    told += [row.part(key) if key in row else None for key in ("changed", "better", "worse")]
    return ReaderRow(name, row.need_count("cases"), tuple(read_score("share", one) if one else None for one in told))


def _kappas(found: Part) -> list[Kappa]:
    cohen = "Cohen’s kappa"
    rows = [_kappa(words.listing(pair.texts("readers")), cohen, pair) for pair in found.rows("pairs")]
    if "fleiss" in found:
        every = found.part("fleiss")
        rows.append(_kappa(f"All {len(every.texts('readers'))} readers", "Fleiss’ kappa", every))
    for key, other in (("model", "the model"), ("reference", "the reference standard")):
        rows += [
            _kappa(f"{row.need_text('reader')} and {other}", cohen, row.part(key))
            for row in found.rows("readers")
            if key in row
        ]
    if "model" in found:
        score = read_score("kappa", found.part("model"))
        rows.append(Kappa("The model and the reference standard", cohen, score, None))
    return rows


def _kappa(title: str, kind: str, part: Part) -> Kappa:
    return Kappa(title, kind, read_score("kappa", part.part("before")), read_score("kappa", part.part("after")))


def _sentence(every: Part, readers: int) -> str:
    """How often the model changed minds, and for the better or the worse."""
    changed, minds = read_score("share", every.part("changed")), every.part("minds")
    text = f"Of {words.plural(every.need_count('cases'), 'answer')} of {words.plural(readers, 'reader')}, "
    text += f"the share that was changed once the model’s answer was seen is {changed.text}"
    if "better" in every and "worse" in every:
        better, worse = (read_score("share", every.part(key)) for key in ("better", "worse"))
        text += f"; for the better {better.text}, for the worse {worse.text}"
    counts = [f"{words.integer(minds.count(key) or 0)} {key}" for key in ("yes", "no", "unsure")]
    return f"{text}. Asked whether it would have changed their mind, readers said {words.listing(counts)}."


def _method(interval: Part) -> str:
    resamples = interval.count("resamples")
    drawn = f", {words.integer(resamples)} resamples" if resamples else ""
    return f"Intervals: {interval.text('method') or 'method not recorded'}{drawn}."


def _comments(review: Review) -> list[Comment]:
    found = [Comment(review.reader, f"row {case.row}", case.comment) for case in review.cases if case.comment]
    return found + ([Comment(review.reader, "on the model", review.remark)] if review.remark else [])


def _given(document: Part, review: Review, cases: dict[int, Part], names: dict[str, str]) -> list[Given]:
    found = []
    for case in sorted(review.cases, key=lambda one: one.place):
        known = cases.get(case.place)
        if known is None:
            raise damaged(document.file, f"it holds no case {case.place}")
        decided, reference = (known.texts(key) if key in known else None for key in ("decided", "reference"))
        found.append(
            Given(
                case.row,
                review.reader,
                named(case.before, names),
                case.confidence,
                named(case.after, names) if case.done else LEFT,
                case.mind or LEFT,
                named(decided or (), names),
                "none" if reference is None else named(reference, names),
            )
        )
    return found


def named(answer: Answer, names: dict[str, str]) -> str:
    """An answer in words."""
    if answer is None:
        return CANNOT
    return words.listing([names.get(key, key) for key in answer]) or NOTHING


def _signatures(reviews: Sequence[Review], expected: int) -> tuple[Signature, ...]:
    lines = [Signature(one.reader, one.saved[:10], DECISIONS[one.decision]) for one in reviews]
    return tuple(lines + [Signature()] * (expected - len(lines)))
