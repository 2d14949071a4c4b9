"""A page that is too large for a shared drive or a letter shows fewer cases, then smaller pictures, and says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from automed.report import words
from automed.report.examples import Group
from automed.report.explanations.layers import smaller
from automed.report.explanations.read import Case
from automed.report.facts import Candidate
from automed.report.inputs.image import Picture
from automed.report.inputs.shown import Shown

LIMIT = 10_000_000  # bytes of a page
FEWEST = 4  # cases whose explanation stays
SIDES = (128, 96, 64)  # pixels of the longer side of pictures, one after another
MEGA = 1e6

Render = Callable[[Candidate, str], str]


def fitted(render: Render, candidate: Candidate, limit: int = LIMIT) -> str:
    """The page within a size, if there is a way.

    Args:
        render: makes the page of a candidate, with a sentence about what it leaves out, or "".
        candidate: with all of its cases.
        limit: in bytes.
    """
    page = render(candidate, "")
    over = _bytes(page) - limit
    if over <= 0:
        return page
    whole = _bytes(page)
    some = _fewer(candidate, over)
    left_out = _left_out(candidate, some)
    page = render(some, _sentence(whole, left_out, None, limit, fits=True))
    for side in SIDES:
        if _bytes(page) <= limit:
            return page
        less = _smaller(some, side)
        page = render(less, _sentence(whole, left_out, side, limit, fits=True))
        if side == SIDES[-1] and _bytes(page) > limit:
            page = render(less, _sentence(whole, left_out, side, limit, fits=False))
    return page


def _bytes(page: str) -> int:
    return len(page.encode())


def _fewer(candidate: Candidate, over: int) -> Candidate:
    """With as many explained cases as bring the page under its limit, but not under `FEWEST`."""
    told = candidate.explanations
    if told is None:
        return candidate
    kept = list(range(len(told.cases)))
    saved = 0
    while saved < over and len(kept) > FEWEST:
        gone = _next([told.cases[place] for place in kept])
        saved += _weight(told.cases[kept[gone]])
        del kept[gone]
    if len(kept) == len(told.cases):
        return candidate
    subject = candidate.subject
    if subject:
        # Of its answers nothing is lost: the cases stay, without what explains them.
        items = tuple(item if at in kept else replace(item, by=()) for at, item in enumerate(subject.items))
        subject = replace(subject, items=items)
    cases = tuple(told.cases[place] for place in kept)
    return replace(candidate, explanations=replace(told, cases=cases), subject=subject)


def _next(cases: Sequence[Case]) -> int:
    """Which case goes first: the last of those that were chosen for the commonest reason."""
    counts = Counter(case.reason for case in cases)
    most = max(counts.values())
    return max(at for at, case in enumerate(cases) if counts[case.reason] == most)


def _weight(case: Case) -> int:
    maps = [map for by in case.by for map in by.maps]
    return sum(len(map.image) + len(map.drawing) + sum(len(text) + 20 for text, _, _ in map.tokens) for map in maps)


def _smaller(candidate: Candidate, side: int) -> Candidate:
    """With pictures of no more than `side` pixels."""
    told, subject = candidate.explanations, candidate.subject
    if told:
        cases = tuple(replace(case, plain=_each(case.plain, side)) for case in told.cases)
        told = replace(told, cases=cases)
    if subject:
        items = tuple(replace(item, inputs=_each(item.inputs, side)) for item in subject.items)
        subject = replace(subject, items=items)
    examples = tuple(
        Group(group.title, tuple(replace(case, inputs=_each(case.inputs, side)) for case in group.cases))
        for group in candidate.examples
    )
    return replace(candidate, explanations=told, subject=subject, examples=examples)


def _each(shown: tuple[Shown, ...], side: int) -> tuple[Shown, ...]:
    return tuple(smaller(one, side) if isinstance(one, Picture) else one for one in shown)


def _left_out(candidate: Candidate, some: Candidate) -> int:
    before, after = candidate.explanations, some.explanations
    return len(before.cases) - len(after.cases) if before and after else 0


def _sentence(whole: int, left_out: int, side: int | None, limit: int, *, fits: bool) -> str:
    done = []
    if left_out:
        done.append(f"the explanations of {words.plural(left_out, 'case')} are left out")
    if side:
        done.append(f"pictures have at most {side} pixels a side")
    if not done:
        return f"With {whole / MEGA:.1f} MB it is larger than {limit / MEGA:g} MB, and nothing could be left out."
    text = f"To keep this page under {limit / MEGA:g} MB (it would have {whole / MEGA:.1f} MB), {words.listing(done)}."
    return text if fits else text + " It is larger all the same."
