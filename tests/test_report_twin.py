"""report.json and MODEL_CARD.md: they say what the page says, to programs and on a model hub."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from madeaudited import make_audited_run
from madeexplained import FACTS
from madeexplained import made as made_explained
from madeup import HOSTILE, Story, make_run

from automed.report.facts import Facts, gather
from automed.report.model_card import NEEDED, front_matter, model_card
from automed.report.pages import render
from automed.report.results import Score
from automed.report.twin import twin
from automed.run import read_json, write_json


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """A run in which every stage was done for the first finalist."""
    return gather(make_audited_run(tmp_path_factory.mktemp("judged") / "run"))


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """A run of records with labels and with inputs of every kind, explained."""
    return gather(made_explained(tmp_path_factory.mktemp("explained") / "run", *FACTS))


def scores_in(value: Any) -> Iterator[Score]:
    """Every figure of view data, wherever it stands."""
    if isinstance(value, Score):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from scores_in(getattr(value, field.name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from scores_in(inner)
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from scores_in(inner)


def figures_in(tree: Any) -> Iterator[dict[str, Any]]:
    """Every figure of a twin."""
    if isinstance(tree, dict):
        if {"value", "ci95", "unit"} <= tree.keys():
            yield tree
        for inner in tree.values():
            yield from figures_in(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from figures_in(inner)


def all_files(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted(folder.rglob("*")) if file.name in ("report.json", "MODEL_CARD.md")]


# --- report.json --------------------------------------------------------------------------------------------------


def test_every_figure_of_the_page_is_in_the_twin(judged: Facts, explained: Facts) -> None:
    """As often as in the view data that the page is made of, with value, interval, n and reason."""
    for facts in (judged, explained):
        for candidate in facts.candidates:
            told = Counter(
                repr((one["value"], one["ci95"], one["n"], one["events"], one["reason"]))
                for one in figures_in(twin(facts, candidate))
            )
            shown = Counter(
                repr((s.value, None if s.low is None or s.high is None else [s.low, s.high], s.n, s.events, s.reason))
                for s in scores_in(candidate)
            )
            assert shown and not shown - told, shown - told
    assert sum(1 for _ in figures_in(twin(judged, judged.candidates[0]))) > 300


def test_the_keys_of_the_twin_stay(judged: Facts) -> None:
    """A program that reads version 1 finds these; whoever takes one away raises the version."""
    document = twin(judged, judged.candidates[0])
    assert document["format"] == "automed report" and document["version"] == 1 and document["level"] == 0.95
    assert document.keys() >= {
        "run", "finalist", "intended_use", "out_of_scope", "test", "validation", "baselines", "against", "decision",
        "examples", "explanations", "performance", "audit", "mitigation", "robustness", "data", "search", "provenance",
    }  # fmt: skip
    macro = document["test"]["scores"]["macro_f1"]
    assert macro.keys() == {"value", "ci95", "n", "events", "unit", "reason"} and macro["unit"] == "1"
    assert document["test"]["scores"]["log_loss"]["unit"] == "nat"
    assert document["baselines"]["boosting"]["scores"]["macro_f1"]["ci95"]
    assert document["performance"].keys() >= {
        "calibration", "operating", "sets", "selective", "comparisons", "precision", "failures"
    }  # fmt: skip
    assert document["audit"]["gaps"][0].keys() >= {"division", "kind", "score", "word", "sentence", "limit"}
    assert document["data"]["classes"][1] == {"key": "mel", "name": "Melanoma", "urgent": True}
    assert document["provenance"]["versions"]["keras"] == "3.15.1"
    assert document["explanations"] is None, "what was not done is null"


def test_the_twin_is_json_without_pictures(explained: Facts, tmp_path: Path) -> None:
    """No array, no drawing and no text of a record; NaN nowhere."""
    text = json.dumps(twin(explained, explained.candidates[0]), allow_nan=False)
    assert "<svg" not in text and "base64" not in text and len(text) < 300_000
    methods = json.loads(text)["explanations"]["methods"]
    assert {one["verdict"] for one in methods} == {"passed", "failed"}
    assert json.loads(text)["explanations"]["cases"][0].keys() >= {"record", "reference", "predicted", "probability"}


def test_what_was_not_done_is_null_and_exits_quietly(tmp_path: Path) -> None:
    """A finalist that was not tested has a twin and a card that say so."""
    run = make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=0))
    (finalist,) = run.finalists()
    finalist.scores.unlink()
    finalist.examples.unlink()
    render(run)
    document = read_json(finalist.twin)
    assert document["test"] is None and document["audit"] is None and document["baselines"] == {}
    card = finalist.card.read_text(encoding="utf-8")
    assert "Not done: this model has not been tested" in card and "model-index" not in card


def test_the_same_facts_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither time nor chance is in them."""
    run = make_run(tmp_path / "run", Story(finalists=2, trials=3, examples=4))
    render(run)
    first = all_files(run.folder)
    render(run)
    assert len(first) == 4 and all_files(run.folder) == first


