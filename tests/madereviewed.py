"""Reviews of a made-up run, as the page downloads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from automed.report.facts import gather
from automed.report.review.document import FORMAT, VERSION, seal
from automed.report.review.subject import Item, Subject
from automed.run import Run

Say = Callable[[Item], list[str] | None]


def subject_of(run: Run) -> Subject:
    """What can be reviewed of the first finalist."""
    found = gather(run).candidates[0].subject
    assert found is not None
    return found


def as_reference(item: Item) -> list[str]:
    return list(item.reference or ())


def as_model(item: Item) -> list[str]:
    return list(item.decided)


def review_of(
    subject: Subject,
    reader: str = "AB",
    before: Say = as_reference,
    after: Say = as_reference,
    *,
    cases: int | None = None,
    comment: str = "",
    **changes: Any,
) -> dict[str, Any]:
    """A review with its seal; `cases` of them answered, all by default."""
    document = {
        "format": FORMAT,
        "version": VERSION,
        "run": subject.run,
        "model": subject.model,
        "reader": reader,
        "started": "2026-03-02T10:00:00+00:00",
        "saved": "2026-03-02T10:20:00+00:00",
        "cases": [
            {
                "place": item.place, "row": item.row, "digest": item.digest, "position": position,
                "before": {"answer": before(item), "confidence": 3},
                "after": {"answer": after(item), "mind": "no"},
                "comment": comment if position == 1 else "",
            }
            for position, item in enumerate(subject.items[:cases], 1)
        ],
        "decision": {"answer": "conditions", "remark": ""},
        **changes,
    }  # fmt: skip
    return {**document, "digest": seal(document)}


def sealed(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A review written anew, with a seal that fits."""
    changed = {**document, **changes}
    return {**changed, "digest": seal(changed)}


def written(folder: Path, document: Any, name: str = "review.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return file
