"""`automed review import`: what it stores and says, and every file that it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commandline import Command
from hypothesis import given
from hypothesis import strategies as st
from madeexplained import explain
from madeexplained import made as made_explained
from madereviewed import as_model, as_reference, review_of, sealed, subject_of, written
from madeup import HOSTILE, Story, make_run

from automed.errors import DataError, RunError
from automed.pipeline import import_reviews
from automed.report.facts import gather
from automed.report.review.document import LARGEST, read_file, seal
from automed.report.review.subject import Subject
from automed.run import Run, read_json, read_json_lines


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Twelve cases of four classes; tests copy it before they write."""
    return make_run(tmp_path_factory.mktemp("reviewed") / "run", Story(finalists=2, trials=3, examples=12))


@pytest.fixture
def run(reviewed: Run, tmp_path: Path) -> Run:
    shutil.copytree(reviewed.folder, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture(scope="module")
def subject(reviewed: Run) -> Subject:
    return subject_of(reviewed)


# --- what is stored ------------------------------------------------------------------------------------------------


def test_reviews_are_stored_with_their_agreement(
    run: Run, subject: Subject, tmp_path: Path, automed_command: Command
) -> None:
    """Beside the model as they came, with kappas of pairs and of all; the ledger has a line, the page shows them."""
    files = [
        written(tmp_path, review_of(subject, "AB", comment="a ruler"), "1.json"),
        written(tmp_path, review_of(subject, "CD", as_model, as_model), "2.json"),
        written(tmp_path, review_of(subject, "EF", as_reference, as_model), "3.json"),
    ]
    ended = automed_command("review", "import", str(run.folder), *map(str, files))
    assert ended.code == 0, ended.err
    assert "AB: 12 of 12 cases, stored" in ended.out
    assert f"{run.finalists()[0].name}: 3 of 3 reviews imported" in ended.out
    finalist = run.finalists()[0]
    stored = read_json(finalist.reviews)
    assert stored["reviews"] == [json.loads(file.read_text(encoding="utf-8")) for file in files]
    found = stored["agreement"]
    assert [pair["readers"] for pair in found["pairs"]] == [["AB", "CD"], ["AB", "EF"], ["CD", "EF"]]
    assert found["pairs"][1]["before"]["value"] == 1
    assert found["pairs"][2]["after"]["value"] == 1
    assert found["fleiss"]["readers"] == ["AB", "CD", "EF"]
    by_reader = {row["reader"]: row for row in found["readers"]}
    assert by_reader["AB"]["reference"]["after"]["value"] == 1
    assert by_reader["CD"]["model"]["before"]["value"] == 1
    assert by_reader["EF"]["worse"]["value"] == by_reader["EF"]["changed"]["value"] > 0
    assert by_reader["EF"]["better"]["value"] == 0
    last = read_json_lines(run.ledger)[-1]
    assert (last["event"], last["model"], last["readers"]) == ("review", finalist.name, 3)
    assert run.verify_ledger()
    page = finalist.report.read_text(encoding="utf-8")
    assert "3 of 3 reviews imported" in page
    assert "a ruler" in page


def test_the_same_reader_again_replaces_the_older_review(run: Run, subject: Subject, tmp_path: Path) -> None:
    """Whatever the case of letters and the blanks; it is said."""
    import_reviews(run, [written(tmp_path, review_of(subject, "Dr  AB", as_model, as_model))])
    outcome = import_reviews(run, [written(tmp_path, review_of(subject, " dr ab "))])
    assert "replaces the review of 2026-03-02" in outcome.told[0]
    (document,) = outcome.documents.values()
    assert [one["reader"] for one in document["reviews"]] == [" dr ab "]


def test_a_half_done_review_is_taken_for_what_it_is(run: Run, subject: Subject, tmp_path: Path) -> None:
    """Seven of twelve cases; a case without an answer after the model's counts in no figure."""
    document = review_of(subject, cases=8)
    document["cases"][7]["after"] = None
    outcome = import_reviews(run, [written(tmp_path, sealed(document))])
    assert outcome.told == ("AB: 7 of 12 cases, stored",)
    (stored,) = outcome.documents.values()
    assert stored["agreement"]["readers"][0]["cases"] == 7


def test_reviews_of_cases_that_were_explained_anew_are_set_aside(tmp_path: Path) -> None:
    """Nothing is lost, and nothing is computed of cases that are no longer shown."""
    run = made_explained(tmp_path / "run", "text", n=6)
    import_reviews(run, [written(tmp_path, review_of(subject_of(run), "AB"))])
    explain(run, ["text"], n=8)
    facts = gather(run)
    assert facts.candidates[0].reviews is not None
    assert not facts.candidates[0].reviews.stale, "the first six cases are the same"
    finalist = run.finalists()[0]
    arrays = dict(np.load(finalist.attributions))
    arrays["record"][0] = 77
    np.savez_compressed(finalist.attributions, **arrays)
    assert gather(run).candidates[0].reviews.stale  # type: ignore[union-attr]
    outcome = import_reviews(run, [written(tmp_path, review_of(subject_of(run), "CD"))])
    assert outcome.told[0] == "1 review of earlier cases set aside"
    (document,) = outcome.documents.values()
    assert [one["reader"] for one in document["reviews"]] == ["CD"]
    assert [one["reader"] for one in document["earlier"]] == ["AB"]


def test_hostile_names_and_comments_stay_text(
    run: Run, subject: Subject, tmp_path: Path, automed_command: Command
) -> None:
    """On the page and in the terminal."""
    files = [
        written(tmp_path, review_of(subject, name[:60], comment=name), f"{place}.json")
        for place, name in enumerate(HOSTILE)
    ]
    ended = automed_command("review", "import", str(run.folder), *map(str, files))
    assert ended.code == 0, ended.err
    assert "\u202e" not in ended.out
    page = run.finalists()[0].report.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "{{ 7 * 7 }}" in page


# --- what is refused -----------------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], Any]


def case(number: int = 0, **changes: Any) -> Change:
    """A review whose one case says something else, with a seal that fits."""

    def change(document: dict[str, Any]) -> dict[str, Any]:
        cases = [dict(one) for one in document["cases"]]
        cases[number] |= changes
        return sealed(document, cases=cases)

    return change


REFUSED: dict[str, tuple[Change, str]] = {
    "another run": (lambda d: sealed(d, run="0" * 64), "is a review of another run"),
    "another model": (lambda d: sealed(d, model="0" * 64), "is a review of another model"),
    "a later version": (lambda d: sealed(d, version=2), "later version of automed: format 2, this one reads 1"),
    "edited by hand": (lambda d: {**d, "reader": "CD"}, "was changed after it was downloaded"),
    "a comment edited": (lambda d: {**d, "cases": [{**d["cases"][0], "comment": "x"}]}, "was changed"),
    "a seal taken out": (lambda d: {k: v for k, v in d.items() if k != "digest"}, "was changed"),
    "100,000 cases": (lambda d: sealed(d, cases=d["cases"][:1] * 100_000), "is too large to be a review"),
    "too many cases": (lambda d: sealed(d, cases=d["cases"] * 100), "holds 1,200 cases, but 12 cases of this model"),
    "a case twice": (lambda d: sealed(d, cases=d["cases"][:2] * 2), "answers a case twice"),
    "another case": (case(digest="0" * 64), "case 1 is not the case of this place"),
    "another row": (case(row=0), "case 1 is not the case of this place"),
    "no such place": (case(place=13), "case 13 is not the case of this place"),
    "an unknown class": (case(before={"answer": ["zebra"], "confidence": 1}), "case 1 names a class that this model"),
    "two classes": (case(before={"answer": ["nv", "mel"], "confidence": 1}), "has an answer of 2 classes"),
    "no class": (case(after={"answer": [], "mind": "no"}), "has an answer of 0 classes"),
    "a wrong confidence": (case(before={"answer": ["nv"], "confidence": 6}), "no confidence from 1 to 5"),
    "a confidence of true": (case(before={"answer": ["nv"], "confidence": True}), "no confidence from 1 to 5"),
    "an unknown mind": (case(after={"answer": ["nv"], "mind": "perhaps"}), "does not say whether a mind"),
    "a diagnosis that is no list": (case(before={"answer": "nv", "confidence": 1}), "diagnosis that cannot be read"),
    "no answers": (lambda d: sealed(d, cases=[]), "answers no case to the end"),
    "nothing after": (lambda d: sealed(d, cases=[{**d["cases"][0], "after": None}]), "answers no case to the end"),
    "no reader": (lambda d: sealed(d, reader="  "), "names no reader"),
    "a reader of 1000 letters": (lambda d: sealed(d, reader="x" * 1000), "reader is no text of at most 60"),
    "a comment of 5000 letters": (case(comment="x" * 5000), "comment is no text of at most 2000"),
    "an unknown decision": (lambda d: sealed(d, decision={"answer": "sell", "remark": ""}), "decision is none of"),
    "cases that are no list": (lambda d: sealed(d, cases={}), "cases is no list"),
    "a case that is no object": (lambda d: sealed(d, cases=[1]), "entry 1 of cases is no object"),
    "a version that is no number": (lambda d: sealed(d, version="1"), "version is no number"),
    "another document": (lambda d: {"format": "else"}, "is not a review"),
    "a list": (lambda d: [d], "is not a review"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_review_is_refused_and_nothing_is_stored(
    reviewed: Run, subject: Subject, tmp_path: Path, automed_command: Command, name: str
) -> None:
    """Exit code 3 with the file and the reason; a right file beside it is not stored either."""
    change, reason = REFUSED[name]
    right = written(tmp_path, review_of(subject, "right"), "right.json")
    wrong = written(tmp_path, change(review_of(subject, comment="secret words")), "wrong.json")
    ended = automed_command("review", "import", str(reviewed.folder), str(right), str(wrong))
    assert ended.code == 3
    assert "wrong.json" in ended.err
    assert reason in ended.err
    assert "secret words" not in ended.err
    assert not reviewed.finalists()[0].reviews.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b'{"format": "automed-review", "version": 1, "x": ' + b'{"x":' * 900 + b"1" + b"}" * 901, "was changed"),
        (b'{"format": "automed-review", "version": ' + b"9" * 5000 + b"}", "is not valid JSON"),
        (b'{"format": "automed-review", "version": NaN}', "version is no number"),
        (b" " * (LARGEST + 1), "is too large to be a review"),
    ],
    ids=["cut", "no text", "empty", "deep", "nested", "a long number", "nan", "large"],
)
def test_a_file_that_is_no_json_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    """By what it is, without a crash."""
    file = tmp_path / "review.json"
    file.write_bytes(content)
    with pytest.raises(DataError) as raised:
        read_file(file)
    assert reason in str(raised.value)