# --- MODEL_CARD.md ------------------------------------------------------------------------------------------------


def matter(card: str) -> dict[str, Any]:
    """The front matter of a card."""
    _, text, _ = card.split("---\n", 2)
    tree: dict[str, Any] = yaml.safe_load(text)
    return tree


def test_the_front_matter_holds_the_test_figures(judged: Facts) -> None:
    """In the shape of a model index, each with its interval in its name; the licence is left to whoever shares it."""
    candidate = judged.candidates[0]
    tree = matter(model_card(judged, candidate))
    assert tree["library_name"] == "keras" and tree["license"] == "unknown"
    assert tree["pipeline_tag"] == "image-classification" and "automed" in tree["tags"]
    (entry,) = tree["model-index"][0]["results"]
    assert entry["task"]["type"] == "image-classification" and entry["dataset"].keys() >= {"name", "type"}
    by_name = {one["name"].split(" (")[0]: one for one in entry["metrics"]}
    assert candidate.results
    known = [score for score in candidate.results.test.scores if score.value is not None]
    assert {score.title: score.value for score in known} == {name: one["value"] for name, one in by_name.items()}
    assert all(re.search(r"\(95 % interval .* to .*\)", one["name"]) for one in entry["metrics"])
    assert by_name["Macro-F1"]["type"] == "f1" and by_name["AUROC"]["type"] == "roc_auc"


def test_the_card_has_the_sections_of_the_template_and_invents_nothing(judged: Facts) -> None:
    """What no artefact says is told to be lacking."""
    card = model_card(judged, judged.candidates[0])
    sections = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", card, flags=re.DOTALL), flags=re.MULTILINE)
    assert {
        "Model details", "Uses", "Intended use", "Out of scope", "Bias, risks and limitations", "Recommendations",
        "How to use it", "Training data", "Training procedure", "Evaluation", "Fairness", "Explanations",
        "Environmental impact", "Technical specifications", "Citation and contact",
    } <= set(sections)  # fmt: skip
    assert card.count(NEEDED) >= 5
    assert "Second reader for dermoscopic images" in card and "Phantom data." in card
    assert re.search(r"macro-F1 was \.\d\d \(95 % interval", card)
    assert "### Fairness" in card and "beyond the limit" in card


def test_a_run_without_an_intended_use_says_so(tmp_path: Path) -> None:
    """Nobody fills the gap with a guess."""
    facts = gather(make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=0, intended_use="")))
    card = model_card(facts, facts.candidates[0])
    assert f"### Intended use\n\n{NEEDED}" in card and "no figure here supports any use" in card


