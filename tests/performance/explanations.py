"""Explanations as the documentation of SHAP and LIME shows them, and ours, side by side in one process.

    .venv/bin/python tests/performance/explanations.py              # some minutes
    .venv/bin/python tests/performance/explanations.py --quick      # under a minute

Both sides explain the same records of the same models with the same players, the same stand-ins and as many
evaluations. `plain` calls the library once a record and lets it ask `model.predict`, as the documentation does; `ours`
asks the model in full batches, for all records at once. Each side is run once before it is timed. Printed are seconds
a record, their ratio, and the correlation of the values.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np

from automed.explain import lime
from automed.explain.copies import differentiable
from automed.explain.players.record import Players, ask_many, divide
from automed.explain.shap import coalitions, expected_gradients
from automed.explain.shap.library import seeded, shap
from automed.explain.subject import InputSpec, Subject
from automed.recipe.explain import Explain

SEED = 0


@dataclass
class Case:
    """A model with records to explain."""

    subject: Subject
    records: dict[str, Any]
    background: dict[str, Any]
    classes: Any
    parts: int


def fitted(model: Any, x: Any, y: Any) -> Any:
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=5, batch_size=32, verbose=0)
    return model


def case(model: Any, spec: InputSpec, x: Any, y: Any, count: int, parts: int) -> Case:
    """Fit the model and take `count` records; the next 32 are the background."""
    subject = Subject(fitted(model, x, y), (spec,), ("a", "b", "c"))
    records, background = {spec.name: x[:count]}, {spec.name: x[count : count + 32]}
    return Case(subject, records, background, subject.predict(records).argmax(axis=1), parts)


def images(count: int) -> Case:
    """28 x 28 pixels; the class is where the bright bar is."""
    random = np.random.default_rng(SEED)
    y = random.integers(0, 3, 400)
    x = random.integers(60, 140, (400, 28, 28, 1)).astype(np.uint8)
    for k in range(3):
        x[y == k, 8 * k + 3 : 8 * k + 8, 6:22] += 90
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), dtype="uint8", name="image"),
            keras.layers.Rescaling(1 / 127.5, offset=-1.0),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    return case(model, InputSpec("image", "image", (28, 28, 1), "uint8", {}), x, y, count, 30)


def texts(count: int) -> Case:
    """60 tokens of 200 words; the class is which of three words is more frequent."""
    random = np.random.default_rng(SEED)
    y = random.integers(0, 3, 400)
    x = random.integers(10, 200, (400, 60)).astype(np.int32)
    for row, k in enumerate(y):
        x[row, random.choice(60, 6, replace=False)] = 2 + k
    model = keras.Sequential(
        [
            keras.Input((60,), dtype="int32", name="text"),
            keras.layers.Embedding(200, 16),
            keras.layers.Conv1D(32, 3, activation="relu"),
            keras.layers.GlobalMaxPooling1D(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    facts = {"vocabulary": ["", "[unknown]", *(f"word{k}" for k in range(2, 200))]}
    return case(model, InputSpec("text", "text", (60,), "int32", facts), x, y, count, 40)


def tables(count: int) -> Case:
    """20 numbers, of which six count."""
    random = np.random.default_rng(SEED)
    x = random.normal(size=(400, 20)).astype(np.float32)
    y = np.digitize(x[:, 0] + x[:, 1] * x[:, 2] + x[:, 3] - x[:, 4] * x[:, 5], (-0.7, 0.7))
    model = keras.Sequential(
        [
            keras.Input((20,), name="table"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    features = [{"name": f"column {k}", "kind": "number", "mean": 0.0, "std": 1.0} for k in range(20)]
    return case(model, InputSpec("table", "tabular", (20,), "float32", {"features": features}), x, y, count, 40)


def asking(given: Case, game: Players) -> Callable[[Any], Any]:
    """The function that plain SHAP is given: coalitions to probabilities, through model.predict."""

    def ask(rows: Any) -> Any:
        shown = np.asarray(rows) > 0.5
        made = [given.subject.as_input(game.compose(shown, each)) for each in range(game.references)]
        answers = given.subject.model.predict(np.concatenate(made), verbose=0)  # one call, as with a background matrix
        return answers.reshape(game.references, len(shown), -1).mean(axis=0)

    return ask


def games(given: Case) -> list[Players]:
    count = len(given.classes)
    return [divide(given.subject, given.records, i, given.background, given.parts, SEED) for i in range(count)]


def plain_players(given: Case, samples: int, explainer: str) -> list[Any]:
    """Values of players, record after record; every class, as SHAP does when the model has several outputs."""
    found = []
    for game, wanted in zip(games(given), given.classes, strict=True):
        p, ask = len(game), asking(given, game)
        everyone, nobody = np.ones((1, p)), np.zeros((1, p))
        if explainer == "kernel":
            kernel = shap.KernelExplainer(ask, nobody)
            with seeded(SEED):
                values = kernel.shap_values(everyone, nsamples=samples, l1_reg=False, silent=True)
        else:
            masker = shap.maskers.Independent(nobody)
            values = shap.PermutationExplainer(ask, masker, seed=SEED)(everyone, max_evals=samples, silent=True).values
        found.append(np.asarray(values)[0][:, wanted])
    return found


def our_players(given: Case, samples: int, explainer: str) -> list[Any]:
    found = coalitions.shapley(games(given), given.classes, explainer, samples, SEED)
    return [shares.values for shares in found]


def plain_gradients(given: Case, samples: int) -> list[Any]:
    """shap.GradientExplainer on the model with float input, asked for the top class only."""
    name = given.subject.names[0]
    model = differentiable(given.subject).model
    explainer = shap.GradientExplainer(model, [given.background[name].astype(np.float32)])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The structure of `inputs`")
        values, _ = explainer.shap_values(
            given.records[name].astype(np.float32), nsamples=samples, ranked_outputs=1, rseed=SEED
        )
    return [np.asarray(each)[..., 0].sum(axis=-1).ravel() for each in values]


def our_gradients(given: Case, samples: int) -> list[Any]:
    """Expected gradients with as many samples for every record, whether or not fewer would do."""
    kept = expected_gradients.RELIABLE
    expected_gradients.RELIABLE = 2.0
    try:
        found = expected_gradients.explain(
            given.subject, given.records, given.background, given.classes, Explain(samples=samples), SEED
        )
    finally:
        expected_gradients.RELIABLE = kept
    return [each.ravel() for each in found.values[given.subject.names[0]]]


def plain_pixels(given: Case, samples: int) -> list[Any]:
    """SHAP's own way with images: a tree of pixels, hidden ones painted over. Its players are not ours."""
    masker = shap.maskers.Image("inpaint_telea", given.subject.inputs[0].shape)
    explainer = shap.Explainer(lambda x: given.subject.model.predict(x, verbose=0), masker)
    found = explainer(given.records["image"], max_evals=samples, silent=True, outputs=shap.Explanation.argsort.flip[:1])
    return list(found.values)


