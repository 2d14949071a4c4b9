"""The stage that explains a model: what it writes, what it survives, and when it looks at test records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pandas as pd
import pytest

from automed.data.dataset import Dataset
from automed.errors import DataError, RunError
from automed.evaluate.calibration.maps import read_map
from automed.evaluate.decide import MOST_PROBABLE, Rule
from automed.evaluate.readout import Readout
from automed.events import Event, Note, Progress
from automed.explain.subject import Arrays, InputSpec, Subject
from automed.recipe.explain import Explain
from automed.registry import Entry, Table
from automed.run import Finalist, read_json

pytestmark = pytest.mark.slow

keras = pytest.importorskip("keras")

from automed.explain import METHODS, stage  # noqa: E402

N = 120
WEIGHTS = np.array([3.0, -1.5, 0.0])  # of the second class; the third column does not count
MOST = Readout(read_map(None), Rule(None, MOST_PROBABLE))
QUICK = Explain(methods=("occlusion",), cases=6, samples=32, background=8, tested=8)
SECRET = "a value of a record"


def failing(*_: Any) -> Any:
    """A method that says more than it should when it fails."""
    raise ValueError(SECRET)


@pytest.fixture
def with_a_failing_method(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One more line in the table of methods."""
    lines = dict(METHODS.items()) | {"failing": Entry("test_explain_stage:failing", "fails")}
    monkeypatch.setattr(stage, "METHODS", Table("explanation method", lines))
    yield


