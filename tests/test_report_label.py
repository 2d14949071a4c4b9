"""The model facts label and the data section: sentences by rules, the red line, who is in which set."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from madeaudited import Made, make_audited_run, make_labelled_audited_run
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
from automed.recipe import Recipe
from automed.report.facts import Candidate, Facts, gather
from automed.report.label.known import known
from automed.report.label.label import day, read_label
from automed.report.label.natural import among, complement, of_hundred
from automed.report.label.plain import summary
from automed.report.label.source import read_source
from automed.report.label.untested import untested
from automed.report.performance.read import read_performance
from automed.report.records.flow import flow
from automed.report.records.groups import read_groups
from automed.report.results import Comparison, Score
from automed.run import Run, write_json

NO_USE = "No intended use is stated: this model may not be used on patients."
SMALL = Story(finalists=1, trials=2, examples=2)


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with scores and nothing else."""
    return make_run(tmp_path_factory.mktemp("plain") / "run", SMALL)


@pytest.fixture(scope="module")
def bare(plain_run: Run) -> Facts:
    return gather(plain_run)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose finalist has everything, and whose model knows one skin tone less well."""
    return make_audited_run(tmp_path_factory.mktemp("audited") / "run", SMALL)


@pytest.fixture(scope="module")
def whole(audited: Run) -> Facts:
    return gather(audited)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run to be changed."""
    return make_run(tmp_path / "run", SMALL)


def text(sentence: Any) -> str:
    """A sentence as a reader sees it."""
    return " ".join(sentence.striptags().split())


def sentences(facts: Facts, candidate: Candidate | None = None) -> list[str]:
    return [text(one) for one in summary(facts, candidate or facts.candidates[0])]


def told(facts: Facts, candidate: Candidate | None = None) -> str:
    return " ".join(sentences(facts, candidate))


def asking(
    facts: Facts, scores: Sequence[Score], prevalence: float | None = None, ppv: Score | None = None
) -> Candidate:
    """The first candidate with one operating point, written by hand; `ppv` is that at the stated prevalence."""
    assert facts.cohort is not None
    there = {"prevalence": prevalence, "ppv": written(ppv)} if ppv else None
    test = {score.key: written(score) for score in scores}
    question = {"key": "mel", "threshold": 0.3, "reason": "by hand", "test": test, "at_prevalence": there}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "evaluation.json"
        write_json(file, {"operating": {"rule": {"rule": "youden"}, "questions": [question]}})
        return replace(facts.candidates[0], performance=read_performance(file, facts.cohort, {}))


def written(score: Score) -> dict[str, Any]:
    """A figure as stages write it."""
    ci95 = None if score.low is None else [score.low, score.high]
    return {"value": score.value, "ci95": ci95, "n": score.n, "events": score.events, "reason": score.reason}


def share(key: str, value: float | None, low: float | None = None, high: float | None = None) -> Score:
    return Score(key, value, low, high, 100, 50, None if value is not None else "rests on 3 records, 5 are needed")


THREE = (share("sensitivity", 0.89, 0.76, 0.98), share("specificity", 0.7, 0.65, 0.8), share("ppv", 0.5, 0.4, 0.6))


def as_patients(facts: Facts, *, phantom: bool = False, named: bool = True) -> Facts:
    """The same with one record a patient."""
    assert facts.cohort is not None
    (one,) = facts.candidates
    assert one.results is not None
    test = replace(one.results.test, patients=one.results.test.n)
    cohort = replace(facts.cohort, phantom=phantom, patients_named=named)
    return replace(facts, cohort=cohort, candidates=(replace(one, results=replace(one.results, test=test)),))