def test_hostile_names_stay_text_in_the_card(tmp_path: Path) -> None:
    """No tag, link, table cell, heading or front matter of their own comes of them."""
    names = (
        *HOSTILE,
        "[x](javascript:alert(1))",
        "a | b",
        "# heading",
        "---",
        "`code` *b* _i_",
        "https://evil.example",
    )
    classes = tuple((name, name, False) for name in names)
    title = "</script>: ---\n- a: [<b>]"
    run = make_run(tmp_path / "run", Story(classes, 1, 3, title=title, intended_use=HOSTILE[0], examples=0))
    render(run)
    (finalist,) = run.finalists()
    card = finalist.card.read_text(encoding="utf-8")
    tree = matter(card)
    assert tree.keys() == {"license", "library_name", "pipeline_tag", "tags", "metrics", "model-index"}
    assert tree["model-index"][0]["results"][0]["dataset"]["name"].startswith("</script>: --- - a: [<b>]")
    body = re.sub(r"```.*?```", "", card, flags=re.DOTALL)
    assert "<" not in body, "no tag can begin"
    assert not re.search(r"(?<!\\)\]\(|https?://", body), "no link can begin"
    assert "\u202e" not in card
    for line in body.splitlines():
        if line.startswith("|"):
            assert not re.search(r"(?<!\\)\|\s*b \|", line)
    assert read_json(finalist.twin)["data"]["classes"][0]["name"] == HOSTILE[0], "a program gets the name as it is"


@pytest.mark.parametrize("count", [2, 40])
def test_few_and_many_classes(tmp_path: Path, count: int) -> None:
    """Each class has its row."""
    classes = tuple((f"c{k}", f"Diagnosis {k}", k == 0) for k in range(count))
    facts = gather(make_run(tmp_path / "run", Story(classes, 1, 2, examples=0)))
    card = model_card(facts, facts.candidates[0])
    rows = re.findall(r"^\| Diagnosis \d+", card, flags=re.MULTILINE)
    assert len(rows) == count
    tables = re.findall(r"(?:^\|.*\n)+", card, flags=re.MULTILINE)
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table


def test_the_front_matter_of_several_inputs_names_no_task(explained: Facts) -> None:
    """The hub has no word for a model that reads a signal, a text and a table."""
    assert "pipeline_tag" not in front_matter(explained, explained.candidates[0])


@pytest.mark.slow
@pytest.mark.parametrize("names", [("picture",), ("picture", "tokens")], ids=["one input", "two inputs"])
def test_the_snippet_of_the_card_runs_in_plain_keras(tmp_path: Path, names: tuple[str, ...]) -> None:
    """As it stands, beside the model, with every warning an error; it names each class with a probability."""
    import keras

    from automed.models.card import save

    run = make_run(tmp_path / "run", Story(finalists=1, trials=3, examples=0))
    (finalist,) = run.finalists()
    facts = read_json(run.data)
    described = {"picture": {"kind": "image", "shape": [8, 8, 3]}, "tokens": {"kind": "image", "shape": [5, 5, 1]}}
    write_json(run.data, facts | {"inputs": {name: described[name] for name in names}})
    shapes = {"picture": ((8, 8, 3), "uint8"), "tokens": ((5,), "int32")}
    inputs = {name: keras.Input(shapes[name][0], dtype=shapes[name][1], name=name) for name in names}
    flat = [keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(one)) for one in inputs.values()]
    features = keras.layers.Concatenate()(flat) if len(flat) > 1 else flat[0]
    answers = keras.layers.Dense(4, activation="softmax", name="probabilities")(features)
    model = keras.Model(inputs if len(inputs) > 1 else inputs[names[0]], answers)
    save(model, finalist.model, {"classes": facts["classes"], "inputs": {}})
    render(run)
    (snippet,) = re.findall(r"```python\n(.*?)```", finalist.card.read_text(encoding="utf-8"), flags=re.DOTALL)
    strict = "import warnings\nwarnings.simplefilter('error', UserWarning)\n"
    told = subprocess.run(
        [sys.executable, "-c", strict + snippet], cwd=finalist.folder, capture_output=True, text=True, timeout=300
    )
    assert told.returncode == 0, told.stderr
    lines = told.stdout.strip().splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == [one["name"] for one in facts["classes"]]
    assert sum(float(line.rpartition(" ")[2]) for line in lines) == pytest.approx(1, abs=0.01)
