"""The section Review of a report: its cases are blind, its form waits for the script, and what came back is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from madeexplained import FACTS, made
from madereviewed import as_model, as_reference, review_of, subject_of, written
from madeup import (
    HOSTILE,
    Page,
    Story,
    is_named_and_in_order,
    links_lead_somewhere,
    make_run,
    names_no_network,
    only_report,
    pages,
)

from automed.errors import RunError
from automed.pipeline import import_reviews
from automed.report.facts import gather
from automed.report.pages import report
from automed.report.review.form import SAID
from automed.run import Run, read_json, write_json


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Records of every kind of input with labels, explained by two methods."""
    return only_report(made(tmp_path_factory.mktemp("explained") / "run", *FACTS))


@pytest.fixture
def small(tmp_path: Path) -> Run:
    return make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=8))


def cases(page: Page, what: str) -> list[str]:
    """What the script shows of each case: "case" before the first answer, "told" after it."""
    return re.findall(rf'<template id="review-{what}-\d+">(.*?)</template>', page.source, flags=re.DOTALL)


# --- the form ------------------------------------------------------------------------------------------------------


def test_nothing_half_working_stands_there_without_a_script(explained: Page) -> None:
    """The form is hidden, and the page says what it needs; the script turns both round."""
    (form,) = [a for a in explained.all("div") if a.get("id") == "review-form"]
    assert "hidden" in form
    assert "Reviewing needs JavaScript" in explained.text
    assert not explained.all("form")
    names_no_network(explained)
    is_named_and_in_order(explained)


def test_a_case_is_blind_before_the_first_answer(tmp_path: Path) -> None:
    """Nothing in it tells prediction, reference, row or why it is shown; afterwards the prediction stands there."""
    run = make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=8))
    page, subject = only_report(run), subject_of(run)
    before, after = cases(page, "case"), cases(page, "told")
    assert len(before) == len(after) == len(subject.items) == 8
    names = [label.name for label in subject.choices]
    for blind, told, item in zip(before, after, subject.items, strict=True):
        assert not any(name in blind for name in names)
        assert not re.search(r"right|wrong|certain|probability|row", blind, flags=re.IGNORECASE)
        assert item.answer in told


@pytest.mark.parametrize("kind", FACTS)
def test_every_kind_of_input_is_shown_blind_and_with_words(tmp_path: Path, kind: str) -> None:
    """Pictures and drawings say what they are without saying what is in them."""
    page = only_report(made(tmp_path / "run", kind, n=3))
    before = cases(page, "case")
    assert len(before) == 3
    for blind in before:
        assert re.search(r"<img|<svg|<p class=|<table", blind)
        labels = re.findall(r'(?:alt|aria-label)="([^"]*)"', blind)
        assert all("withheld" in label or kind in label for label in labels)
        assert "infarction" not in blind


def test_pictures_and_drawings_stand_on_the_page_once(tmp_path: Path) -> None:
    """The cases of the review refer to the gallery: the page does not grow by what it holds already."""
    for kind in ("image", "signal"):
        page = only_report(made(tmp_path / kind, kind, n=4))
        told = "".join(cases(page, "told"))
        assert told.count("<img") + told.count("<svg") == 4 * 2
        assert len(told) < 8000
        rest = page.source.replace(told, "")
        for end in re.findall(r'data-ends="([^"]+)"', page.source):
            assert f'{end}"' in re.sub(r"<template.*?</template>", "", rest, flags=re.DOTALL)


def test_what_the_script_is_told_holds_no_answer(small: Run) -> None:
    """Places, rows and digests; neither reference nor prediction, nor a probability."""
    page, subject = only_report(small), subject_of(small)
    told = json.loads(page.blocks["review-data"])
    assert set(told["cases"][0]) == {"place", "row", "digest"}
    assert [one["place"] for one in told["cases"]] == list(range(1, 9))
    assert told["subject"] == subject.digest
    assert told["keys"] == ["nv", "mel", "bcc", "bkl"]
    assert json.loads(page.blocks["review-messages"]) == SAID


def test_every_message_of_the_script_is_there() -> None:
    """What review.js says by name is in the table of messages, and nothing else is."""
    import automed.report.scripts

    source = (Path(automed.report.scripts.__file__).parent / "review.js").read_text(encoding="utf-8")
    used = set(re.findall(r'said\("(\w+)"', source)) | set(re.findall(r'return "(\w+)";', source))
    used |= {"kept", "refused"} | set(re.findall(r'null : "(\w+)"', source))
    assert used == set(SAID)


def test_all_ids_that_the_script_asks_for_are_on_the_page(explained: Page) -> None:
    """A name that was changed on one side only would break the review."""
    (source,) = [text for text in explained.scripts if "automed-review" in text]
    asked = set(re.findall(r'byId\("([\w-]+)"\)', source))
    assert len(asked) > 25
    assert {f"review-{name}" for name in asked} <= set(explained.ids)


def test_names_of_classes_in_the_form_stay_text(tmp_path: Path) -> None:
    """Markup, quotes, templates and direction marks in a class name are what they are: text."""
    classes = tuple((f"k{place}", name, False) for place, name in enumerate(HOSTILE))
    page, _ = pages(make_run(tmp_path / "run", Story(classes, finalists=1, trials=3, examples=8)))
    names_no_network(page)
    links_lead_somewhere(page)
    assert "\u202e" not in page.source
    assert not any(name.startswith("on") for _, attributes in page.tags + page.inert for name in attributes)
    assert len([a for a in page.all("input") if a.get("name") == "review-before"]) == len(HOSTILE) + 1