@pytest.fixture(scope="module")
def data() -> Dataset:
    """Three columns; the class is whether the weighted sum is above 0."""
    random = np.random.default_rng(3)
    table = random.normal(size=(N, 3)).astype(np.float32)
    facts = {
        "task": "multiclass",
        "sensitive": ["sex"],
        "classes": [{"key": "no", "name": "healthy"}, {"key": "yes", "name": "ill"}],
        "inputs": {"table": {"kind": "tabular", "features": [{"name": n, "kind": "number"} for n in "abc"]}},
    }
    return Dataset(
        arrays={"table": table},
        position=np.arange(N),
        y=(table @ WEIGHTS > 0).astype(np.int64),
        record=np.arange(1, N + 1),
        patient=np.arange(N) // 2,
        split=np.where(np.arange(N) < 60, "train", "test").astype(object),
        classes=("no", "yes"),
        facts=facts,
        frame=pd.DataFrame({"sex": pd.array(["f", "m"] * (N // 2), dtype="string")}),
    )


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Softmax of (0, weighted sum)."""
    model = keras.Sequential([keras.Input((3,), name="table"), keras.layers.Dense(2, "softmax", name="logits")])
    model.set_weights([np.stack([0 * WEIGHTS, WEIGHTS], axis=1), np.zeros(2)])
    return Subject(model, (InputSpec("table", "tabular", (3,), "float32", {}),), ("no", "yes"))


class Explained:
    """One explanation with what was told meanwhile."""

    def __init__(self, folder: Path, subject: Subject, data: Dataset, settings: Explain = QUICK, **chosen: Any) -> None:
        self.told: list[Event] = []
        self.looks = 0
        self.finalist = Finalist(folder)
        of = Subject(subject.model, stage.inputs_of(data), subject.classes)
        outcome = stage.explain(of, data, MOST, settings, self.finalist, self.told.append, look=self._look, **chosen)
        self.document = outcome.document

    def _look(self) -> None:
        self.looks += 1

    @property
    def arrays(self) -> dict[str, Any]:
        with np.load(self.finalist.attributions, allow_pickle=False) as stored:
            return dict(stored)


def named(document: dict[str, Any]) -> list[str]:
    return [entry["name"] for entry in document["methods"]]


def test_it_writes_what_was_shown_what_was_found_and_whether_to_trust_it(
    tmp_path: Path, subject: Subject, data: Dataset
) -> None:
    """Both artefacts, alike in their cases, with a verdict and findings; one look at the test records."""
    made = Explained(tmp_path, subject, data)
    document, arrays = read_json(made.finalist.explanation), made.arrays
    assert document["version"] == 1 and document["validated"] and document["tested"]["n"] == 8
    assert document["tested"]["patients"] == 8 and document["not_applicable"] == []
    (method,) = document["methods"]
    assert method["verdict"] in ("passed", "failed", "could not be decided") and method["findings"]
    assert len(method["cases"]) == len(document["cases"]) == len(arrays["record"]) == 6
    assert arrays["occlusion/table"].shape == (6, 3) and arrays["occlusion/table"].dtype == np.float32
    assert arrays["occlusion/table/parts"].shape == (6, 3) and arrays["input_table"].shape == (6, 3)
    assert arrays["overview/occlusion/table/values"].shape == arrays["overview/table/raw"].shape == (14, 3)
    assert [case["record"] for case in document["cases"]] == arrays["record"].tolist()
    assert (arrays["class"] == arrays["probabilities"].argmax(axis=1)).all()
    assert (arrays["label"] == data.y[arrays["record"] - 1]).all()
    assert made.looks == 1
    assert any(isinstance(event, Progress) and event.total for event in made.told)


def test_the_overview_ranks_columns_by_what_they_count(tmp_path: Path, subject: Subject, data: Dataset) -> None:
    """In the order of the weights; a column of weight 0 has 0."""
    made = Explained(tmp_path, subject, data, QUICK.model_copy(update={"validate_": False, "cases": 60}))
    elements = made.document["methods"][0]["overview"]["table"]["elements"]
    assert [element["name"] for element in elements] == ["a", "b", "c"]
    assert elements[-1]["mean_abs"] == pytest.approx(0, abs=1e-6) and elements[0]["n"] == 60
    assert made.document["methods"][0]["verdict"] == "not validated" and made.document["tested"] is None


def test_the_same_seed_gives_the_same_explanation(tmp_path: Path, subject: Subject, data: Dataset) -> None:
    """To the last digit, cases and background included."""
    settings = QUICK.model_copy(update={"methods": ("shap", "lime"), "validate_": False})
    first, second = (Explained(tmp_path / name, subject, data, settings).arrays for name in ("one", "two"))
    assert first.keys() == second.keys()
    for name, values in first.items():
        assert np.array_equal(values, second[name], equal_nan=values.dtype.kind == "f"), name


def test_several_inputs_share_one_explanation(tmp_path: Path, data: Dataset) -> None:
    """Methods that suit them are taken; what each input contributed is told, and adds up."""
    keras.utils.set_random_seed(0)
    inputs = {"table": keras.Input((3,), name="table"), "more": keras.Input((2,), name="more")}
    joined = keras.layers.Concatenate()(list(inputs.values()))
    model = keras.Model(inputs, keras.layers.Dense(2, "softmax", name="logits")(joined))
    more = np.random.default_rng(5).normal(size=(N, 2)).astype(np.float32)
    both = {**data.facts, "inputs": {**data.facts["inputs"], "more": {"kind": "tabular"}}}
    two = Dataset(**{**vars(data), "arrays": {**data.arrays, "more": more}, "facts": both})
    subject = Subject(model, stage.inputs_of(two), ("no", "yes"))
    settings = QUICK.model_copy(update={"methods": None, "validate_": False})
    made = Explained(tmp_path, subject, two, settings)
    assert named(made.document) == ["shap", "lime", "occlusion"]
    shap = made.document["methods"][0]
    for case in shap["cases"]:
        assert set(case["inputs"]) == {"table", "more"}
        assert case["base"] + sum(case["inputs"].values()) == pytest.approx(case["output"], abs=0.02)
    assert sum(entry["share_of_input"] for entry in shap["overview"].values()) == pytest.approx(1, abs=1e-5)
    assert made.arrays["shap/more"].shape == (6, 2)


def test_a_method_that_cannot_explain_the_model_is_listed_with_its_reason(
    tmp_path: Path, subject: Subject, data: Dataset
) -> None:
    """The others go on."""
    settings = QUICK.model_copy(update={"methods": ("gradcam", "occlusion"), "validate_": False})
    document = Explained(tmp_path, subject, data, settings).document
    assert named(document) == ["occlusion"]
    (missing,) = document["not_applicable"]
    assert missing["name"] == "gradcam" and "convolution" in missing["reason"]


@pytest.mark.usefixtures("with_a_failing_method")
def test_a_method_that_fails_costs_itself_alone_and_quotes_no_record(
    tmp_path: Path, subject: Subject, data: Dataset
) -> None:
    """It is told where it failed; others are explained and tested; a network can be trained in the same process."""
    settings = QUICK.model_copy(update={"methods": ("failing", "occlusion")})
    made = Explained(tmp_path, subject, data, settings)
    assert named(made.document) == ["occlusion"] and made.document["methods"][0]["findings"]
    (missing,) = made.document["not_applicable"]
    assert missing["reason"].startswith("it failed: ValueError in test_explain_stage")
    warned = [event.text for event in made.told if isinstance(event, Note) and event.warning]
    assert len(warned) == 1 and SECRET not in warned[0] + missing["reason"]
    fits(data)


def fits(data: Dataset) -> None:
    """Train a network as a search in the same process would."""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(data.arrays["table"], data.y, epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])


def test_new_records_have_no_reference_standard_and_need_no_test_record(
    tmp_path: Path, subject: Subject, data: Dataset
) -> None:
    """Without validation nobody looks at the test set; with it, one look."""
    new: Arrays = {"table": np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.0]], np.float32)}
    untested = QUICK.model_copy(update={"validate_": False})
    made = Explained(tmp_path, subject, data, untested, new=new)
    assert made.looks == 0 and "label" not in made.arrays and len(made.document["cases"]) == 2
    assert made.document["cases"][0]["why"] == "a new record, without a reference standard"
    assert Explained(tmp_path, subject, data, new=new).looks == 1


def test_only_test_records_count_as_a_look(tmp_path: Path, subject: Subject, data: Dataset) -> None:
    """A training record may be shown, says so, and is no look; rows named twice are shown once."""
    untested = QUICK.model_copy(update={"validate_": False})
    made = Explained(tmp_path, subject, data, untested, rows=(5, 9, 5))
    assert made.looks == 0 and [case["record"] for case in made.document["cases"]] == [5, 9]
    assert "of the train set" in made.document["cases"][0]["why"]
    assert Explained(tmp_path, subject, data, untested, rows=(5, 100)).looks == 1


def test_a_row_that_is_not_there_changes_nothing(tmp_path: Path, subject: Subject, data: Dataset) -> None:
    """Nothing is read, nothing is written."""
    with pytest.raises(DataError, match="row 500"):
        Explained(tmp_path, subject, data, rows=(500,))
    assert not Finalist(tmp_path).explanation.exists() and not Finalist(tmp_path).attributions.exists()


def test_a_model_that_is_being_explained_is_not_explained_beside_it(
    tmp_path: Path, subject: Subject, data: Dataset
) -> None:
    """The second is refused, and can come again."""
    with (
        filelock.FileLock(tmp_path / ".explain.lock"),
        pytest.raises(RunError, match="another command is explaining this model"),
    ):
        Explained(tmp_path, subject, data)
    assert Explained(tmp_path, subject, data).document


def test_records_that_are_all_alike_and_one_that_stands_for_all_are_no_trouble(
    tmp_path: Path, subject: Subject, data: Dataset
) -> None:
    """Constant inputs, one class only decided for, a background of one record: explanations, and no claim."""
    dull = Dataset(**{**vars(data), "arrays": {"table": np.ones((N, 3), np.float32)}})
    settings = QUICK.model_copy(update={"methods": ("shap", "lime", "occlusion"), "background": 1})
    document = Explained(tmp_path, subject, dull, settings).document
    assert len({case["class"] for case in document["cases"]}) == 1
    assert named(document) == ["shap", "lime", "occlusion"]
    assert all(entry["verdict"] != "passed" for entry in document["methods"])


def test_without_test_records_there_is_nothing_to_explain(tmp_path: Path, subject: Subject, data: Dataset) -> None:
    """Said in words."""
    without = Dataset(**{**vars(data), "split": np.full(N, "train", object)})
    with pytest.raises(DataError, match="no test record"):
        Explained(tmp_path, subject, without)
