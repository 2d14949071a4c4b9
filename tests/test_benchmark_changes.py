"""What differs between two points."""

from __future__ import annotations

import subprocess
from pathlib import Path

from madebenchmark import held, trained

from automed.benchmark.comparison.changes import between


def test_what_changed_between_two_points_is_named(tmp_path: Path) -> None:
    """Packages, recipes, hardware and budget; what did not change is not."""
    facts = {
        1: {"packages": {"keras": "3.12.0", "NumPy": "2.3.0", "lime": "0.2"}},
        2: {
            "packages": {"keras": "3.13.0", "numpy": "2.3.0", "shap": "0.48"},
            "hardware": {"cpu": "another", "cores": 2},
            "budget": {"minutes": 5.0},
            "digest": "6" * 64,
        },
    }
    after = {key: (said, {"digest": "e" * 64}) for key, said in trained(2, 1).items()} | trained(2, 1, "breast")
    with held(tmp_path, trained(1, 1), after, facts=facts) as history:
        first, second = history.points()
        found, none = between(history, first, second), between(history, first, first)
    assert found.changed == {"keras": ("3.12.0", "3.13.0")}
    assert (found.added, found.removed) == ({"shap": "0.48"}, {"lime": "0.2"})
    assert found.suite and found.recipes["splice"][1] == "e" * 64 and found.recipes["breast"][0] is None
    assert found.hardware["cpu"] == ("a processor", "another") and "cores" not in found.hardware
    assert found.budget["minutes"] == (3.0, 5.0)
    assert not found.nothing and none.nothing and none.unknown is None


def test_commits_between_two_points_are_named_where_the_repository_is_at_hand(tmp_path: Path) -> None:
    """The newest first; files changed without a commit, and an unknown commit, are said."""
    repository = tmp_path / "code"
    repository.mkdir()

    def git(*arguments: str) -> str:
        named = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", "-C", str(repository), *named, *arguments], check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    revisions = []
    for subject in ("Start", "Train\tfaster", "Fix <b>it</b>"):
        git("commit", "--quiet", "--allow-empty", "-m", subject)
        revisions.append(git("rev-parse", "HEAD"))
    facts = {
        1: {"revision": revisions[0], "code": "a"},
        2: {"revision": revisions[2], "code": "b"},
        3: {"revision": revisions[2] + "+", "code": "c"},
        4: {"revision": None, "code": "d"},
        5: {"revision": "--all", "code": "e"},
    }
    with held(tmp_path / "history", {}, {}, {}, {}, {}, facts=facts) as history:
        points = history.points()
        clean, dirty, none, odd = (between(history, points[0], p, repository=repository) for p in points[1:])
        elsewhere = between(history, points[0], points[1], repository=tmp_path)
    assert [commit.subject for commit in clean.commits] == ["Fix <b>it</b>", "Train\tfaster"]
    assert clean.commits[0].revision == revisions[2] and clean.unknown is None
    assert len(dirty.commits) == 2 and "in no commit" in (dirty.unknown or "")
    assert not none.commits and "outside a repository" in (none.unknown or "")
    assert not odd.commits and "not the name of a commit" in (odd.unknown or "")
    assert not elsewhere.commits and "at hand" in (elsewhere.unknown or "") and elsewhere.code