# --- shares as counts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "low", "high", "figure", "base"),
    [
        (0.89, 0.76, 0.98, "89 (76 to 98)", 100),
        (0.5, 0.404, 0.596, "50 (40 to 60)", 100),
        (0.004, 0.001, 0.012, "4 (1 to 12)", 1000),
        (0.0004, 0.0, 0.002, "4 (0 to 20)", 10_000),
        (0.997, 0.99, 1.0, "997 (990 to 1,000)", 1000),
        (1.0, 0.95, 1.0, "100 (95 to 100)", 100),
        (0.0, 0.0, 0.05, "0 (0 to 5)", 100),
    ],
)
def test_a_share_is_told_as_a_count_with_its_interval(
    value: float, low: float, high: float, figure: str, base: int
) -> None:
    """Of a hundred; of more where it would read as none or all although it is neither."""
    counted = of_hundred(share("ppv", value, low, high))
    assert counted is not None
    assert (" ".join(counted[0].split()), counted[1]) == (figure, base)


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3).map(sorted))
def test_a_count_lies_within_its_interval_and_never_claims_none_or_all(ends: list[float]) -> None:
    """Whatever the share; turned round, the interval stays around it."""
    low, value, high = ends
    for score in (share("ppv", value, low, high), complement(share("ppv", value, low, high))):
        counted = of_hundred(score)
        assert counted is not None and score.value is not None
        middle, least, most = (int(number.replace(",", "")) for number in re.findall(r"[\d,]+", counted[0]))
        assert 0 <= least <= middle <= most <= counted[1]
        if 0.00001 < score.value < 0.99999:
            assert 0 < middle < counted[1]


def test_a_share_without_an_interval_is_no_count() -> None:
    """No figure without its interval."""
    assert of_hundred(share("ppv", 0.5)) is None and of_hundred(share("ppv", None)) is None


@pytest.mark.parametrize(
    ("stated", "said"),
    [(0.02, "2 in 100"), (0.5, "50 in 100"), (0.005, "5 in 1,000"), (0.125, "125 in 1,000"), (0.0003, "3 in 10,000")],
)
def test_a_stated_prevalence_is_told_in_whole_numbers(stated: float, said: str) -> None:
    """As a person would say it."""
    assert " ".join(among(stated).split()) == said


# --- the sentences -----------------------------------------------------------------------------------------------


def test_the_sentences_hold_the_figures_of_the_evaluation(audited: Run, whole: Facts) -> None:
    """Found, false alarms and right ones of the flagged, recomputed from evaluation.json."""
    document = json.loads(audited.finalists()[0].evaluation.read_text(encoding="utf-8"))
    test = document["operating"]["questions"][0]["test"]

    def counted(key: str, *, turned: bool = False) -> str:
        value, (low, high) = test[key]["value"], test[key]["ci95"]
        if turned:
            value, low, high = 1 - value, 1 - high, 1 - low
        return f"about {round(100 * value)} ({round(100 * low)} to {round(100 * high)})"

    said = told(whole)
    names = "Melanoma or Basal cell carcinoma"
    assert f"like those tested whose reference standard says {names}, it would flag {counted('sensitivity')}." in said
    assert f"Of 100 others, it would flag {counted('specificity', turned=True)} wrongly." in said
    assert f"Where it is as common as in this test, {counted('ppv')} of 100 flagged would be right." in said


def test_a_stated_prevalence_gives_the_share_of_right_ones(bare: Facts) -> None:
    """In place of the one at the mix of the test set."""
    candidate = asking(bare, THREE, 0.02, share("ppv", 0.0267, 0.021, 0.034))
    said = told(bare, candidate)
    assert "Where 2 in 100 have it, about 3 (2 to 3) of 100 flagged would be right." in said
    assert "as common as in this test" not in said
    label = read_label(bare, candidate)
    assert label.operating is not None
    assert "PPV .03 (.02 to .03) at the stated prevalence of 2 in 100." in text(label.operating)


def test_patients_are_counted_only_where_each_has_one_record(bare: Facts) -> None:
    """Else records are, and a note says that a patient may have several."""

    def of(facts: Facts) -> tuple[str, str]:
        candidate = asking(facts, THREE)
        return told(facts, candidate), read_label(facts, candidate).note

    said, note = of(bare)
    assert "Of 100 records like those tested whose reference standard says Melanoma" in said
    assert "on 296 records of 210 simulated patients" in said and "a patient may have several" in note
    said, note = of(as_patients(bare))
    assert "Of 100 patients like those tested" in said and "on 296 patients that" in said and "records" not in note
    said, note = of(as_patients(bare, phantom=True))
    assert "Of 100 simulated patients like those tested" in said
    said, note = of(as_patients(bare, named=False))
    assert "Of 100 records like those tested" in said and "the data name no patients" in note
    assert "whether it had seen their patients before is not known" in said


