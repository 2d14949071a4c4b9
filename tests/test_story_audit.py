"""One search that is judged in every way: calibrated, audited, stressed, mitigated, and tested without each site."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commandline import AUTOMED, Ended

from automed.run import Finalist, Run, read_json, read_json_lines

pytestmark = pytest.mark.slow

RECIPE = """
name: judged
title: Phantom, judged in every way
data: {source: phantom, records: 400, seed: 1, difficulty: 0.0, disadvantage: 0.9, sensitive: [sex, skin_tone]}
inputs:
  lesion: {kind: image, size: [24, 24], channels: 3}
split: {by: patient, fractions: {train: 0.5, validation: 0.2, test: 0.3}, seed: 0}
search: {trials: 2, finalists: 1, architectures: [cnn], baselines: [majority], workers: 1}
train: {epochs: 3, patience: 3, augment: []}
evaluate: {sites: device, prevalence: {melanoma: 0.02}}
explain: {methods: []}
audit: {min_group: 10, select: fair, mitigate: [reweight, penalty, thresholds], permutations: 200}
"""


def automed(*arguments: object, code: int | None = 0) -> Ended:
    """One command in a process of its own, which ends as expected."""
    done = subprocess.run([*AUTOMED, *map(str, arguments)], capture_output=True, text=True, timeout=500)
    assert code is None or done.returncode == code, done.stderr
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The search itself, by its command."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "judged.yaml").write_text(RECIPE, encoding="utf-8")
    automed("search", folder / "judged.yaml", "--out", folder / "run", "--quiet")
    return Run(folder / "run")


@pytest.fixture(scope="module")
def finalist(run: Run) -> Finalist:
    return run.finalists()[0]


def test_both_winners_are_kept_and_shown_side_by_side(run: Run) -> None:
    """One finalist was asked for; a fair selection keeps the best beside it."""
    board = read_json(run.leaderboard)
    assert board["selection"]["rule"] == "fair"
    assert len(run.finalists()) == 2
    chosen = board["selection"]["fair"] or board["selection"]["best"]
    assert chosen["worst_group"] is None or chosen["group"].partition(":")[0] in ("sex", "skin_tone")


def test_the_card_holds_the_map_and_the_decision_and_predictions_follow_it(finalist: Finalist) -> None:
    """What a stranger reads from the model's file gives the calibrated probabilities that automed wrote."""
    from automed.evaluate import readout
    from automed.models.card import read_card

    card = read_card(finalist.model)
    table = pd.read_parquet(finalist.predictions)
    raw = table[[f"p_{k}" for k in range(4)]].to_numpy()
    reading = readout.read(card, card["task"], [entry["key"] for entry in card["classes"]])
    calibrated = table[[f"calibrated_{k}" for k in range(4)]].to_numpy()
    assert card["calibration"]["method"] in ("none", "temperature", "platt", "isotonic")
    assert np.allclose(reading.probabilities(raw), calibrated) and np.allclose(calibrated.sum(axis=1), 1)
    assert (reading(raw) == table["decided"]).all()


def test_every_part_of_the_evaluation_is_there(finalist: Finalist) -> None:
    """No part is a stub: each holds figures of these test records."""
    told = read_json(finalist.evaluation)
    n = int((pd.read_parquet(finalist.predictions)["split"] == "test").sum())
    assert {"calibration", "operating", "prediction_sets", "selective", "comparisons", "precision", "failures"} <= set(
        told
    )
    asked = {question["key"]: question for question in told["operating"]["questions"]}
    assert asked["melanoma"]["at_prevalence"]["prevalence"] == 0.02
    assert all(figure["n"] <= n for figure in asked["melanoma"]["test"].values())
    against = {one["against"]: one["kind"] for one in told["comparisons"]}
    assert against["majority"] == "baseline" and "finalist" in against.values()


def test_the_audit_names_each_group_and_each_crossing(finalist: Finalist) -> None:
    """Groups that are too small are rows of their own, and the probe saw the network's features."""
    told = read_json(finalist.audit)
    assert [division["key"] for division in told["divisions"]] == ["sex", "skin_tone", "sex x skin_tone"]
    for division in told["divisions"]:
        assert sum(row["n"] for row in division["rows"]) == told["n"]
    assert told["divisions"][0]["probe"] is not None and told["divisions"][2]["probe"] is None
    assert {gap["verdict"] for gap in told["gaps"]} <= {"beyond", "within", "undecided"}


