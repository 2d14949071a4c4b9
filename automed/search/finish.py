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
from automed.evaluate import fitted, readout
from automed.evaluate.decide import selection_score
from automed.evaluate.fitted import Fitted
from automed.evaluate.readout import Readout
from automed.evaluate.sample import collect
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
    reading = _readout(recipe, data, probabilities["validation"])
    _write_predictions(run.baseline(job.name), data, parts, probabilities, reading)
    validation = parts["validation"]
    score = selection_score(data.task, data.y[validation], probabilities["validation"])
    return {
        "name": job.name,
        "validation": {"macro_f1": score},
        "seconds": round(time.monotonic() - started, 2),
        **reading.as_json(),
    }


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
    # Calibration and thresholds belong into the file, so they are fitted before it is written, with the model in it.
    raw = predict(assembled.model, data, validation)
    reading = _readout(recipe, data, raw)
    save(assembled.model, finalist.model, _card(job, recipe, data, raw, reading))
    model, _ = load(finalist.model)
    probabilities = {split: predict(model, data, index) for split, index in parts.items()}
    _write_predictions(finalist.predictions, data, parts, probabilities, reading)
    _write_features(finalist.features, model, data, parts)
    _write_examples(finalist.examples, data, parts["test"], probabilities["test"], reading)
    score = selection_score(data.task, data.y[validation], probabilities["validation"])
    return {"rank": job.rank, "validation": score, "parameters": int(model.count_params())}


def _readout(recipe: Recipe, data: Dataset, raw: npt.NDArray[np.float32]) -> Readout:
    """What the probabilities of the validation records come to."""
    validation = data.part("validation")
    return readout.fit(
        recipe.evaluate,
        data.task,
        data.y[validation],
        raw,
        data.patient[validation],
        classes=data.classes,
        positive=data.positive,
        seed=recipe.search.seed,
    )


def _card(
    job: FinishJob, recipe: Recipe, data: Dataset, raw: npt.NDArray[np.float32], reading: Readout
) -> dict[str, Any]:
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
        # Fitted on validation: what makes the network's probabilities those of natural prevalence, and decisions.
        **reading.as_json(),
        **_fitted(recipe, data, raw, reading).as_json(),
    }


def _fitted(recipe: Recipe, data: Dataset, raw: npt.NDArray[np.float32], reading: Readout) -> Fitted:
    """Operating points, prediction sets and abstaining, from what the network says of the validation records."""
    validation = data.part("validation")
    sample = collect(
        data.y[validation],
        reading.probabilities(raw),
        predicted=reading(raw),
        positive=data.positive,
        classes=data.classes,
        task=data.task,
    )
    return fitted.fit(recipe.evaluate, sample, data.urgent)


def _without_cache(entry: dict[str, Any]) -> dict[str, Any]:
    """The facts of an input; where its array lies on this machine is nobody else's business."""
    return {key: value for key, value in entry.items() if key not in ("cache", "regions")}


def _write_predictions(
    path: Path,
    data: Dataset,
    parts: dict[str, npt.NDArray[np.int64]],
    probabilities: dict[str, npt.NDArray[np.float32]],
    reading: Readout,
) -> None:
    index = np.concatenate(list(parts.values()))
    raw = np.concatenate([probabilities[split] for split in parts])
    calibrated, decided = reading.probabilities(raw), reading(raw)
    table = {"record": data.record[index], "split": data.split[index], **label_columns(data.y[index])}
    table.update({f"p_{k}": raw[:, k].astype(np.float32) for k in range(raw.shape[1])})
    table.update({f"calibrated_{k}": calibrated[:, k] for k in range(raw.shape[1])})
    columns = decided[:, None] if decided.ndim == 1 else decided
    names = ["decided"] if decided.ndim == 1 else [f"decided_{k}" for k in range(decided.shape[1])]
    table.update(dict(zip(names, columns.T, strict=True)))
    frame = pd.DataFrame(table)

    def write(file: Path) -> None:
        frame.to_parquet(file, index=False)

    write_atomically(path, write)


def _write_features(path: Path, model: Any, data: Dataset, parts: dict[str, npt.NDArray[np.int64]]) -> None:
    """Keep what the network makes of each validation and test record before it decides, for the audit."""
    from automed.search.predict import features

    index = np.concatenate(list(parts.values()))
    found = features(model, data, index)
    if found is None:
        return
    values = found.astype(np.float16)

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            np.savez_compressed(stream, record=data.record[index], split=data.split[index].astype(str), features=values)

    write_atomically(path, write)


def _write_examples(
    path: Path, data: Dataset, test: npt.NDArray[np.int64], raw: npt.NDArray[np.float32], reading: Readout
) -> None:
    """Keep the cases that a report shows: confidently wrong, least certain, and right (one or more a class)."""
    y, predicted, probabilities = data.y[test], reading(raw), reading.probabilities(raw).astype(np.float32)
    if y.ndim == 1:
        confidence, matches, bears = probabilities.max(1), predicted == y, data.targets(test) == 1
    else:
        # A record is as certain as its least certain label.
        confidence = np.abs(probabilities - np.array(reading.rule.thresholds)).min(axis=1)
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
