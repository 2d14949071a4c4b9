"""Jobs at the end: baselines fitted and predicted, finalists made into models and predicted once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

import automed.search
from automed.data.dataset import Dataset, label_columns
from automed.evaluate.decide import Rule, decide, selection_score
from automed.recipe import Recipe
from automed.recipe.load import digest
from automed.run import Run, disk_errors, now, write_atomically
from automed.runtime import seed_everything, versions
from automed.search.baselines.material import Material
from automed.search.messages import BaselineJob, FinishJob

JUDGED = ("validation", "test")
EXAMPLES_EACH = 6  # pictures of each sort in a report


def baseline(job: BaselineJob, recipe: Recipe, run: Run, data: Dataset) -> dict[str, Any]:
    """Fit a baseline on train and keep its predictions for validation and test; no Keras here."""
    started = time.monotonic()
    fit = automed.search.BASELINES.load(job.name)
    train = data.part("train")
    arrays, facts = dict(data.arrays), data.facts["inputs"]
    material = Material(
        arrays, facts, data.position[train], data.y[train], len(data.classes), data.task, data.patient[train]
    )
    predictor = fit(material, seed=recipe.search.seed, seconds=job.seconds)
    parts = {split: data.part(split) for split in JUDGED}
    probabilities = {split: predictor(arrays, data.position[index]) for split, index in parts.items()}
    _write_predictions(run.baseline(job.name), data, parts, probabilities)
    validation = parts["validation"]
    score = selection_score(data.task, data.y[validation], probabilities["validation"])
    return {"name": job.name, "validation": {"macro_f1": score}, "seconds": round(time.monotonic() - started, 2)}


def finish(job: FinishJob, recipe: Recipe, run: Run, data: Dataset) -> dict[str, Any]:
    """Make model.keras of one finalist, load it back as a stranger would, and predict validation and test with it."""
    import keras

    from automed.models.assembly import assemble
    from automed.models.card import load, save
    from automed.models.space import FixedSpace
    from automed.search.checkpoint import load_best
    from automed.search.predict import predict
    from automed.search.trial import input_facts

    finalist = run.finalist(job.rank, job.architecture)
    keras.backend.clear_session()
    seed_everything(recipe.search.seed)
    # The weights were kept in float32 whatever the policy; the model that is shared computes in float32 everywhere.
    keras.config.set_dtype_policy("float32")
    assembled = assemble(recipe, FixedSpace(job.choices), input_facts(data), data.classes)
    load_best(job.folder, assembled.model.variables)
    with disk_errors(finalist.folder):
        finalist.folder.mkdir(parents=True, exist_ok=True)
    parts = {split: data.part(split) for split in JUDGED}
    validation = parts["validation"]
    # Thresholds belong into the file, so they are fitted before it is written, with the model that goes into it.
    rule = decide(data.task, data.y[validation], predict(assembled.model, data, validation), classes=data.classes)
    save(assembled.model, finalist.model, _card(job, recipe, data, rule))
    model, _ = load(finalist.model)
    probabilities = {split: predict(model, data, index) for split, index in parts.items()}
    _write_predictions(finalist.predictions, data, parts, probabilities)
    _write_examples(finalist.examples, data, parts["test"], probabilities["test"], rule)
    score = selection_score(data.task, data.y[validation], probabilities["validation"])
    return {"rank": job.rank, "validation": score, "parameters": int(model.count_params())}


def _card(job: FinishJob, recipe: Recipe, data: Dataset, rule: Rule) -> dict[str, Any]:
    """What a model must carry to be used and explained away from its run."""
    return {
        "automed": versions()["automed"],
        "made": now(),
        "recipe": {"name": recipe.name, "title": recipe.title, "digest": digest(recipe)},
        "intended_use": recipe.intended_use,
        "out_of_scope": recipe.out_of_scope,
        "phantom": data.facts["phantom"],
        "task": data.task,
        "classes": data.facts["classes"],
        "inputs": {
            name: {**spec.model_dump(mode="json"), **_without_cache(data.facts["inputs"][name])}
            for name, spec in recipe.inputs.items()
        },
        "preprocessing": "inside the model: arrays as `inputs` says in, probabilities out",
        "architecture": job.architecture,
        "choices": job.choices,
        "trial": job.number,
        "data_fingerprint": data.facts["fingerprint"],
        # Of each label, fitted on validation; None where the largest probability decides. Not calibrated yet.
        "threshold": None if rule.thresholds is None else list(rule.thresholds),
        "temperature": None,
    }


def _without_cache(entry: dict[str, Any]) -> dict[str, Any]:
    """The facts of an input; where its array lies on this machine is nobody else's business."""
    return {key: value for key, value in entry.items() if key not in ("cache", "regions")}


def _write_predictions(
    path: Path,
    data: Dataset,
    parts: dict[str, npt.NDArray[np.int64]],
    probabilities: dict[str, npt.NDArray[np.float32]],
) -> None:
    index = np.concatenate(list(parts.values()))
    table = {"record": data.record[index], "split": data.split[index], **label_columns(data.y[index])}
    stacked = np.concatenate([probabilities[split] for split in parts])
    table.update({f"p_{k}": stacked[:, k].astype(np.float32) for k in range(stacked.shape[1])})
    frame = pd.DataFrame(table)

    def write(file: Path) -> None:
        frame.to_parquet(file, index=False)

    write_atomically(path, write)


def _write_examples(
    path: Path, data: Dataset, test: npt.NDArray[np.int64], probabilities: npt.NDArray[np.float32], rule: Rule
) -> None:
    """Keep the cases that a report shows: confidently wrong, least certain, and right (one or more a class)."""
    y, predicted = data.y[test], rule(probabilities)
    if y.ndim == 1:
        confidence, matches, bears = probabilities.max(1), predicted == y, data.targets(test) == 1
    else:
        # A record is as certain as its least certain label.
        confidence = np.abs(probabilities - np.array(rule.thresholds)).min(axis=1)
        matches, bears = (predicted == y).all(axis=1), y == 1
    wrong, right = np.flatnonzero(~matches), np.flatnonzero(matches)
    chosen: dict[int, str] = {}
    for place in wrong[np.argsort(-confidence[wrong], kind="stable")][:EXAMPLES_EACH]:
        chosen[int(place)] = "wrong, confident"
    for place in np.argsort(confidence, kind="stable")[:EXAMPLES_EACH]:
        chosen.setdefault(int(place), "least certain")
    per_class = max(1, EXAMPLES_EACH // len(data.classes))
    for k in range(len(data.classes)):
        of_class = right[bears[right, k]]
        # The middle of the confident ones: neither the easiest nor the luckiest.
        ordered = of_class[np.argsort(confidence[of_class], kind="stable")]
        middle = len(ordered) // 2
        for place in ordered[middle : middle + per_class]:
            chosen.setdefault(int(place), "right")
    places = np.array(list(chosen), np.int64)
    arrays: dict[str, Any] = {
        "record": data.record[test[places]],
        "label": y[places],
        "predicted": predicted[places],
        "probabilities": probabilities[places],
        "reason": np.array([chosen[int(p)] for p in places], dtype=np.str_),
    }
    for name in data.arrays:
        arrays[f"input_{name}"] = data.take(name, test[places])

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    write_atomically(path, write)
