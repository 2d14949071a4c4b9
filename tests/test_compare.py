"""The verb compare: pairs are tested where test records are shared, and nothing is pretended where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from commandline import Command
from madecompared import Answers, answers_to_the_test, decided, make_answering_run
from madeup import (
    HOSTILE,
    Page,
    Story,
    is_named_and_in_order,
    links_lead_somewhere,
    make_run,
    names_no_network,
)
from sklearn.metrics import f1_score

from automed.errors import UsageError
from automed.pipeline import Comparing, compare
from automed.run import Run, read_json, write_json


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Run], Comparing, Page]:
    """Three runs on the same test records: one better than the first, one whose fingerprint differs."""
    folder = tmp_path_factory.mktemp("compared")
    runs = [
        make_answering_run(folder / "first", Answers(skill=1.6, audited=True)),
        make_answering_run(folder / "better", Answers(skill=4.0, seed=1, shuffled=True, audited=True)),
        make_answering_run(folder / "other", Answers(skill=1.6, seed=2, fingerprint="cd" * 32)),
    ]
    found = compare(runs, folder / "pages" / "comparison.html")
    return runs, found, Page(found.page.read_text(encoding="utf-8"), found.page)


Made = tuple[list[Run], Comparing, Page]


def test_pairs_are_tested_on_the_same_records(made: Made) -> None:
    """The differences are those of scikit-learn, whatever the order in which predictions lie; p values rise by Holm."""
    runs, found, _ = made
    own, *others = (answers_to_the_test(run) for run in runs)
    first = f1_score(own["label"], decided(own), average="macro")
    tests = found.document["tests"]
    assert [row["against"] for row in tests] == ["B", "C"]
    for row, other in zip(tests, others, strict=True):
        expected = first - f1_score(other["label"], decided(other), average="macro")
        assert row["macro_f1"]["difference"] == pytest.approx(expected)
        low, high = row["macro_f1"]["ci95"]
        assert low < expected < high
        assert row["macro_f1"]["p_holm"] >= row["macro_f1"]["p"]
    assert tests[0]["macro_f1"]["ci95"][1] < 0 and tests[0]["macro_f1"]["p_holm"] < 0.01
    assert tests[0]["macro_f1"]["p_holm"] == pytest.approx(2 * tests[0]["macro_f1"]["p"])


def test_the_page_says_by_what_test_sets_are_the_same(made: Made) -> None:
    """By the fingerprint, or by row numbers and reference standard."""
    _, found, page = made
    assert [one["shared"] for one in found.document["met"]] == [True, True]
    assert "B and A: the same test records, by the fingerprint of the data." in page.text
    assert "C and A: the same test records, by their row numbers and their reference standard" in page.text
    assert "is behind B." in found.sentence and "no difference between A." in found.sentence
    assert page.text.count("Not one test set") == 0


def test_the_page_shows_models_figures_groups_and_what_differs(made: Made) -> None:
    """The best first, each figure with its interval, each gap with both verdicts, versions and fingerprints."""
    runs, found, page = made
    macro = [read_json(run.finalists()[0].scores)["test"]["macro_f1"]["value"] for run in runs]
    assert [one["scores"]["macro_f1"]["value"] for one in found.document["entrants"]] == pytest.approx(macro)
    models = page.text[page.text.index("The best model of each run") :]
    assert models.index("better") < models.index("other") and macro[1] == max(macro)
    assert "Gaps between groups of patients" in page.text and "not compared" in page.text
    assert {line["name"] for line in found.document["versions"]} == {"data"}
    assert "has chosen by the test set" in page.text


def test_the_page_is_a_page_like_the_others(made: Made) -> None:
    """Links lead somewhere, no network, named drawings, headings in order; the runs are left as they were."""
    runs, _, page = made
    links_lead_somewhere(page)
    names_no_network(page)
    is_named_and_in_order(page)
    assert not list(runs[0].folder.rglob("*.html")), "nothing is written into a run"


def test_the_page_links_the_reports_that_are_there(tmp_path: Path) -> None:
    """By the way from the page to them, whatever the folders are called."""
    runs = [make_answering_run(tmp_path / "a b" / name, Answers(seed=k)) for k, name in enumerate(("x#1", "y?2"))]
    for run in runs:
        run.index.write_text("index")
        run.finalists()[0].report.write_text("report")
    found = compare(runs, tmp_path / "pages" / "page.html")
    hrefs = [a["href"] for a in Page(found.page.read_text(encoding="utf-8")).all("a") if a["href"].endswith("html")]
    assert sorted(hrefs) == sorted(
        f"../a%20b/{name}/{file}"
        for name in ("x%231", "y%3F2")
        for file in ("index.html", f"models/{runs[0].finalists()[0].name}/report.html")
    )


def test_the_same_runs_give_the_same_bytes(tmp_path: Path) -> None:
    """Resamples come from the seed of the run."""
    runs = [make_answering_run(tmp_path / name, Answers(seed=k)) for k, name in enumerate("ab")]
    first = compare(runs, tmp_path / "page.html").page.read_bytes()
    assert compare(runs, tmp_path / "page.html").page.read_bytes() == first


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (Answers(first=200, fingerprint="cd" * 32), "their test records are not the same"),
        (Answers(truth=5, fingerprint="cd" * 32), "the reference standard of their test records is not the same"),
    ],
    ids=["records", "labels"],
)
def test_other_test_sets_are_not_tested_in_pairs(tmp_path: Path, other: Answers, why: str) -> None:
    """The page says why not, ranks nothing, and shows both figures all the same."""
    runs = [make_answering_run(tmp_path / "a", Answers(skill=1)), make_answering_run(tmp_path / "b", other)]
    found = compare(runs, tmp_path / "page.html")
    page = Page(found.page.read_text(encoding="utf-8"))
    assert found.document["tests"] == [] and not found.document["met"][0]["shared"]
    assert why in page.text and "Not one test set." in page.text
    assert "Best models in the order of the command" in page.text
    assert "figure-differences" not in page.ids and "figure-models" in page.ids


def test_a_run_that_was_not_tested_is_shown_as_such(tmp_path: Path) -> None:
    """It has no predictions: nothing is tested in pairs, and its figures are not estimable with that reason."""
    runs = [make_answering_run(tmp_path / name, Answers(seed=k)) for k, name in enumerate("ab")]
    (finalist,) = runs[1].finalists()
    for file in (finalist.predictions, finalist.scores):
        file.unlink()
    found = compare(runs, tmp_path / "page.html")
    text = Page(found.page.read_text(encoding="utf-8")).text
    assert "not tested in pairs, for b has no predictions" in text
    assert "not estimable not tested" in text


def test_scores_of_an_earlier_version_are_noted(tmp_path: Path) -> None:
    """Where scores are not those of the predictions beside them, the page says that the two are read otherwise."""
    runs = [make_answering_run(tmp_path / name, Answers(seed=k)) for k, name in enumerate("ab")]
    scores = read_json(runs[1].finalists()[0].scores)
    scores["test"]["macro_f1"]["value"] -= 0.01
    write_json(runs[1].finalists()[0].scores, scores)
    text = Page(compare(runs, tmp_path / "page.html").page.read_text(encoding="utf-8")).text
    assert "The scores of B were made by an earlier version" in text and "The scores of A" not in text


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Titles and folders that try to break out of the page."""
    story = Story(finalists=1, trials=3, examples=0, title=HOSTILE[0] + HOSTILE[1], phantom=False)
    runs = [make_answering_run(tmp_path / f"{k}<b>&{{{{ 7 * 7 }}}}", Answers(seed=k), story) for k in range(2)]
    page = Page(compare(runs, tmp_path / "page.html").page.read_text(encoding="utf-8"))
    assert "<script>alert(1)</script>" in page.text and "{{ 7 * 7 }}" in page.text
    assert not page.all("script", "b") or all(tag not in ("script",) for tag, _ in page.tags)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


