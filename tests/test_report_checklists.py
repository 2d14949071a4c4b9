"""The reporting checklists of a report: every item has one state, and none is automatic without its evidence."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from madeaudited import Made, make_audited_run
from madeup import SKIN, Page, Story, links_lead_somewhere, make_run, only_report, pages

from automed.report.checklists import claim_2024, evidence, tripod_ai
from automed.report.checklists.fill import CLAIM_2024, TRIPOD_AI, Filled, fill
from automed.report.checklists.item import Evidence, Item, Line, State, judge
from automed.report.facts import Candidate, Facts, gather
from automed.report.records.groups import Attribute, Group, Groups

ALL = [*tripod_ai.ITEMS, *claim_2024.ITEMS]
# Collins et al. 2024, table 2: how many letters each of the 27 numbers has.
LETTERS = {3: 3, 5: 2, 6: 3, 8: 3, 9: 3, 12: 7, 18: 6, 20: 3, 23: 2, 27: 3}
# Of each artefact: what stands for it in a candidate, and the items that rest on it.
RESTING = {
    "results": ("12e", "23a"),
    "performance": ("12e", "13", "15"),
    "audit": ("14", "23a"),
    "model": ("12g", "22"),
    "row": ("12c",),
    "robustness": ("12d", "27a"),
}
RESTING_OF_IMAGES = {
    "results": ("28", "29", "32", "37"),
    "performance": ("38", "39"),
    "model": ("22", "43"),
    "row": ("22", "25"),
    "robustness": ("30",),
}
WHO = Groups((Attribute("sex", False, (Group("female", (9, 3, 3)), Group("male", (9, 3, 3))), (0, 0, 0)),), 0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, list[Page]]:
    """A run on images of patients that holds everything, and its pages."""
    story = Story(
        finalists=1, trials=4, examples=6, phantom=False,
        data={"source": "table", "table": "t.csv", "target": "dx", "patient": "patient"},
    )  # fmt: skip
    run = make_audited_run(tmp_path_factory.mktemp("made") / "run", story, Made(records=240))
    return replace(gather(run), groups=WHO), pages(run)


@pytest.fixture(scope="module")
def whole(made: tuple[Facts, list[Page]]) -> Facts:
    return made[0]


def tripod(facts: Facts, candidate: Candidate | None = None) -> dict[str, Line]:
    """The lines of TRIPOD+AI by their numbers."""
    return _by_number(fill(facts, candidate or facts.candidates[0])[0])


def claim(facts: Facts, candidate: Candidate | None = None) -> dict[str, Line]:
    """The lines of CLAIM by their numbers."""
    return _by_number(fill(facts, candidate or facts.candidates[0])[1])


def _by_number(filled: Filled) -> dict[str, Line]:
    return {line.item.number: line for line in filled.lines}


# --- the items -----------------------------------------------------------------------------------------------------


def test_the_numbers_are_the_published_ones() -> None:
    """52 rows of 27 items, and 44 items, each once and in order."""
    expected = [f"{n}{letter}" for n in range(1, 28) for letter in "abcdefg"[: LETTERS.get(n, 0)] or [""]]
    assert [item.number for item in TRIPOD_AI.items] == expected and len(expected) == 52
    assert [item.number for item in CLAIM_2024.items] == [str(n) for n in range(1, 45)]


@pytest.mark.parametrize("item", ALL, ids=lambda item: f"{item.section}-{item.number}")
def test_every_item_has_a_rule(item: Item) -> None:
    """Evidence that answers it, or what a person must write, or a reason why it does not apply."""
    assert item.evidence or item.person or item.spared
    assert item.asks and item.topic and item.section
    assert not item.person.endswith(".")


def test_sections_are_together(whole: Facts) -> None:
    """A section has one heading, so the page keeps the published order."""
    for filled in fill(whole, whole.candidates[0]):
        assert [line for _, lines in filled.sections for line in lines] == list(filled.lines)


# --- the rule ------------------------------------------------------------------------------------------------------


def _evidence(held: bool) -> Evidence:
    return Evidence("a thing", "#data", "the thing", lambda *_: held)


@pytest.mark.parametrize(
    ("changes", "phantom", "state", "text"),
    [
        ({"evidence": (_evidence(True),)}, False, State.AUTOMATIC, ""),
        ({"evidence": (_evidence(False),)}, False, State.PERSON, "the thing."),
        ({"evidence": (_evidence(True), _evidence(False))}, False, State.PERSON, "the thing."),
        ({"also": (_evidence(False),), "evidence": (_evidence(True),)}, False, State.AUTOMATIC, ""),
        ({"evidence": (_evidence(True),), "person": "why"}, False, State.PERSON, "why."),
        ({"evidence": (_evidence(False),), "person": "why"}, False, State.PERSON, "the thing; why."),
        ({"person": "why", "also": (_evidence(True),)}, True, State.PERSON, "why."),
        ({"person": "why", "of_patients": True}, True, State.NOT_APPLICABLE, "Phantom data"),
        ({"person": "why", "of_patients": True}, False, State.PERSON, "why."),
        ({"person": "why", "of_patients": True, "evidence": (_evidence(True),)}, True, State.AUTOMATIC, ""),
        ({"person": "why", "of_patients": True, "evidence": (_evidence(False),)}, True, State.PERSON, "the thing."),
        ({"evidence": (_evidence(True),), "spared": lambda *_: "Because."}, False, State.NOT_APPLICABLE, "Because."),
        ({"evidence": (_evidence(True),), "spared": lambda *_: None}, False, State.AUTOMATIC, ""),
    ],
)
def test_the_state_follows_from_what_is_held(
    whole: Facts, changes: dict[str, Any], phantom: bool, state: State, text: str
) -> None:
    """Automatic only with all evidence and nothing left for a person; what is missing is named."""
    assert whole.cohort is not None
    facts = replace(whole, cohort=replace(whole.cohort, phantom=phantom))
    line = judge(Item("1", "Methods", "Topic", "Something", **changes), facts, whole.candidates[0])
    assert line.state is state
    assert line.text.startswith(text) and (not text or line.text)


# --- a run that holds everything -----------------------------------------------------------------------------------


def test_counts_add_up_and_are_told(made: tuple[Facts, list[Page]]) -> None:
    """Every item is in one state, and the sentence above the table says how many in which."""
    facts, (page, _) = made
    for filled in fill(facts, facts.candidates[0]):
        counts = [filled.count(state) for state in State]
        assert sum(counts) == len(filled.lines) == len(filled.checklist.items)
        assert [int(n) for n in re.findall(r"\d+", re.sub(r"\(.*?\)", "", filled.sentence))] == [
            counts[0], len(filled.lines), *counts[1:],
        ]  # fmt: skip
    assert re.search(r"\d+ of 52 filled in from this run; \d+ need a person", page.text)
    assert re.search(r"\d+ of 44 filled in from this run; \d+ need a person", page.text)


def test_every_link_leads_to_what_the_page_or_the_run_holds(made: tuple[Facts, list[Page]]) -> None:
    """Anchors are on the page, and files lie in the run."""
    links_lead_somewhere(made[1][0])
    places = {one.where for item in ALL for one in (*item.evidence, *item.also)}
    for place in places:
        if place.startswith("#"):
            assert place[1:] in made[1][0].ids, place
        else:
            assert (made[1][0].folder / place).resolve().is_file(), place


def test_a_whole_run_answers_what_can_be_computed(whole: Facts) -> None:
    """Performance with intervals, calibration, groups and sites are there; funding and ethics never are."""
    filled = tripod(whole)
    for number in ("12a", "12c", "12d", "12e", "12g", "14", "15", "21", "23a", "23b"):
        assert filled[number].state is State.AUTOMATIC, (number, filled[number].text)
        assert filled[number].held
    for number in ("1", "3a", "6b", "8b", "10", "17", "18a", "19", "20b", "26", "27c"):
        assert filled[number].state is State.PERSON and filled[number].text
    images = claim(whole)
    for number in ("20", "22", "23", "26", "28", "29", "30", "32", "37", "38", "39"):
        assert images[number].state is State.AUTOMATIC, (number, images[number].text)
    assert images["33"].state is State.PERSON, "a test elsewhere is never made by a run"
    assert images["27"].state is filled["12f"].state is filled["24"].state is State.NOT_APPLICABLE


# --- what is not there ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("artefact", RESTING)
def test_without_an_artefact_what_rests_on_it_needs_a_person(whole: Facts, artefact: str) -> None:
    """And says what is missing; nothing else becomes automatic."""
    candidate = whole.candidates[0]
    less = replace(candidate, **{artefact: False if artefact == "model" else None})  # type: ignore[arg-type]
    for lines, before, numbers in (
        (tripod(whole, less), tripod(whole), RESTING[artefact]),
        (claim(whole, less), claim(whole), RESTING_OF_IMAGES.get(artefact, ())),
    ):
        for number in numbers:
            assert lines[number].state is State.PERSON and lines[number].text
            assert len(lines[number].held) < len(before[number].held)
        for number, line in lines.items():
            assert line.state is not State.AUTOMATIC or before[number].state is State.AUTOMATIC, number


def test_a_bare_run_answers_nothing_but_what_the_recipe_tells(whole: Facts) -> None:
    """Without data, search and finalists' artefacts no item rests on them."""
    empty = replace(
        whole.candidates[0], row=None, results=None, performance=None, audit=None, mitigation=None, robustness=None,
        explanations=None, model=False,
    )  # fmt: skip
    bare = replace(
        whole, cohort=None, board=None, selection=None, groups=None,
        origin=replace(whole.origin, seed=None, versions=(), fingerprint=None),
    )  # fmt: skip
    first, second = fill(bare, empty)
    assert first.count(State.AUTOMATIC) == 0
    assert second.left_out is not None and not second.lines
    with_images = replace(bare, cohort=replace(whole.cohort, portions=(), proofs=(), classes=()))  # type: ignore[type-var]
    automatic = [line.item.number for line in fill(with_images, empty)[1].lines if line.state is State.AUTOMATIC]
    assert automatic == []