def plain_lime(given: Case, samples: int) -> list[Any]:
    """LimeImageExplainer with its own batches of 10 through model.predict; hidden superpixels have their own mean."""
    from lime.lime_image import LimeImageExplainer

    found = []
    for game, wanted, record in zip(games(given), given.classes, given.records["image"], strict=True):
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            explained = LimeImageExplainer(random_state=SEED).explain_instance(
                np.repeat(record, 3, axis=2),
                lambda x: given.subject.model.predict(np.asarray(x)[..., :1], verbose=0),
                labels=(int(wanted),),
                top_labels=None,
                num_samples=samples,
                num_features=len(game),
                segmentation_fn=lambda _, part=game.parts["image"]: part,
                random_seed=SEED,
            )
        slopes = dict(explained.local_exp[int(wanted)])
        found.append(np.array([slopes.get(k, 0.0) for k in range(len(game))]))
    return found


def our_lime(given: Case, samples: int) -> list[Any]:
    """Our local models for one seed instead of several, and with lime's stand-ins, so that both do the same."""
    filled = []
    for game in games(given):
        part, record = game.parts["image"], game.record["image"]
        mean = np.zeros_like(record)
        for player in range(len(game)):
            mean[part == player] = record[part == player].mean(axis=0)
        filled.append(dataclasses.replace(game, stand_ins={"image": mean[None]}))
    drawn = [lime.coalitions(len(game), samples, SEED) for game in filled]
    answers = ask_many(list(zip(filled, drawn, strict=True)))
    return [
        lime.fit(shown, answer[:, wanted].astype(np.float64), table=False, seed=SEED).slopes
        for shown, answer, wanted in zip(drawn, answers, given.classes, strict=True)
    ]


Way = Callable[[Case, int], list[Any]]  # a case and evaluations a record, to values of each record


def timed(way: Way, given: Case, samples: int) -> tuple[float, list[Any]]:
    """Seconds a record, once everything is compiled for one of them."""
    first = dataclasses.replace(
        given, records={name: x[:1] for name, x in given.records.items()}, classes=given.classes[:1]
    )
    way(first, samples)
    started = time.perf_counter()
    found = way(given, samples)
    return (time.perf_counter() - started) / len(found), found


def compare(name: str, given: Case, samples: int, plain: Way, ours: Way, *, same: bool = True) -> None:
    """Print one line of the table; no correlation where the two do not share their players."""
    before, theirs = timed(plain, given, samples)
    after, own = timed(ours, given, samples)
    correlation = f"{np.corrcoef(np.concatenate(theirs), np.concatenate(own))[0, 1]:.3f}" if same else "-"
    print(f"{name:<44}{before:>9.3f}{after:>9.3f}{before / after:>8.1f}{correlation:>9}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--records", type=int, default=8)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--quick", action="store_true", help="2 records, 100 samples")
    chosen = parser.parse_args()
    count, samples = (2, 100) if chosen.quick else (chosen.records, chosen.samples)
    keras.utils.set_random_seed(SEED)
    print(f"{count} records, {samples} evaluations a record; seconds a record")
    print(f"{'':<44}{'plain':>9}{'ours':>9}{'ratio':>8}{'corr.':>9}")
    for what, make in (("image", images), ("text", texts), ("table", tables)):
        given = make(count)
        for explainer in ("permutation", "kernel"):
            plain, ours = partial(plain_players, explainer=explainer), partial(our_players, explainer=explainer)
            compare(f"{what}, shap {explainer}", given, samples, plain, ours)
        if what == "image":
            compare("image, shap expected gradients", given, samples, plain_gradients, our_gradients)
            permutation = partial(our_players, explainer="permutation")
            compare("image, shap on pixels (other players)", given, samples, plain_pixels, permutation, same=False)
            compare("image, lime", given, samples, plain_lime, our_lime)


if __name__ == "__main__":
    main()