def test_a_figure_without_an_interval_is_not_told(bare: Facts) -> None:
    """The reason is, in its place."""
    candidate = asking(bare, [share("sensitivity", None), share("specificity", 0.7), share("ppv", None)])
    said = told(bare, candidate)
    assert "reference standard says Melanoma cannot be told: rests on 3 records, 5 are needed." in said
    assert "How many others it would flag wrongly cannot be told: there is no interval." in said
    assert "flagged would be right" not in said
    label = read_label(bare, candidate)
    assert label.operating is not None and ".70" not in text(label.operating)


def test_the_class_that_is_found_least_often_is_named(bare: Facts) -> None:
    """By its recall; not where one question tells of both classes; what has no figure is not the least."""
    (one,) = bare.candidates
    assert one.results is not None
    classes = one.results.test.classes

    def recall(values: list[Score]) -> Candidate:
        made = [replace(c, scores=(c.scores[0], v, c.scores[2])) for c, v in zip(classes, values, strict=False)]
        assert one.results is not None
        return replace(one, results=replace(one.results, test=replace(one.results.test, classes=tuple(made))))

    four = [share("recall", 0.9, 0.8, 1.0), share("recall", 0.4, 0.2, 0.6), share("recall", None), share("recall", 0.1)]
    said = told(bare, recall(four))
    assert "When it names one class for each record, Melanoma is found least often: in about 40 (20 to 60) of" in said
    listed = {failure.title: text(failure.text) for failure in known(bare, recall(four))}
    assert listed["Found least often:"] == "Melanoma, recall .40 (.20 to .60)."
    assert listed["Too rare to say of the class:"].startswith("Basal cell carcinoma.")
    assert "found least often" not in told(bare, replace(recall(four[:2]), performance=asking(bare, THREE).performance))
    assert "Melanoma is found least often" in told(bare, recall(four[:2]))


@pytest.mark.parametrize(
    ("difference", "low", "high", "said"),
    [
        (0.06, 0.02, 0.1, "it did better than gradient boosting, the strongest of the simpler models tried."),
        (-0.06, -0.1, -0.02, "it did worse than gradient boosting, a simpler model."),
        (0.01, -0.02, 0.04, "That it does better than gradient boosting, a simpler model, could not be shown"),
        (None, None, None, "Whether a simpler model would do as well is not known."),
        (0.06, None, None, "Whether a simpler model would do as well is not known."),
    ],
)
def test_the_strongest_of_the_simpler_models_is_what_counts(
    bare: Facts, difference: float | None, low: float | None, high: float | None, said: str
) -> None:
    """Being ahead of the majority class alone is nothing to tell."""
    (one,) = bare.candidates
    assert one.results is not None
    against = [Comparison("boosting", "macro_f1", difference, low, high, None, None)]
    if difference is not None and low is not None:
        against.append(Comparison("majority", "macro_f1", 0.6, 0.5, 0.7, None, None))
    assert said in told(bare, replace(one, results=replace(one.results, against=tuple(against))))


def test_groups_are_told_by_the_verdict_of_the_audit(bare: Facts, whole: Facts) -> None:
    """Beyond, undecided, within, or not compared; no cause is named."""
    (one,) = whole.candidates
    assert one.audit is not None and one.audit.word == "beyond"
    assert "It does not serve all groups of patients alike: by skin tone, differences are beyond the limit of .10." in (
        told(whole)
    )
    undecided = replace(one, audit=replace(one.audit, word="undecided"))
    assert "alike, by sex and skin tone, could not be decided (limit .10)." in told(whole, undecided)
    within = replace(one, audit=replace(one.audit, word="within"))
    assert "by sex and skin tone, every difference that counts is within the limit of .10." in told(whole, within)
    assert "could not be decided." in told(whole, replace(one, audit=replace(one.audit, gate=())))
    assert "is not known: none were compared." in told(bare)
    assert not re.search(r"because|due to|caused|owing", told(whole))


