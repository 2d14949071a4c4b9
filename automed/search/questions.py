"""What builders have asked so far, as a tree: a question, its answers, and the question that follows each.

Builders ask with plain ifs and declare nothing, so which question depends on which answer is learnt from the candidates
alone. The tree needs no guess about it: the same answers lead to the same next question. It tells whether a candidate
was met before, and what a grid has left, both exactly, with branches that nobody has visited yet.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from automed.models.space import Value


@dataclass(eq=False)
class Node:
    """A place in the tree: where `question` is None, nothing is known of what would be asked here."""

    question: str | None = None
    after: dict[str, Node] = field(default_factory=dict)  # the answer as JSON, which keeps True, 1 and 1.0 apart
    open: bool = False  # a candidate stands here or is on its way
    whole: bool = False  # nothing more is asked: a candidate was built

    def follow(self, value: Value) -> Node:
        """The place that an answer leads to."""
        return self.after.setdefault(json.dumps(value), Node())


class Walk:
    """One candidate on its way through the tree; `reserved` is the place that was kept for it."""

    def __init__(self, root: Node, reserved: Node | None = None) -> None:
        self._root, self._node, self._reserved = root, root, reserved
        self._lost = False

    def asked(self, name: str, value: Value) -> None:
        """One more question and its answer, in the order in which the builder asks."""
        if self._node.question is None:
            # Where this stood for whole, a candidate had failed before it was asked all.
            self._node.question, self._node.open, self._node.whole = name, False, False
        self._lost = self._lost or self._node.question != name  # a builder that drew lots: nothing to learn from here
        if not self._lost:
            self._node = self._node.follow(value)
            self._node.open = True

    def done(self, built: bool) -> None:
        """Nothing more is asked, because the candidate is built or because it failed.

        What failed before it had asked anything says nothing of the place that was kept for it, which is free again.
        """
        for node in (self._node, self._reserved):
            if node is not None:
                node.open = False
        if self._node.question is None and (built or self._node is not self._root):
            self._node.whole = True


class Questions:
    """The tree of one search."""

    def __init__(self) -> None:
        self._root = Node()

    def walk(self, answers: Mapping[str, Value] | None = None) -> Walk:
        """A candidate sets out; with `answers`, the place where they end is kept for it until it is there."""
        if answers is None:
            return Walk(self._root)
        reserved, _ = self._end(answers)
        reserved.open = True
        return Walk(self._root, reserved)

    def known(self, answers: Mapping[str, Value]) -> bool:
        """Whether a candidate with these answers was built or failed before; answers beyond what is asked are free."""
        node, answered = self._end(answers, grow=False)
        return answered and node.whole

    def next(self, options: Callable[[str], Sequence[Value]]) -> dict[str, Value] | None:
        """Answers that lead where no candidate has been, or None; the others are to be the first of their options.

        Those with the fewest departures from the first options come first, and of these the ones that depart early: a
        budget that does not last for the whole grid has then seen every answer to every question once.

        Args:
            options: of a question, all answers in their order, each once.
        """
        for departures in itertools.count():
            answers, more = _search(self._root, options, departures)
            if answers is not None or not more:
                return answers
        raise AssertionError("count() has no end")

    def _end(self, answers: Mapping[str, Value], grow: bool = True) -> tuple[Node, bool]:
        """Where answers lead, and whether all questions on the way were answered by them."""
        node = self._root
        while node.question is not None:
            if node.question not in answers:
                return node, False
            value = answers[node.question]
            if not grow and json.dumps(value) not in node.after:
                return node, False
            node = node.follow(value)
        return node, True


def _search(
    node: Node, options: Callable[[str], Sequence[Value]], departures: int
) -> tuple[dict[str, Value] | None, bool]:
    """Answers from `node` to a free place, and whether more departures could find further ones."""
    if node.question is None:
        return (None if node.open or node.whole else {}), False
    first, *others = options(node.question)
    more = bool(others) and not departures
    for value in (*others, first) if departures else (first,):
        after = node.after.get(json.dumps(value))
        left = departures - (value is not first)
        answers, further = ({}, False) if after is None else _search(after, options, left)
        if answers is not None:
            return {node.question: value, **answers}, False
        more = more or further
    return None, more
