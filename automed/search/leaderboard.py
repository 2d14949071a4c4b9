"""Who won: trials and baselines ranked by validation macro-F1, ties to the smaller model."""

from __future__ import annotations

import statistics
from typing import Any

from automed.recipe.evaluate import Audit
from automed.run import Run, read_json
from automed.search.journal import Journal, TrialStory
from automed.search.selection import ordered, selection

RANKED = ("complete", "pruned", "interrupted")


def contenders(run: Run, audit: Audit) -> list[TrialStory]:
    """Trials that have weights to show, in the order in which they become finalists."""
    return ordered(_scored(run), audit)


def _scored(run: Run) -> list[TrialStory]:
    return [s for s in Journal(run).trials().values() if s.state in (*RANKED, "open") and s.macro_f1 is not None]


def build(
    run: Run, audit: Audit, *, trials: int, minutes: float | None, finalists: int, workers: int, used: float
) -> dict[str, Any]:
    """The content of leaderboard.json from the journal and the baselines' files.

    Args:
        run: the run folder.
        audit: how finalists are selected.
        trials: asked for.
        minutes: asked for, or None.
        finalists: how many of the best are kept whole.
        workers: processes at work.
        used: seconds of search in all sessions.
    """
    from automed.search.importance import importance  # loads Optuna and scikit-learn

    stories = Journal(run).trials()
    best = contenders(run, audit)
    rows: list[dict[str, Any]] = []
    for place, story in enumerate(best, 1):
        folder = run.finalist(place, story.architecture).folder if place <= finalists else None
        rows.append(
            {
                "kind": "trial",
                "number": story.number,
                "architecture": story.architecture,
                "folder": str(folder.relative_to(run.folder)) if folder else None,
                "validation": {"macro_f1": story.macro_f1, "worst_group": story.worst_group, "group": story.group},
                "parameters": story.parameters,
                "seconds": round(story.seconds, 2),
                "epochs": story.epochs,
                "best_epoch": story.best_epoch,
                "state": "interrupted" if story.state == "open" else story.state,
                "choices": story.choices,
            }
        )
    baselines = [read_json(file) for file in sorted(run.baselines.glob("*.json"))] if run.baselines.is_dir() else []
    rows += [
        {**b, "kind": "baseline", "architecture": b["name"], "folder": None, "state": "complete"} for b in baselines
    ]
    # A baseline goes before a trial of the same score: the simpler method wins a tie.
    rows.sort(key=lambda r: (-r["validation"]["macro_f1"], r["kind"] == "trial", r.get("parameters") or 0))
    for rank, row in enumerate(rows, 1):
        row["rank"] = rank
    return {
        "objective": "macro_f1",
        "rows": rows,
        "failed": [
            {"number": s.number, "architecture": s.architecture, "reason": s.reason}
            for s in stories.values()
            if s.state == "failed"
        ],
        "budget": _spent(stories, trials, minutes, used, workers),
        "workers": workers,
        "note": _ahead(rows),
        "selection": selection(_scored(run), audit),
        "importance": importance(list(stories.values())),
    }


def _spent(
    stories: dict[int, TrialStory], trials: int, minutes: float | None, used: float, workers: int
) -> dict[str, Any]:
    states = [s.state for s in stories.values()]
    training = sum(s.seconds for s in stories.values())
    whole = [s.epochs for s in stories.values() if s.state == "complete"]
    usual = statistics.mean(whole) if whole else 0.0
    saved = sum(max(0.0, usual - s.epochs) for s in stories.values() if s.state == "pruned")
    return {
        "trials": {
            "asked": trials,
            "finished": states.count("complete"),
            "pruned": states.count("pruned"),
            "failed": states.count("failed"),
            "interrupted": states.count("interrupted") + states.count("open"),
        },
        "minutes": {"asked": minutes, "used": round(used / 60, 2)},
        "seconds": {
            "wall": round(used, 1),
            "training": round(training, 1),
            # What the workers' time held besides epochs: start-up, building, waiting.
            "other": round(max(0.0, used - training / workers), 1),
        },
        "epochs": {"run": sum(s.epochs for s in stories.values()), "saved_by_pruning": round(saved)},
    }


def _ahead(rows: list[dict[str, Any]]) -> str | None:
    if rows and rows[0]["kind"] == "baseline":
        trained = any(row["kind"] == "trial" for row in rows)
        return f"the {rows[0]['name']} baseline is level with or ahead of every trial" if trained else None
    return None
