"""Whether the tests of explanations work is decided on phantoms, where the right answer is known."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from commandline import AUTOMED, Command

from automed.run import Run, read_json

pytestmark = pytest.mark.slow

# Lesions that are nearly alike, and a ruler on every melanoma: the ruler is all that there is to learn.
PLANTED = (
    "data.records=900", "data.difficulty=1.0", "data.shortcut=1.0", "inputs.lesion.size=[32, 32]", "search.trials=1",
    "search.finalists=1", "search.baselines=[majority]", "search.architectures=[cnn]", "train.epochs=10",
    "train.augment=[]", "explain.methods=[shap, occlusion]", "explain.tested=32", "explain.cases=4",
    "explain.samples=200",
)  # fmt: skip


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A search on the phantom with the ruler."""
    folder = tmp_path_factory.mktemp("planted") / "run"
    typed = [word for text in PLANTED for word in ("--set", text)]
    done = subprocess.run(
        [*AUTOMED, "search", "skin", *typed, "--out", str(folder)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr
    return Run(folder)


def test_maps_of_a_model_that_learnt_a_ruler_point_at_the_ruler(planted: Run) -> None:
    """The check names it, the verdict on the method does not suffer, and the report says so at its top."""
    (finalist,) = planted.finalists()
    document = read_json(finalist.explanation)
    for method in document["methods"]:
        local = next(finding for finding in method["findings"] if finding["check"] == "localisation")
        assert local["verdict"] == "failed" and not local["counts"], method["name"]
        assert "The maps point at the ruler, which is no part of the lesion" in local["sentence"]
        faithful = next(finding for finding in method["findings"] if finding["check"] == "faithfulness")
        assert faithful["verdict"] == "passed", "a map that points at the ruler is a true explanation of this model"
    page = finalist.report.read_text(encoding="utf-8")
    short = page[page.index('id="summary"') : page.index('id="scores"')]
    assert "Possible shortcut" in short and "the ruler" in short


def test_with_random_weights_every_method_fails(automed_command: Command, planted: Run, tmp_path: Path) -> None:
    """There is nothing to explain in a network that has learnt nothing, however its maps look."""
    from automed.explain.copies import redraw
    from automed.models.card import load, save

    run = Run(shutil.copytree(planted.folder, tmp_path / "random"))
    (finalist,) = run.finalists()
    model, card = load(finalist.model)
    redraw(model, seed=11)
    save(model, finalist.model, card)
    ended = automed_command("explain", str(run.folder), "--json", "--gate")
    assert ended.code == 4, ended.err
    assert {entry["verdict"] for entry in ended.document["methods"]} == {"failed"}
    page = finalist.report.read_text(encoding="utf-8")
    assert page.count("Not validated for this model") >= 2
