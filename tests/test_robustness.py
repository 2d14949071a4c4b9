"""The test under corruptions: small networks made by hand, of which it is known what each corruption does to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from automed.data.corruptions import CORRUPTIONS
from automed.data.dataset import Dataset
from automed.errors import DataError, RunError
from automed.evaluate.intervals import Estimate
from automed.events import Event, Progress
from automed.search.costs import finding

SIDE = 12


def picture(name: str = "scan") -> dict[str, Any]:
    return {name: {"kind": "image", "mean": [110.0], "std": [30.0]}}


def dataset(
    arrays: dict[str, np.ndarray],
    y: np.ndarray,
    inputs: dict[str, Any],
    task: str = "multiclass",
    test: int | None = None,
) -> Dataset:
    """Records of which the first are for validation and the last `test` for the test; two of each patient."""
    n = len(y)
    number = np.arange(n)
    split = np.full(n, "validation", object)
    split[n - (n - 10 if test is None else test) :] = "test"
    count = y.shape[1] if y.ndim == 2 else int(y.max()) + 1
    facts = {"task": task, "inputs": inputs}
    classes = tuple("abcdef"[:count])
    return Dataset(arrays, number, y, number, number // 2, split, classes, facts, pd.DataFrame())


def lamps(n: int = 130, seed: int = 0) -> Dataset:
    """Pictures that are dark (90) or bright (120), which is their class; those of the last tenth are the other way."""
    random = np.random.default_rng(seed)
    y = np.tile([0, 1], n)[:n]
    shown = np.where(random.random(n) < 0.1, 1 - y, y)
    x = random.normal(np.where(shown, 120, 90)[:, None, None, None], 5, (n, SIDE, SIDE, 1))
    return dataset({"scan": x.clip(0, 255).astype(np.uint8)}, y.astype(np.int64), picture())


def light_meter(threshold: float = 105.0) -> Any:
    """Class 1 where the mean of the pixels is above a threshold."""
    import keras

    raw = keras.Input((SIDE, SIDE, 1), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0, dtype="float32")(raw))
    layer = keras.layers.Dense(2, activation="softmax")
    model = keras.Model(raw, layer(mean))
    layer.set_weights([np.array([[-0.2, 0.2]]), np.array([0.2 * threshold, -0.2 * threshold])])
    return model


def plain(raw: np.ndarray) -> np.ndarray:
    return raw


def likeliest(raw: np.ndarray) -> np.ndarray:
    return raw.argmax(axis=1)


def stressed(model: Any, data: Dataset, decide: Callable[[np.ndarray], np.ndarray] = likeliest, **how: Any) -> Any:
    from automed.search.robustness import stress

    return stress(model, data, plain, decide, **{"resamples": 200, **how})


def of(document: dict[str, Any], corruption: str, name: str = "scan") -> dict[str, Any]:
    return next(each for each in document["inputs"][name]["corruptions"] if each["name"] == corruption)


# ---- what is found ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_network_that_measures_light_is_hurt_by_light_alone() -> None:
    """Loss of contrast and blur keep the mean: nothing changes. Overexposure by .3 makes every picture bright."""
    data = lamps()
    document = stressed(light_meter(), data)
    test = data.part("test")
    for name in ("contrast", "gaussian_blur"):
        found = of(document, name)
        assert found["relative"]["value"] == pytest.approx(1) and found["relative"]["ci95"] == pytest.approx([1, 1])
        for row in found["severities"]:
            assert row["difference"]["macro_f1"]["value"] == 0 and row["difference"]["macro_f1"]["ci95"] == [0, 0]
    worst = of(document, "brightness")["severities"][-1]
    everything = np.ones(len(test), int)
    assert worst["accuracy"]["value"] == pytest.approx(accuracy_score(data.y[test], everything))
    assert worst["macro_f1"]["value"] == pytest.approx(f1_score(data.y[test], everything, average="macro"))
    clean = document["clean"]["macro_f1"]
    difference = worst["difference"]["macro_f1"]
    assert difference["value"] == pytest.approx(worst["macro_f1"]["value"] - clean["value"])
    assert difference["ci95"][1] < 0 < clean["ci95"][0] < clean["value"] < clean["ci95"][1]
    assert " costs ." in of(document, "brightness")["finding"]


@pytest.mark.slow
def test_figures_are_those_of_the_corrupted_arrays() -> None:
    """Each is what scikit-learn says of the model's answers to what the corruption made of the same records."""
    data, model = lamps(), light_meter()
    document = stressed(model, data, severities=(2, 4))
    test = data.part("test")
    x, y = data.take("scan", test), data.y[test]
    # The noise of the records is drawn anew here, so figures agree as far as the mean of 144 pixels is steady.
    for row in of(document, "gaussian_noise")["severities"]:
        noisy = CORRUPTIONS["image"].load("gaussian_noise")(x, {}, row["severity"], np.random.default_rng(1))
        decided = model.predict(noisy, verbose=0).argmax(axis=1)
        assert row["accuracy"]["value"] == pytest.approx(accuracy_score(y, decided), abs=0.05)
    for row in of(document, "jpeg")["severities"]:
        compressed = CORRUPTIONS["image"].load("jpeg")(x, {}, row["severity"], np.random.default_rng(1))
        decided = model.predict(compressed, verbose=0).argmax(axis=1)
        assert row["accuracy"]["value"] == pytest.approx(accuracy_score(y, decided))
        assert row["macro_f1"]["value"] == pytest.approx(f1_score(y, decided, average="macro"))
        assert row["amount"] == {2: 65, 4: 50}[row["severity"]]


