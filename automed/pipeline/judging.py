"""Judging models: scores, evaluation and audit of finalists in a run, and of any model on the data of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automed.errors import DataError, RunError, UsageError
from automed.events import FinalistScored, Listen, Progress, StageStarted
from automed.recipe import Recipe, load
from automed.run import Finalist, Run, disk_errors, read_json, write_json
from automed.runtime import environ, prepare_here


@dataclass(frozen=True)
class Auditing:
    """What an audit came to: the content of audit.json, where it lies, and the page that shows it."""

    document: dict[str, Any]
    folder: Path
    page: str | None


def judge_all(recipe: Recipe, run: Run, made: list[dict[str, Any]], listen: Listen) -> list[dict[str, Any]]:
    """Scores, evaluation and audit of each finalist, from its predictions; what is there already is kept.

    Args:
        recipe: of the run.
        run: whose finalists are tested.
        made: of each finalist its rank, number, architecture and folder, as `automed.search.finalists.make` gives them.
        listen: hears each score.

    Returns:
        For each the same facts with what scores.json holds, and of the audit its verdict and sentence.
    """
    from automed.evaluate import predictions
    from automed.evaluate.evaluation import evaluation
    from automed.evaluate.finalist import evaluate
    from automed.models.card import read_card

    finalists: list[Finalist] = [facts["finalist"] for facts in made]
    said = {one.name: predictions.of_finalist(run, one, recipe.evaluate, read_card(one.model)) for one in finalists}
    baselines = predictions.of_baselines(run, recipe.evaluate)
    scored = []
    for facts in made:
        finalist = facts["finalist"]
        own = said[finalist.name]
        if not finalist.scores.is_file():
            write_json(finalist.scores, evaluate(own, baselines, run))
        scores = read_json(finalist.scores)
        estimate = scores["test"]["macro_f1"]
        listen(FinalistScored(facts["rank"], facts["architecture"], estimate["value"], estimate["ci95"]))
        attributes = attributes_of(run, own)
        if not finalist.evaluation.is_file():
            rivals = {name: other for name, other in said.items() if name != finalist.name}
            features = features_of(finalist, own)
            told = evaluation(
                own,
                rivals,
                baselines,
                recipe.evaluate,
                features=features,
                attributes=attributes,
                tell=_teller(listen),
            )
            write_json(finalist.evaluation, told)
        if not finalist.audit.is_file():
            write_json(finalist.audit, _audited(own, finalist, attributes, recipe, listen))
        audited = read_json(finalist.audit)
        known = {k: v for k, v in facts.items() if k != "finalist"}
        groups = {"verdict": audited["verdict"], "sentence": audited["sentence"]}
        scored.append({**known, "folder": str(finalist.folder), "audit": groups, **scores})
    return scored


def audit(run: Run, finalist: Finalist, overrides: tuple[str, ...], listen: Listen) -> Auditing:
    """Audit a finalist anew from the files of its run, and render its report again; no training library is loaded.

    Raises:
        UsageError: a setting that an audit does not read.
        RunError: a file is missing or damaged, or another process works in the run.
    """
    from automed.evaluate import predictions
    from automed.models.card import read_card
    from automed.report.pages import render

    for override in overrides:
        if not override.partition("=")[0].strip().startswith("audit."):
            raise UsageError(
                f"--set {override.partition('=')[0].strip()}: beside its run a model is audited on the run's own"
                " predictions; only audit.* may change",
                hint="Name another recipe with --data.",
            )
    recipe = load(run.recipe, overrides, environ=environ())
    listen(StageStarted("audit", finalist.name))
    own = predictions.of_finalist(run, finalist, recipe.evaluate, read_card(finalist.model))
    run.log("test_read", reason="audit", model=finalist.name)
    document = _audited(own, finalist, attributes_of(run, own), recipe, listen)
    write_json(finalist.audit, document)
    run.describe(looks_at_test=run.looks_at_test())
    render(run)
    return Auditing(document, finalist.folder, str(finalist.report))


def audit_elsewhere(model: Path, recipe: Recipe, out: Path | None, listen: Listen) -> Auditing:
    """Test and audit a model away from its run, or one that automed did not make, on the test records of a recipe.

    Calibration and thresholds are those of the model's card: nothing is fitted on these data.

    Raises:
        AutomedError: the model cannot be opened, does not fit the data, or there is no test record.
    """
    from automed.data import prepare
    from automed.data.dataset import Dataset
    from automed.evaluate.evaluation import evaluation
    from automed.evaluate.finalist import evaluate
    from automed.search.explaining import known_inputs
    from automed.search.judging import predict_file

    known = known_inputs(model, recipe)
    folder = out or model.with_name(f"{model.stem}-audited")
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder)
    prepare.prepare(recipe, run, listen, known)
    data = Dataset.open(run)
    if not len(data.part("test")):
        raise DataError("there is no test record to audit on", where="split")
    listen(StageStarted("audit", model.name))
    prepare_here()
    own, features = predict_file(model, data, recipe)
    finalist = Finalist(folder)
    attributes = data.attributes(data.part("test"))
    write_json(finalist.scores, evaluate(own, {}, run))
    told = evaluation(own, {}, {}, recipe.evaluate, features=features, attributes=attributes, tell=_teller(listen))
    write_json(finalist.evaluation, told)
    document = _audited(own, finalist, attributes, recipe, listen, features)
    write_json(finalist.audit, document)
    return Auditing(document, folder, None)


def attributes_of(run: Run, own: Any) -> dict[str, Any]:
    """By sensitive column the text of each test record, None where it is missing: object (n,)."""
    from automed.evaluate.predictions import parquet

    named = read_json(run.data).get("sensitive") or ()
    table = parquet(run.splits).set_index("record")
    try:
        rows = table.loc[own.test.record]
    except KeyError as problem:
        raise RunError("lacks a test record of the predictions", where=str(run.splits)) from problem
    found = [name for name in named if name in rows]
    return {name: rows[name].astype(object).where(rows[name].notna(), None).to_numpy(object) for name in found}


def features_of(finalist: Finalist, own: Any) -> Any:
    """The network's features of the test records: float32 (n, width); None where they were not kept.

    Raises:
        RunError: the file is damaged, or is of other records.
    """
    import zipfile

    import numpy as np

    if not finalist.features.is_file():
        return None
    try:
        with np.load(finalist.features, allow_pickle=False) as kept:
            record, split, values = kept["record"], kept["split"], kept["features"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as problem:
        raise RunError("is damaged", where=str(finalist.features)) from problem
    test = split == "test"
    if not np.array_equal(record[test], own.test.record):
        raise RunError("is of other test records than the predictions", where=str(finalist.features))
    return values[test].astype(np.float32)


def _audited(
    own: Any,
    finalist: Finalist,
    attributes: Mapping[str, Any],
    recipe: Recipe,
    listen: Listen,
    features: Any = None,
) -> dict[str, Any]:
    from automed.audit import stage
    from automed.audit.subject import Subject
    from automed.evaluate.questions import questions

    sample = own.sample()
    marginal = own.fitted.sets.get("marginal")
    sets = None if marginal is None else marginal.apply(sample.probabilities)
    subject = Subject(
        sample,
        own.test.patient,
        tuple(questions(sample, own.task.urgent)),
        attributes,
        sets,
        features_of(finalist, own) if features is None else features,
    )
    return stage.audit(subject, recipe.audit, seed=own.task.seed, tell=_teller(listen))


def _teller(listen: Listen) -> Any:
    return lambda what, done, total: listen(Progress(what, done, total))