def test_the_best_model_is_stressed_mitigated_and_tested_without_each_site(finalist: Finalist) -> None:
    """Corruptions, sites and ways of narrowing gaps, each with figures."""
    stressed = read_json(finalist.robustness)
    assert len(stressed["inputs"]["lesion"]["corruptions"]) >= 5
    sites = [row for row in stressed["sites"]["sites"] if row["reason"] is None]
    assert len(sites) >= 2 and all(row["without"]["macro_f1"]["n"] == row["n"] for row in sites)
    mitigated = read_json(finalist.mitigation)
    assert [row["method"] for row in mitigated["rows"]] == ["plain", "reweight", "penalty", "thresholds"]
    assert "two classes only" in mitigated["rows"][3]["reason"]
    assert mitigated["conclusion"]


def test_every_look_at_the_test_set_is_in_the_ledger(run: Run) -> None:
    """Finalists, baseline, corruptions, mitigation and sites: each says why it looked."""
    reasons = [line["reason"] for line in read_json_lines(run.ledger) if line["event"] == "test_read"]
    assert reasons.count("finalist") == 2 and reasons.count("robustness") == 2
    assert {"baseline", "mitigation", "leave one site out"} <= set(reasons)
    assert run.verify_ledger() > len(reasons)


def test_a_search_that_is_done_does_nothing_of_this_again(run: Run, finalist: Finalist) -> None:
    """Going on with a finished run leaves every artefact as it is."""
    files = (finalist.evaluation, finalist.audit, finalist.robustness, finalist.mitigation)
    before = [file.stat().st_mtime_ns for file in files]
    automed("search", run.folder, "--resume", "--quiet")
    assert [file.stat().st_mtime_ns for file in files] == before


def test_the_verb_audits_a_model_beside_its_run(finalist: Finalist) -> None:
    """A limit of 1 is within reach of every gap that can be estimated; one of 0 of none."""
    gate = "audit.gate=[demographic_parity]"
    lenient: dict[str, Any] = automed("audit", finalist.model, "--gap", 1, "--set", gate, "--json").document
    assert lenient["settings"]["gap"] == 1.0
    assert all(gap["verdict"] != "beyond" for gap in lenient["gaps"])
    said = automed("audit", finalist.model, "--gap", 0, "--gate", code=None)
    assert said.code in (4, 5), "no gap lies within a limit of 0"
    assert read_json(finalist.audit)["settings"]["gap"] == 0.0


def test_the_verb_audits_a_model_away_from_its_run(finalist: Finalist, run: Run, tmp_path: Path) -> None:
    """On the recipe's test records the figures are those of the run, by the card's own map and thresholds."""
    model = tmp_path / "away.keras"
    model.write_bytes(finalist.model.read_bytes())
    automed("audit", model, "--data", run.folder.parent / "judged.yaml", "--quiet")
    there, here = read_json(tmp_path / "away-audited" / "scores.json"), read_json(finalist.scores)
    assert there["test"]["macro_f1"]["value"] == pytest.approx(here["test"]["macro_f1"]["value"])
    assert there["test"]["brier"]["value"] == pytest.approx(here["test"]["brier"]["value"], abs=1e-5)
    thresholds = [
        [question["threshold"] for question in read_json(file)["operating"]["questions"]]
        for file in (tmp_path / "away-audited" / "evaluation.json", finalist.evaluation)
    ]
    assert thresholds[0] == thresholds[1], "chosen once, and never again on other data"
    assert (tmp_path / "away-audited" / "audit.json").is_file()


def test_a_model_that_gives_no_numbers_is_named_and_fails(finalist: Finalist, run: Run) -> None:
    """A broken model is exit 1, with the file and what is wrong with it."""
    kept = finalist.predictions.read_bytes()
    table = pd.read_parquet(finalist.predictions)
    table.loc[table.index[:3], "p_0"] = np.nan
    table.to_parquet(finalist.predictions)
    said = automed("audit", finalist.model, code=1)
    finalist.predictions.write_bytes(kept)
    assert "not numbers" in said.err and "predictions.parquet" in said.err
