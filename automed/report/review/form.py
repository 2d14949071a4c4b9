"""The review as the page holds it: what its script is told, the drawings of its cases, and pictures kept once."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

from automed.report.review.document import COMMENT, FORMAT, READER, VERSION
from automed.report.review.subject import Subject

# What the script says while it runs, so that no word of the page stands in code.
SAID = {
    "case": "Case {at} of {of}",
    "kept": "Kept in this browser.",
    "refused": "This browser keeps nothing for this page: download the review before you close it.",
    "reader": "First enter your initials or your role.",
    "first": "Give a diagnosis, or say that you cannot, and how sure you are.",
    "second": "Give a diagnosis again, and say whether your mind would have changed.",
    "resumed": "Going on with the review of {reader}: {done} of {of} cases answered.",
    "done": "{done} of {of} cases answered.",
    "whole": "All cases are answered: download the review and hand it on.",
    "downloaded": "Downloaded as {name}.",
    "removed": "Removed from this browser.",
    "json": "This file is no review.",
    "later": "This file was written by a later version of automed.",
    "changed": "This file was changed after it was downloaded.",
    "other": "This file is a review of other cases: of another run or model, or from before it was explained anew.",
}
BLIND = "A case of the review: prediction and reference standard are withheld"
_CASES = re.compile(r'<template id="review-\w+-\d+">.*?</template>', re.DOTALL)
_PICTURE = re.compile(r'src="(data:image/[^"]{200,})"')
_DRAWING = re.compile(r"(<svg\b[^>]*)>.*?</svg>", re.DOTALL)
_LABEL = re.compile(r' aria-label="[^"]*"')
_ID = re.compile(r'(?<=\bid=")[\w.-]+(?=")|(?<=#)[\w.-]+(?=[")])')
ENDS = 64  # characters by which the script finds a picture: they hold its checksums


def facts(subject: Subject) -> dict[str, Any]:
    """What the script is told: nothing that would unblind a reader, and nothing of a patient."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "run": subject.run,
        "model": subject.model,
        "subject": subject.digest,
        "labelled": subject.labelled,
        "keys": [label.key for label in subject.choices],
        "cases": [{"place": item.place, "row": item.row, "digest": item.digest} for item in subject.items],
        "limits": {"reader": READER, "comment": COMMENT},
    }


def drawings(subject: Subject) -> dict[tuple[int, int], Markup]:
    """The drawings of those inputs that need one, by place of the case and of the input; within `svg.drawing`."""
    drawn = {
        (item.place, at): shown.drawing(f"review-trace-{item.place}-{at}", f"{BLIND}; {shown.says}")
        for item in subject.items
        for at, shown in enumerate(item.inputs)
    }
    return {place: markup for place, markup in drawn.items() if markup is not None}


def shared(page: str) -> str:
    """The page with each picture and drawing of the review kept once: the script finds those that stand elsewhere.

    Pictures are known by how they end, drawings by their number on the page without the review.
    """
    rest = _CASES.sub("", page)
    pictures = set(_PICTURE.findall(rest))
    # Of drawings only those in the part that the script looks through.
    drawn = [_looks(match.group()) for match in _DRAWING.finditer(rest, rest.find("<main"))]
    numbers = {one: number for number, one in enumerate(drawn)}

    def picture(match: re.Match[str]) -> str:
        source = match.group(1)
        if source not in pictures:
            return match.group()
        return f'src="data:image/png;base64," data-ends="{source[-ENDS:]}"'

    def drawing(match: re.Match[str]) -> str:
        number = numbers.get(_looks(match.group()))
        return match.group() if number is None else f'{match.group(1)} data-twin="{number}"></svg>'

    return _CASES.sub(lambda case: _DRAWING.sub(drawing, _PICTURE.sub(picture, case.group())), page)


def _looks(drawing: str) -> str:
    """What is seen of a drawing: without the words for who does not see it, and whatever its ids are called."""
    names: dict[str, str] = {}
    return _ID.sub(lambda match: names.setdefault(match.group(), f"#{len(names)}"), _LABEL.sub("", drawing, count=1))
