"""AutoKeras by its defaults: its task for one input, its blocks joined for several or for signals.

It knows no time budget and stops between candidates at best; here it is stopped wherever it is, and the best epoch so
far by its own objective answers.
"""

from __future__ import annotations

from typing import Any

import kit

MANY = 1000  # candidates: the time ends it


def fit(given: kit.Given) -> kit.Answer:
    """Search until the time is over; the best weights of all candidates answer."""
    import autokeras
    import keras
    import watch

    keras.utils.set_random_seed(given.seed)
    ready = kit.ready(given)
    x = {split: arrays(given, ready, split) for split in kit.SPLITS}
    y = {split: targets(given, values) for split, values in given.y.items()}
    model = searcher(autokeras, given, ready)

    def running() -> tuple[str, dict[str, Any]]:
        trial = next(iter(model.tuner.oracle.ongoing_trials.values()))
        return str(trial.trial_id), dict(trial.hyperparameters.values)

    best = watch.Watch("val_loss", largest=False, what=running)
    with best.limit(given.seconds):
        try:
            model.fit(
                single(x["train"]),
                y["train"],
                validation_data=(single(x["validation"]), y["validation"]),
                callbacks=[best],
                verbose=0,
            )
        except RuntimeError:
            if best.best is None:
                raise
    network = best.chosen()
    number, values = best.best.what if best.best else running()
    from autokeras import pipeline as pipelines

    pipeline = pipelines.load_pipeline(model.tuner._pipeline_path(number))
    said = []
    for split in ("validation", "test"):
        read = pipeline.transform_x(model._adapt(single(x[split]), model.inputs))
        said.append(watch.answers(network, read, len(given.classes)))
    return kit.Answer(
        *said,
        chosen=f"{best.says}: {values}",
        trials=best.begun,
        versions=kit.versions("autokeras", "keras", "tensorflow"),
    )


def searcher(autokeras: Any, given: kit.Given, ready: kit.Ready) -> Any:
    """Its task where there is one for the only input, else its blocks."""
    options: dict[str, Any] = {
        "max_trials": given.trials or MANY,
        "directory": str(given.folder),
        "project_name": "autokeras",
        "overwrite": True,
        "seed": given.seed + 1,  # its seed 0 means one by chance
    }
    kinds = list(ready.kinds.values())
    if kinds == ["image"]:
        return autokeras.ImageClassifier(multi_label=given.several, **options)
    if kinds == ["text"]:
        return autokeras.TextClassifier(multi_label=given.several, **options)
    if kinds == ["tabular"]:
        named = columns(ready, next(iter(ready.kinds)))
        return autokeras.StructuredDataClassifier(multi_label=given.several, **named, **options)
    inputs, ends = [], []
    for name, kind in ready.kinds.items():
        if kind == "image":
            entry = autokeras.ImageInput()
            end = autokeras.ImageBlock()(entry)
        elif kind in ("signal", "sequence"):
            entry = autokeras.Input()
            end = autokeras.DenseBlock()(autokeras.SpatialReduction()(autokeras.ConvBlock()(entry)))
        elif kind == "tabular":
            entry = autokeras.StructuredDataInput(**columns(ready, name))
            end = autokeras.StructuredDataBlock()(entry)
        else:
            entry = autokeras.TextInput()
            end = autokeras.TextBlock()(entry)
        inputs.append(entry)
        ends.append(end)
    end = ends[0] if len(ends) == 1 else autokeras.Merge()(ends)
    head = autokeras.ClassificationHead(multi_label=given.several)(end)
    return autokeras.AutoModel(inputs=inputs, outputs=head, **options)


def columns(ready: kit.Ready, name: str) -> dict[str, Any]:
    """Columns are numbers by now, and categories one column a level."""
    names = [f"column_{place}" for place in range(ready.x["train"][name].shape[1])]
    return {"column_names": names, "column_types": dict.fromkeys(names, "numerical")}


def arrays(given: kit.Given, ready: kit.Ready, split: str) -> list[Any]:
    """Every input as AutoKeras reads it: texts as words with spaces between them, sequences one-hot.

    It has no task for sequences. As texts, which keep 100 words of 500, its candidates learnt nothing from DNA.
    """
    import numpy as np

    found = []
    for name, kind in ready.kinds.items():
        values = ready.x[split][name]
        if kind == "text":
            values = written(given, name, values)
        elif kind == "sequence":
            values = np.eye(ready.words[name], dtype="float32")[values]
        found.append(values)
    return found


def written(given: kit.Given, name: str, ids: Any) -> Any:
    """Token ids (n, length) as strings (n,), padding left out."""
    import numpy as np

    entry = given.facts[name]
    words = [str(word).replace(" ", "") or "_" for word in entry.get("vocabulary") or entry.get("alphabet") or ()]
    words += [f"word{place}" for place in range(len(words), int(ids.max(initial=0)) + 1)]
    return np.array([" ".join(words[place] for place in row if place) for row in ids.tolist()], dtype=str)


def targets(given: kit.Given, y: Any) -> Any:
    """0 and 1 in a column for two classes; else one column a class, so that none is lost."""
    import numpy as np

    if given.several:
        return y.astype("float32")
    if len(given.classes) == 2:
        return y[:, None]
    return np.eye(len(given.classes), dtype="float32")[y]


def single(x: list[Any]) -> Any:
    """One array where there is one, else all."""
    return x[0] if len(x) == 1 else x


if __name__ == "__main__":
    kit.run(fit, reads=kit.EVERY, needs=("autokeras", "keras", "tensorflow"))