@pytest.mark.parametrize(
    ("counts", "said"),
    [((0, 0), "that it had not seen before."), ((3, 0), "so that it looks better than it is."), (None, "not checked.")],
)
def test_whether_the_records_were_new_is_told_as_the_proof_has_it(
    bare: Facts, counts: tuple[int, int] | None, said: str
) -> None:
    """Nothing is claimed that was not checked, and a leak is a grave failure."""
    assert bare.cohort is not None
    made = [replace(proof, count=count) for proof, count in zip(bare.cohort.proofs, counts or (), strict=False)]
    facts = replace(bare, cohort=replace(bare.cohort, proofs=tuple(made)))
    assert said in sentences(facts)[0]
    grave = [failure.title for failure in known(facts, facts.candidates[0]) if failure.grave]
    assert grave == (["The sets are not disjoint."] if counts == (3, 0) else [])


def test_four_to_seven_sentences_whatever_is_missing(tmp_path: Path, bare: Facts, whole: Facts) -> None:
    """Of an untested finalist, of two classes, of forty, of labels; each count beside its interval."""
    two, forty = (tuple((f"c{k}", f"Diagnosis {k}", k == 0) for k in range(count)) for count in (2, 40))
    labelled = gather(make_labelled_audited_run(tmp_path / "labels", Made(records=200, files=("evaluation",))))
    every = [bare, whole, labelled]
    every += [gather(make_run(tmp_path / f"{len(c)}", Story(c, 1, 2, examples=0))) for c in (two, forty)]
    (one,) = bare.candidates
    every.append(replace(bare, candidates=(replace(one, results=None),)))
    every.append(replace(bare, cohort=None, candidates=(replace(one, results=None, row=None),)))
    for facts in every:
        found = sentences(facts)
        assert 4 <= len(found) <= 7, found
        for sentence in found:
            assert sentence.endswith((".", "!")) and sentence[0].isupper()
            assert sentence.count("about ") == len(re.findall(r"about [\d,]+ \([\d,]+ to [\d,]+\)", sentence))
        read_label(facts, facts.candidates[0])
    assert "It has not been tested" in sentences(every[-1])[0]


# --- failures, and what was never tested --------------------------------------------------------------------------


def test_known_failures_come_from_every_part_and_lead_to_their_evidence(whole: Facts) -> None:
    """Gaps, classes, worse input and sites, each once, with intervals; the worst of worse input first."""
    found = known(whole, whole.candidates[0])
    by_place = {
        place: [text(one.text) for one in found if one.place == place] for place in {one.place for one in found}
    }
    assert found[0].title == "Beyond the limit:" and found[0].grave and "in medium against" in by_place["groups"][0]
    assert by_place["robustness"] == [
        "Blur, severity 3, −.12 (−.14 to −.10).",
        "Noise, severity 3, −.08 (−.10 to −.06).",
    ]
    assert len(set(map(str, found))) == len(found)
    (one,) = whole.candidates
    assert one.robustness is not None
    sheet = replace(one.robustness, inputs=())
    (site,) = [f for f in known(whole, replace(one, robustness=sheet)) if f.place == "robustness"]
    assert text(site.text) == "Trained without the site north, −.06 (−.12 to −.01)."


def test_what_was_never_tested_is_always_told(bare: Facts, whole: Facts) -> None:
    """No run tests elsewhere or in use; groups that are too small are named."""
    few, full = ([text(line) for line in untested(facts, facts.candidates[0])] for facts in (bare, whole))
    for lines in (few, full):
        assert lines[0].startswith("Other sources: no external testing.")
        assert "not tried in a clinic" in lines[1]
    assert "sites were left out of the training in turn" in full[0]
    assert any("skin tone very dark (" in line for line in full)
    assert "Worse input, as blur or noise: not tried." in few
    assert not any("Worse input" in line for line in full)
    apart = replace(bare, source=replace(bare.source, split="site"))
    assert "The sites of the test set were in no other set" in text(untested(apart, apart.candidates[0])[0])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"source": "phantom"}, "the program that drew the records set it. It is no diagnosis."),
        ({"source": "table", "table": "t.csv", "target": "dx"}, "The column “dx” of the table. Who set it"),
        ({"source": "table", "table": "t.csv", "target": "a\u202eb"}, "“a\ufffdb”"),
        ({"source": "folder"}, "The name of the folder in which a file lies. Who set it"),
        ({"source": "npz", "file": "set.npz"}, "The labels that the file of arrays holds."),
        ({"source": "medmnist", "name": "breastmnist"}, "The labels of the MedMNIST set breastmnist."),
        ({"source": "sample", "sample": "pbcseq"}, "The labels of the sample pbcseq."),
    ],
)
def test_the_reference_standard_is_told_as_the_recipe_has_it(data: dict[str, Any], said: str) -> None:
    """And that the recipe does not know who set it."""
    tree = {"name": "any", "data": data, "inputs": {"x": {"kind": "image", "size": [8, 8]}}}
    assert said in read_source(Recipe.model_validate(tree)).standard


