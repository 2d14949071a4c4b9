"""What builders have asked so far: nothing is proposed twice, and nothing is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from automed.search.questions import Questions

# A builder as data: None asks nothing more; (name, [(answer, what is asked then), ...]) asks one question.
Builder = Any


def builders() -> st.SearchStrategy[Builder]:
    """Trees of questions; a name stands for one question, so each has the name of its place."""

    def grow(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(children, min_size=1, max_size=3)

    shapes = st.recursive(st.none(), grow, max_leaves=12)
    return shapes.map(lambda shape: named(shape, "q"))


def named(shape: Any, name: str) -> Builder:
    if shape is None:
        return None
    return name, [(answer, named(inner, f"{name}{answer}")) for answer, inner in enumerate(shape)]


def leaves(builder: Builder) -> list[tuple[int, ...]]:
    if builder is None:
        return [()]
    return [(answer, *rest) for answer, inner in builder[1] for rest in leaves(inner)]


def options(builder: Builder) -> dict[str, list[int]]:
    if builder is None:
        return {}
    found = {builder[0]: [answer for answer, _ in builder[1]]}
    for _, inner in builder[1]:
        found |= options(inner)
    return found


def ask(builder: Builder, walk: Any, answers: dict[str, Any]) -> tuple[int, ...]:
    """Walk a builder with the given answers, and the first option elsewhere."""
    told = []
    while builder is not None:
        name, branches = builder
        answer = answers.get(name, branches[0][0])
        walk.asked(name, answer)
        told.append(answer)
        builder = dict(branches)[answer]
    return tuple(told)


@given(builders())
def test_a_grid_meets_every_candidate_once(builder: Builder) -> None:
    """Whatever depends on whatever."""
    questions, offered, met = Questions(), options(builder), []
    while (answers := questions.next(offered.__getitem__)) is not None:
        assert not questions.known(answers)
        walk = questions.walk(answers)
        met.append(ask(builder, walk, answers))
        walk.done(built=True)
        assert len(met) <= len(leaves(builder))
    assert sorted(met) == sorted(leaves(builder))


@given(builders(), st.data())
def test_workers_that_begin_and_end_in_any_order_meet_every_candidate_once(builder: Builder, data: Any) -> None:
    """A place that somebody is on the way to is not given to another."""
    questions, offered, met, running = Questions(), options(builder), [], []
    while True:
        answers = questions.next(offered.__getitem__)
        if answers is not None and len(running) < 3:
            running.append((answers, questions.walk(answers)))
        elif running:
            answers, walk = running.pop(data.draw(st.integers(0, len(running) - 1)))
            met.append(ask(builder, walk, answers))
            walk.done(built=True)
        else:
            break
        assert len(met) <= len(leaves(builder))
    assert sorted(met) == sorted(leaves(builder))


@given(builders())
def test_what_was_built_is_known_and_nothing_else(builder: Builder) -> None:
    """With answers to questions that were not asked, too."""
    questions = Questions()
    assert not questions.known({})
    walk = questions.walk()
    told = ask(builder, walk, {})
    walk.done(built=True)
    first = {name: answers[0] for name, answers in options(builder).items()}
    assert questions.known({**first, "elsewhere": 1})
    for name, answers in options(builder).items():
        on_the_way = len(name) - 1 < len(told) and set(name[1:]) <= {"0"}
        for other in answers[1:]:
            assert questions.known({**first, name: other}) == (not on_the_way)


def test_the_first_departures_come_first() -> None:
    """After the first candidate, each question is answered otherwise once before two are."""
    builder = named([[None, None], [None, None]], "q")
    questions, offered, met = Questions(), options(builder), []
    while (answers := questions.next(offered.__getitem__)) is not None:
        walk = questions.walk(answers)
        met.append(ask(builder, walk, answers))
        walk.done(built=True)
    assert met == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_answers_that_look_alike_are_different() -> None:
    """True, 1, 1.0 and "1" are four answers."""
    questions = Questions()
    walk = questions.walk()
    walk.asked("q", True)
    walk.done(built=True)
    assert questions.known({"q": True})
    assert not any(questions.known({"q": other}) for other in (1, 1.0, "1", None))


@pytest.mark.parametrize("built", [False, True])
def test_a_candidate_that_asked_nothing_says_something_only_if_it_was_built(built: bool) -> None:
    """A worker that dies at its start leaves its place to the next."""
    questions = Questions()
    walk = questions.walk({})
    assert questions.next({}.__getitem__) is None
    walk.done(built=built)
    assert questions.next({}.__getitem__) == (None if built else {})


def test_a_builder_that_draws_lots_is_not_learnt_from() -> None:
    """What is known stays, and nothing is raised."""
    questions = Questions()
    for name in ("q", "r"):
        walk = questions.walk()
        walk.asked(name, 0)
        walk.asked("s", 0)
        walk.done(built=True)
    assert questions.known({"q": 0, "s": 0}) and not questions.known({"r": 0, "s": 0})