@pytest.mark.slow
def test_the_document_says_what_was_done() -> None:
    """Which records, which corruptions, why some were left out, how intervals were made; JSON without NaN."""
    heard: list[Event] = []
    data = lamps()
    document = stressed(light_meter(), data, listen=heard.append)
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert (document["n"], document["of"], document["patients"], document["drawn"]) == (120, 120, 60, None)
    assert document["severities"] == [1, 3, 5] and document["interval"]["resamples"] == 200
    scan = document["inputs"]["scan"]
    told = [each["name"] for each in (*scan["corruptions"], *scan["left_out"])]
    assert sorted(told) == sorted(CORRUPTIONS["image"])
    assert [(each["name"], each["reason"]) for each in scan["left_out"]] == [
        ("colour_shift", "colours need 3 channels, the images have 1")
    ]
    for each in scan["corruptions"]:
        assert each["summary"] and each["unit"] and each["finding"].endswith(".")
        assert [row["severity"] for row in each["severities"]] == [1, 3, 5]
    assert heard and all(isinstance(event, Progress) and event.done <= event.total for event in heard)


@pytest.mark.slow
def test_the_seed_fixes_everything() -> None:
    """Two looks with one seed are the same but for the seconds; another seed draws other noise."""
    data, model = lamps(), light_meter(93.0)
    first, again, other = (stressed(model, data, seed=seed, severities=(3,)) for seed in (3, 3, 4))
    for document in (first, again, other):
        document.pop("seconds")
    assert first == again and first["inputs"] != other["inputs"]


@pytest.mark.slow
def test_of_many_records_each_class_gives_its_share() -> None:
    """So many as asked for, without one twice; the document says how many there are."""
    from automed.search.robustness import _draw

    y = np.repeat([0, 1, 2], [700, 250, 50])
    chosen = _draw(y, 100, 0)
    assert len(np.unique(chosen)) == 100 and (np.abs(np.bincount(y[chosen]) - [70, 25, 5]) <= 1).all()
    labels = np.stack([y > 0, y > 1], axis=1).astype(np.int64)
    drawn = labels[_draw(labels, 100, 0)]
    assert (np.abs(drawn.sum(axis=0) - [30, 5]) <= 1).all()
    np.testing.assert_array_equal(_draw(y, 1000, 0), np.arange(1000))
    document = stressed(light_meter(), lamps(), most=60)
    assert (document["n"], document["of"]) == (60, 120)
    assert document["drawn"].startswith("60 of 120 test records")


# ---- other tasks and inputs ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_labels_are_decided_by_their_thresholds() -> None:
    """Of two labels, light at two thresholds: overexposed pictures bear both."""
    import keras

    random = np.random.default_rng(0)
    level = random.choice([60.0, 100.0, 140.0], 90)
    x = np.repeat(level, SIDE * SIDE).reshape(-1, SIDE, SIDE, 1).astype(np.uint8)
    y = np.stack([level > 80, level > 120], axis=1).astype(np.int64)
    data = dataset({"scan": x}, y, picture(), "multilabel")
    raw = keras.Input((SIDE, SIDE, 1), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0, dtype="float32")(raw))
    layer = keras.layers.Dense(2, activation="sigmoid")
    model = keras.Model(raw, layer(mean))
    layer.set_weights([np.array([[0.1, 0.1]]), np.array([-8.0, -12.0])])
    document = stressed(model, data, lambda answers: (answers >= 0.5).astype(np.int64))
    assert document["clean"]["macro_f1"]["value"] == 1 and document["clean"]["accuracy"]["value"] == 1
    test = data.part("test")
    worst = of(document, "brightness")["severities"][-1]  # by .3 of 255: 60, 100 and 140 become 137, 177 and 217
    expected = f1_score(y[test], np.ones((len(test), 2), int), average="macro")
    assert worst["macro_f1"]["value"] == pytest.approx(expected)