@pytest.mark.parametrize("count", [2, 40])
def test_two_classes_and_forty_can_be_reviewed(tmp_path: Path, count: int) -> None:
    """A choice for each of them, and "I cannot say"."""
    classes = tuple((f"k{place}", f"Class {place}", False) for place in range(count))
    page = only_report(make_run(tmp_path / "run", Story(classes, finalists=1, trials=3, examples=4)))
    for name in ("before", "after"):
        boxes = [a for a in page.all("input") if a.get("name") == f"review-{name}"]
        assert [a["value"] for a in boxes] == [*map(str, range(count)), "cannot"]
        assert {a["type"] for a in boxes} == {"radio"}


def test_labels_are_boxes_and_none_of_them_is_an_answer(explained: Page) -> None:
    """Several may be ticked."""
    boxes = [a for a in explained.all("input") if a.get("name") == "review-after"]
    assert {a["type"] for a in boxes} == {"checkbox"}
    assert [a["value"] for a in boxes][-2:] == ["none", "cannot"]


def test_a_run_without_cases_says_that_there_is_nothing_to_review(tmp_path: Path) -> None:
    """And has the lines to sign all the same, but no script for it."""
    page = only_report(make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=0)))
    assert "Not done: there is no case to review" in page.text
    assert "0 of 2 reviews imported" in page.text
    assert "review-data" not in page.blocks
    names_no_network(page)


# --- what came back ------------------------------------------------------------------------------------------------


def imported(run: Run, tmp_path: Path, *reviews: dict[str, Any]) -> Page:
    import_reviews(run, [written(tmp_path, one, f"{place}.json") for place, one in enumerate(reviews)])
    return pages(run)[0]


def test_agreement_changes_comments_and_decisions_are_shown(small: Run, tmp_path: Path) -> None:
    """Every figure with its interval, before and after, and a line to sign for each reader."""
    subject = subject_of(small)
    page = imported(
        small,
        tmp_path,
        review_of(subject, "AB", comment="It looks at the ruler."),
        review_of(subject, "CD", as_reference, as_model, decision={"answer": "refuse", "remark": "Not on nails."}),
    )
    links_lead_somewhere(page)
    is_named_and_in_order(page)
    text = page.text.partition("What the reviews show")[2]
    for said in (
        "Of 16 answers of 2 readers", "AB and CD", "Cohen’s kappa", "CD and the model", "AB and the reference standard",
        "The model and the reference standard", "2 of 2 reviews imported", "It looks at the ruler.", "Not on nails.",
        "Fit, with conditions", "Not fit", "2026-03-02", "no sample of all records",
    ):  # fmt: skip
        assert said in text, said
    assert "Fleiss" not in text
    changed = re.search(r"once the model’s answer was seen is (\S+) \(95 % interval (\S+) to (\S+)\)", text)
    assert changed


def test_three_readers_have_fleiss_kappa(small: Run, tmp_path: Path) -> None:
    """Beside those of the pairs."""
    subject = subject_of(small)
    readers = [review_of(subject, name, as_reference, as_model) for name in ("AB", "CD", "EF")]
    text = imported(small, tmp_path, *readers).text
    assert "All 3 readers Fleiss’ kappa" in text
    assert "3 of 3 reviews imported" in text


def test_the_recipe_says_how_many_readers_sign(small: Run, tmp_path: Path) -> None:
    """Lines that nobody has filled yet stay empty."""
    text = small.recipe.read_text(encoding="utf-8")
    small.recipe.write_text(text.replace("reviewers: 2", "reviewers: 4"), encoding="utf-8")
    page = imported(small, tmp_path, review_of(subject_of(small), "AB"))
    assert "1 of 4 reviews imported" in page.text
    signing = page.source.partition('id="sign-off"')[2]
    assert signing.count("to be filled in") == 3


def test_too_few_cases_have_no_figure_but_a_reason(tmp_path: Path) -> None:
    """Three cases carry no kappa."""
    run = make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=3))
    text = imported(run, tmp_path, review_of(subject_of(run), "AB"), review_of(subject_of(run), "CD")).text
    assert "rests on 3 records, 5 are needed" in text
    assert "nan" not in text.partition("What the reviews show")[2].lower()


def test_a_model_that_was_explained_anew_says_that_its_reviews_are_of_other_cases(tmp_path: Path) -> None:
    """The figures stand, with a warning."""
    run = made(tmp_path / "run", "text", n=6)
    import_reviews(run, [written(tmp_path, review_of(subject_of(run), "AB"))])
    assert "Other cases." not in only_report(run).text
    (finalist,) = run.finalists()
    stored = read_json(finalist.reviews)
    stored["cases"][0]["digest"] = "0" * 64
    write_json(finalist.reviews, stored)
    assert "Other cases." in only_report(run).text


def test_damaged_reviews_are_an_error_that_names_the_file(small: Run, tmp_path: Path) -> None:
    """Cut, or of another shape than they should be."""
    import_reviews(small, [written(tmp_path, review_of(subject_of(small), "AB"))])
    (finalist,) = small.finalists()
    whole = read_json(finalist.reviews)
    for change in (
        {"reviews": [1]}, {"reviews": {}}, {"cases": []}, {"agreement": {}}, {"agreement": 3},
        {"agreement": {**whole["agreement"], "all": {}}}, {"reviews": []},
    ):  # fmt: skip
        write_json(finalist.reviews, whole | change)
        with pytest.raises(RunError, match=r"reviews\.json"):
            gather(small)
    finalist.reviews.write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"reviews\.json"):
        gather(small)
    finalist.reviews.unlink()
    facts = gather(small)
    assert "0 of 2 reviews imported" in report(facts, facts.candidates[0])