# --- what is refused ----------------------------------------------------------------------------------------------


def test_one_run_and_the_same_run_twice_are_refused(tmp_path: Path) -> None:
    """Also where the same folder is reached in two ways."""
    run = make_answering_run(tmp_path / "a")
    (tmp_path / "link").symlink_to(run.folder)
    with pytest.raises(UsageError, match="one run cannot be compared"):
        compare([run], tmp_path / "page.html")
    with pytest.raises(UsageError, match="named twice"):
        compare([run, Run(tmp_path / "link")], tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_run_without_a_finalist_is_refused(tmp_path: Path) -> None:
    """It has no model to compare."""
    runs = [make_answering_run(tmp_path / "a"), make_run(tmp_path / "b", Story(finalists=0, trials=2))]
    with pytest.raises(UsageError, match="has no model yet"):
        compare(runs, tmp_path / "page.html")


def test_runs_of_other_classes_are_refused(tmp_path: Path) -> None:
    """Their figures mean something else, so they are not put side by side."""
    two = Story((("nv", "Naevus", False), ("mel", "Melanoma", True)), finalists=1, trials=3, examples=0)
    runs = [make_answering_run(tmp_path / "a"), make_answering_run(tmp_path / "b", story=two)]
    with pytest.raises(UsageError, match="tells other classes apart than a"):
        compare(runs, tmp_path / "page.html")


def test_the_verb_prints_a_table_or_one_document(automed_command: Command, tmp_path: Path) -> None:
    """Runs are named as everywhere; wrong usage is exit code 2, a damaged file 1."""
    for k, name in enumerate(("a", "b")):
        make_answering_run(tmp_path / "reports" / "skin" / name, Answers(seed=k))
    said = automed_command("compare", "a", "b", "--out", "both.html")
    assert said.code == 0 and (tmp_path / "both.html").is_file(), said.err
    assert "macro-F1" in said.out and "both.html" in said.out and "by the fingerprint of the data" in said.out
    told = automed_command("compare", "a", "b", "--json").document
    assert told["page"] == "comparison.html" and told["version"] == 1 and told["reference"] == "A"
    assert told["entrants"][0]["scores"]["macro_f1"].keys() >= {"value", "ci95", "unit"}
    assert automed_command("compare", "a").code == 2
    assert automed_command("compare", "a", "skin/a").code == 2
    assert automed_command("compare", "a", "nothing").code == 2
    (tmp_path / "reports" / "skin" / "b" / "data.json").write_text("{", encoding="utf-8")
    damaged = automed_command("compare", "a", "b")
    assert damaged.code == 1 and "data.json" in damaged.err