def lamp_and_note(n: int = 100) -> tuple[Dataset, Any]:
    """Two inputs of which the network reads the table alone; some records have no picture."""
    import keras

    random = np.random.default_rng(0)
    y = np.tile([0, 1], n // 2)
    x = random.integers(50, 200, (n, SIDE, SIDE, 1)).astype(np.uint8)
    x[::4] = 0
    table = np.stack([np.where(y, 2.0, -2.0) + random.normal(0, 0.5, n), random.normal(0, 1, n)], axis=1)
    facts = [{"name": name, "kind": "number", "mean": 0.0, "std": 4.0} for name in ("marker", "other")]
    inputs = {**picture(), "blood": {"kind": "tabular", "features": facts}}
    data = dataset({"scan": x, "blood": table.astype(np.float32)}, y.astype(np.int64), inputs)
    scan, blood = keras.Input((SIDE, SIDE, 1), dtype="uint8", name="scan"), keras.Input((2,), name="blood")
    filled = keras.ops.where(keras.ops.isnan(blood), 0.0, blood)
    nothing = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(0.0, dtype="float32")(scan))
    layer = keras.layers.Dense(2, activation="softmax")
    model = keras.Model({"scan": scan, "blood": blood}, layer(keras.layers.Concatenate()([filled, nothing])))
    layer.set_weights([np.array([[-1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]), np.zeros(2)])
    return data, model


@pytest.mark.slow
def test_one_input_is_corrupted_at_a_time() -> None:
    """What the network does not read costs nothing, whatever happens to it; what it reads does."""
    data, model = lamp_and_note()
    document = stressed(model, data)
    for each in document["inputs"]["scan"]["corruptions"]:
        assert all(row["difference"]["accuracy"]["value"] == 0 for row in each["severities"])
    assert document["inputs"]["scan"]["n"] == int((data.take("scan", data.part("test")) > 0).any(axis=(1, 2, 3)).sum())
    noisy = of(document, "noise", "blood")["severities"]
    assert noisy[-1]["difference"]["accuracy"]["value"] < -0.05
    assert [each["name"] for each in document["inputs"]["blood"]["left_out"]] == ["miscoding"]


# ---- what goes wrong ----------------------------------------------------------------------------------------------


def logarithm(offset: float) -> Any:
    """Answers that are no numbers where the mean of the pixels is above an offset."""
    import keras

    raw = keras.Input((SIDE, SIDE, 1), dtype="uint8")
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1.0, dtype="float32")(raw))
    return keras.Model(raw, keras.layers.Softmax()(keras.ops.log(offset - keras.layers.Concatenate()([mean, mean]))))


@pytest.mark.slow
def test_a_model_without_numbers_on_clean_records_is_refused() -> None:
    """With how many records, and none of their values."""
    with pytest.raises(RunError, match="answers to 120 of 120 records are no numbers"):
        stressed(logarithm(10.0), lamps())


@pytest.mark.slow
def test_a_model_that_breaks_under_a_corruption_is_said_to() -> None:
    """The others are judged; the broken one has no figure and a reason."""
    document = stressed(logarithm(150.0), lamps())
    broken = of(document, "brightness")
    assert "no numbers" in broken["finding"] and broken["relative"]["value"] is None
    row = broken["severities"][-1]
    assert row["macro_f1"]["value"] is None and "no numbers" in row["difference"]["macro_f1"]["reason"]
    assert of(document, "contrast")["relative"]["value"] is not None
    json.dumps(document, allow_nan=False)


@pytest.mark.slow
def test_without_test_records_nothing_can_be_corrupted() -> None:
    """It is the data's fault."""
    data = lamps()
    data.split[:] = "train"
    with pytest.raises(DataError, match="no test record"):
        stressed(light_meter(), data)


@pytest.mark.slow
def test_too_few_events_are_not_estimable() -> None:
    """Of a handful of records there is no figure, and a sentence says why."""
    document = stressed(light_meter(), lamps(18))
    assert document["clean"]["macro_f1"]["value"] is None and "not estimable" in document["clean"]["macro_f1"]["reason"]
    assert of(document, "jpeg")["finding"].startswith("What JPEG compression costs cannot be said (not estimable")
    assert of(document, "jpeg")["relative"]["value"] is None


# ---- sentences ----------------------------------------------------------------------------------------------------


def change(value: float, low: float, high: float) -> Estimate:
    return Estimate(value, (low, high), 100, 50)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {1: change(0, -0.1, 0.1), 3: change(-0.12, -0.18, -0.07), 5: change(-0.3, -0.4, -0.2)},
            "Blur at severity 3 costs .12 in macro-F1 (95 % interval .07 to .18).",
        ),
        (
            {1: change(0, 0, 0), 3: change(0.03, 0.01, 0.05), 5: change(0, 0, 0)},
            "Blur at severity 3 adds .03 to macro-F1 (95 % interval .01 to .05).",
        ),
        (
            {1: change(0, 0, 0), 3: change(-0.01, -0.04, 0.02), 5: change(-1.0, -1.0, -0.9)},
            "That blur at severity 3 costs macro-F1 could not be shown (.01, 95 % interval −.02 to .04); "
            "at severity 5 it costs 1.00 (95 % interval .90 to 1.00).",
        ),
        (
            {1: change(0, 0, 0), 3: change(0.004, -0.001, 0.02), 5: change(0, -0.1, 0.1)},
            "That blur at severity 3 costs macro-F1 could not be shown (.00, 95 % interval −.02 to .00).",
        ),
        (
            {3: Estimate(None, None, 4, 2, "not estimable: rests on 2 records, 5 are needed")},
            "What blur costs cannot be said (not estimable: rests on 2 records, 5 are needed).",
        ),
    ],
)
def test_a_sentence_says_what_was_lost(changes: dict[int, Estimate], sentence: str) -> None:
    """A loss is positive, and what could not be shown is not called none."""
    assert finding("blur", changes) == sentence