@pytest.mark.parametrize(
    ("stamp", "said"),
    [("2026-03-02T09:14:07+00:00", "2 March 2026"), ("yesterday", "yesterday"), (None, "Date not recorded")],
)
def test_a_date_is_written_out(stamp: str | None, said: str) -> None:
    """What is no date stays as it is."""
    assert day(stamp) == said


# --- the page --------------------------------------------------------------------------------------------------------


def label_of(page: Page) -> str:
    """The text of the label."""
    return page.text.split("Model facts")[2].split("Test scores")[0]


def test_without_an_intended_use_the_page_says_in_red_that_it_may_not_be_used(tmp_path: Path) -> None:
    """First of all on the label; with one, nothing of the kind."""
    story = replace(SMALL, intended_use="")
    page = only_report(make_run(tmp_path / "none", story))
    assert f'<p class="banner bad"><strong>{NO_USE}</strong></p>' in page.source
    assert label_of(page).strip().startswith(NO_USE)
    stated = only_report(make_run(tmp_path / "stated", SMALL))
    assert NO_USE not in stated.text
    assert label_of(stated).strip().startswith("Intended use Second reader for dermoscopic images")


def test_the_label_has_every_part(audited: Run) -> None:
    """Population, standard, figures, operating point, failures, what is not known, date and versions."""
    page = pages(audited)[0]
    said = label_of(page)
    for part in ("In plain language", "Tested on", "Reference standard", "Operating point", "Known failures",
                 "Never tested", "Made", "Out of scope Mucosal"):  # fmt: skip
        assert part in said, part
    assert "2 March 2026" in said and "automed 0.1.0, keras 3.15.1, tensorflow 2.21.0" in said
    assert re.search(r"Macro-F1 \.\d\d \.\d\d to \.\d\d", said)
    links_lead_somewhere(page)
    is_named_and_in_order(page)


def test_an_untested_finalist_has_a_label(run: Run) -> None:
    """What is missing is said to be missing."""
    (finalist,) = run.finalists()
    finalist.scores.unlink()
    said = label_of(only_report(run))
    assert "It has not been tested" in said and "Not done: no threshold was examined." in said


def test_names_that_try_to_break_out_are_text_in_label_and_table(tmp_path: Path) -> None:
    """Classes, attributes, groups and sites may be called anything."""
    classes = tuple((name, name, k < 2) for k, name in enumerate(HOSTILE))
    story = Story(classes, 1, 2, title=HOSTILE[0], intended_use=HOSTILE[2], examples=0, phantom=False)
    shares = {name: {HOSTILE[0]: 0.5, HOSTILE[3]: 0.5} for name in (HOSTILE[1], "sex")}
    made = Made(records=200, shares=shares, hurt=("sex", HOSTILE[0]), files=("evaluation", "audit"))
    run = make_audited_run(tmp_path / "run", story, made)
    facts = json.loads(run.data.read_text(encoding="utf-8"))
    write_json(run.data, facts | {"sensitive": [HOSTILE[1], "sex"]})
    values = [HOSTILE[k % len(HOSTILE)] for k in range(30)]
    split = ["train", "validation", "test"] * 10
    write_splits(run, split, {HOSTILE[1]: values, "sex": values})
    page = pages(run)[0]
    names_no_network(page)
    links_lead_somewhere(page)
    is_named_and_in_order(page)
    assert "<script>alert(1)" not in page.source and "\u202e" not in page.source
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    for name in HOSTILE:
        assert " ".join(name.replace("\u202e", "\ufffd").split()) in label_of(page)


# --- who is in which set -----------------------------------------------------------------------------------------