def test_a_file_that_is_not_there_is_named(reviewed: Run, automed_command: Command) -> None:
    """Neither a missing file nor a folder is a review."""
    for name in ("nowhere.json", "."):
        ended = automed_command("review", "import", str(reviewed.folder), name)
        assert ended.code == 3
        assert "no such review file" in ended.err


def test_a_review_of_the_other_finalist_goes_to_that_one(run: Run, tmp_path: Path) -> None:
    """The model is known by its digest, not by its place."""
    first, second = run.finalists()
    second.model.write_bytes(b"another model")
    other = gather(run).candidates[1].subject
    assert other is not None
    import_reviews(run, [written(tmp_path, review_of(other))])
    assert second.reviews.is_file()
    assert not first.reviews.exists()


def test_reviews_that_were_changed_where_they_are_stored_are_damage(run: Run, subject: Subject, tmp_path: Path) -> None:
    """Rendering names the file; so does the next import."""
    import_reviews(run, [written(tmp_path, review_of(subject))])
    finalist = run.finalists()[0]
    text = finalist.reviews.read_text(encoding="utf-8")
    finalist.reviews.write_text(text.replace('"confidence": 3', '"confidence": 5', 1), encoding="utf-8")
    with pytest.raises(RunError, match=r"reviews\.json.*was changed"):
        gather(run)
    with pytest.raises(RunError, match=r"reviews\.json"):
        import_reviews(run, [written(tmp_path, review_of(subject, "CD"))])
    finalist.reviews.write_text(text[:200], encoding="utf-8")
    with pytest.raises(RunError, match=r"reviews\.json"):
        gather(run)


# --- what cases are known by ---------------------------------------------------------------------------------------


def test_a_run_that_was_moved_is_still_the_same(run: Run, subject: Subject, tmp_path: Path) -> None:
    """Digests hold nothing of a place; another run of the same recipe has others."""
    assert subject_of(run).digest == subject.digest
    other = make_run(tmp_path / "other", Story(finalists=2, trials=3, examples=12))
    (other.folder / "ledger.jsonl").unlink()
    other.log("created", recipe="cd" * 32)
    found = subject_of(other)
    assert found.run != subject.run
    assert not {item.digest for item in found.items} & {item.digest for item in subject.items}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values))
def test_a_seal_survives_writing_and_reading(document: dict[str, Any]) -> None:
    """And does not depend on the order of keys."""
    again = json.loads(json.dumps(document))
    turned = dict(reversed(list(again.items())))
    assert seal(document) == seal(again) == seal(turned)
    assert seal({**document, "digest": "x"}) == seal({k: v for k, v in document.items() if k != "digest"})