def test_scores_without_an_interval_do_not_answer(whole: Facts) -> None:
    """Performance "with intervals" is automatic only where every score that has a value has its interval."""
    candidate = whole.candidates[0]
    assert candidate.results is not None
    first, *others = candidate.results.test.scores
    stripped = replace(candidate.results.test, scores=(replace(first, low=None, high=None), *others))
    less = replace(candidate, results=replace(candidate.results, test=stripped))
    assert tripod(whole, less)["23a"].state is claim(whole, less)["37"].state is State.PERSON
    unknown = replace(first, value=None, low=None, high=None, reason="rests on 3 records, 5 are needed")
    honest = replace(candidate, results=replace(candidate.results, test=replace(stripped, scores=(unknown, *others))))
    assert claim(whole, honest)["37"].state is State.AUTOMATIC
    none = replace(candidate, results=replace(candidate.results, test=replace(stripped, scores=(unknown,))))
    assert claim(whole, none)["37"].state is State.PERSON


def test_unnamed_patients_leave_the_level_of_the_sets_open(whole: Facts) -> None:
    """Also sets that share patients: there is no level at which they are disjoint."""
    cohort = whole.cohort
    assert cohort is not None
    unnamed = replace(
        cohort, patients_named=False, portions=tuple(replace(one, patients=None) for one in cohort.portions)
    )
    assert claim(replace(whole, cohort=unnamed))["20"].state is State.PERSON
    assert tripod(replace(whole, cohort=unnamed))["21"].state is State.PERSON
    leaking = replace(cohort, proofs=tuple(replace(proof, count=1) for proof in cohort.proofs))
    assert claim(replace(whole, cohort=leaking))["20"].state is State.PERSON