def write_splits(run: Run, split: Sequence[str], columns: dict[str, Any], patient: Sequence[str] | None = None) -> None:
    """splits.parquet as the preparation writes it."""
    n = len(split)
    frame = pd.DataFrame(
        {"record": range(1, n + 1), "split": split, "patient": patient or [f"p{k}" for k in range(n)], **columns}
    )
    frame.to_parquet(run.splits, index=False)


def test_groups_are_counted_by_set_as_pandas_counts_them(run: Run) -> None:
    """Bands in the order of their numbers, missing ones apart, what the run lacks by its name."""
    split = ["train"] * 50 + ["validation"] * 20 + ["test"] * 30
    ages = [("100+", "40-59", "5-9", None)[k % 4] for k in range(100)]
    sex = [("female", "male", "female")[k % 3] for k in range(100)]
    write_splits(run, split, {"age_band": ages, "sex": sex})
    facts = gather(run)
    found = read_groups(run, facts.cohort, "sex")
    assert found is not None and found.shared == 0
    by_key = {attribute.key: attribute for attribute in found.attributes}
    assert [group.name for group in by_key["age_band"].groups] == ["5-9", "40-59", "100+"]
    table = pd.crosstab(pd.Series(ages, dtype=object).fillna("none"), pd.Series(split))[["train", "validation", "test"]]
    for group in by_key["age_band"].groups:
        assert list(group.counts) == table.loc[group.name].tolist()
    assert list(by_key["age_band"].missing) == table.loc["none"].tolist()
    assert by_key["skin_tone"].absent and not by_key["sex"].site
    said = pages(run)[0].text.split("Are the sets disjoint?")[0]
    assert re.search(r"Age band 5-9 12 .* Missing 12 .* Skin tone not recorded", said)
    assert "Sex (none missing) female" in said and "Skin tone not recorded" in said
    assert "Not recorded: skin tone" in label_of(only_report(run))


def test_a_patient_in_two_sets_is_found_again_when_the_page_is_made(run: Run) -> None:
    """Whatever data.json says."""
    write_splits(run, ["train", "train", "test", "test"], {}, ["a", "b", "b", "c"])
    page = only_report(run)
    assert "when this page was made: 1 patient in more than one set." in page.text
    assert '<p class="banner bad">Counted again' in page.source


def test_many_sites_are_added_up(run: Run) -> None:
    """The thirty largest are named; the sum stays whole."""
    sites = [f"site {k % 45:02d}" for k in range(100)]
    write_splits(run, ["test"] * 100, {"hospital": sites})
    found = read_groups(run, gather(run).cohort, "hospital")
    assert found is not None
    (site,) = [attribute for attribute in found.attributes if attribute.site]
    assert len(site.groups) == 31 and site.groups[-1].name == "15 other groups"
    assert sum(group.counts[2] for group in site.groups) == 100


def test_a_damaged_division_is_named(run: Run) -> None:
    """Cut in half, or without the column that says who is where."""
    write_splits(run, ["train", "test"], {"sex": ["male", "female"]})
    kept = run.splits.read_bytes()
    run.splits.write_bytes(kept[: len(kept) // 2])
    with pytest.raises(RunError, match=r"splits\.parquet"):
        gather(run)
    pd.DataFrame({"record": [1], "sex": ["male"]}).to_parquet(run.splits)
    with pytest.raises(RunError, match="split is missing"):
        gather(run)


def test_without_a_division_the_page_says_so(plain_run: Run) -> None:
    """The counts of classes come from data.json, and are there."""
    said = pages(plain_run)[0].text.split("Are the sets disjoint?")[0].split("Flow")[-1]
    assert "Groups by set: not done, for splits.parquet is not there." in said
    assert re.search(r"Simulated patients 488 105 210 Records of each class Naevus 364 53\s%", said)


def test_the_flow_adds_up(bare: Facts) -> None:
    """What was read is what was divided and what was left out; the sets are what was divided."""
    assert bare.cohort is not None
    cohort = replace(bare.cohort, dropped=7)
    way = flow(cohort, split="by patient", unlabelled_dropped=True)
    first, second = way.steps
    assert first.count == second.count + sum(count for count, _ in first.left_out)
    assert [count for count, _ in first.left_out] == [1, 7]
    assert sum(one.records or 0 for one in way.sets) == second.count
    assert "without a label" in way.note
    assert flow(cohort, split="by patient", unlabelled_dropped=False).note == ""