def test_sets_that_chance_did_not_draw_need_a_word(whole: Facts) -> None:
    """By time or site the test differs from training; in what else, the run cannot know."""
    assert tripod(whole)["16"].state is State.AUTOMATIC
    by_time = replace(whole, source=replace(whole.source, split="time"))
    assert tripod(by_time)["16"].state is State.PERSON


def test_class_imbalance_does_not_apply_where_nothing_was_done_about_it(whole: Facts) -> None:
    """No class weights and no focal loss; a focal loss is a method too."""
    unweighted = replace(whole, plan=replace(whole.plan, class_weights="none"))
    assert tripod(unweighted)["13"].state is State.NOT_APPLICABLE
    candidate = whole.candidates[0]
    assert candidate.row is not None
    focal = replace(candidate, row=replace(candidate.row, choices=(*candidate.row.choices, ("loss", "focal"))))
    assert tripod(unweighted, focal)["13"].state is State.PERSON


def test_sites_that_were_not_left_out_are_not_examined(whole: Facts) -> None:
    """Results "if examined" do not apply; what was done about clusters, a person must say."""
    candidate = whole.candidates[0]
    assert candidate.robustness is not None
    less = replace(candidate, robustness=replace(candidate.robustness, sites=None))
    assert tripod(whole, less)["23b"].state is State.NOT_APPLICABLE
    assert tripod(whole, less)["12d"].state is State.PERSON and "evaluate.sites" in tripod(whole, less)["12d"].text


def test_a_phantom_has_no_patients_to_tell_of(whole: Facts) -> None:
    """Ethics and eligibility do not apply; funding still does."""
    assert whole.cohort is not None
    facts = replace(whole, cohort=replace(whole.cohort, phantom=True))
    lines = tripod(facts)
    assert {lines[number].state for number in ("5b", "6b", "17")} == {State.NOT_APPLICABLE}
    assert lines["18a"].state is State.PERSON
    assert claim(facts)["11"].state is State.NOT_APPLICABLE


# --- on the page ---------------------------------------------------------------------------------------------------


def test_claim_is_left_out_where_nothing_is_an_image(whole: Facts) -> None:
    """The page says why instead."""
    cohort = whole.cohort
    assert cohort is not None
    first, second = fill(replace(whole, cohort=replace(cohort, inputs=())), whole.candidates[0])
    assert first.lines and not second.lines
    assert second.left_out == "no input of this run is an image"


def test_a_run_without_artefacts_has_its_checklists(tmp_path: Path) -> None:
    """Every item says what is missing, and all links lead somewhere."""
    run = make_run(tmp_path / "run", Story(SKIN, finalists=1, trials=2, examples=2, phantom=False))
    run.finalists()[0].scores.unlink()
    run.leaderboard.unlink()
    page = only_report(run)
    assert "Missing: scores with intervals on the test set; an audit of groups of patients." in page.text
    links_lead_somewhere(pages(run)[0])


def test_no_evidence_is_named_twice() -> None:
    """One name, one place: a reader takes two names for two things."""
    known = [one for one in vars(evidence).values() if isinstance(one, Evidence)]
    assert len({one.name for one in known}) == len(known)
