"""What holds for every baseline on every kind of input that it reads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import CLASSES, missing, planted

from automed.data.kinds import KINDS
from automed.errors import DataError
from automed.evaluate.metrics import macro_f1
from automed.search import BASELINES
from automed.search.baselines import READS, default_baselines, suits
from automed.search.baselines.features import FEATURES
from automed.search.baselines.material import Material, Predictor, folds, thin

Fit = Callable[..., Predictor]
PAIRS = [(name, kind) for name, kinds in READS.items() for kind in kinds]
LEARNING = [pair for pair in PAIRS if pair[0] != "majority"]
on_each = pytest.mark.parametrize(("name", "kind"), PAIRS)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trees that learn fast, few folds and few kernels."""
    for name, value in {"ITERATIONS": 10, "FEWEST": 10, "RATE": 0.4, "FASTEST": 0.4}.items():
        monkeypatch.setattr(f"automed.search.baselines.boosting.{name}", value)
    monkeypatch.setattr("automed.search.baselines.tfidf.FOLDS", 2)
    for name in ("FEATURES", "FEWEST"):
        monkeypatch.setattr(f"automed.search.baselines.minirocket.{name}", 6 * 84)


def fit(name: str) -> Fit:
    found: Fit = BASELINES.load(name)
    return found


class TestEveryBaseline:
    """Laws, over the table of baselines and the kinds of input that each reads."""

    @on_each
    def test_probabilities_of_a_record_add_up_to_one_and_unseen_classes_have_none(self, name: str, kind: str) -> None:
        """Classes 1 and 3 of 5 stay without training records."""
        material, y = planted(kind)
        material = replace(material, y=2 * material.y, n_classes=5)
        found = fit(name)(material)(material.arrays, np.arange(len(y)))
        assert found.shape == (len(y), 5) and found.dtype == np.float32
        assert (found >= 0).all() and (found[:, [1, 3]] == 0).all()
        assert found.sum(axis=1) == pytest.approx(np.ones(len(y)), abs=1e-5)

    @on_each
    def test_one_seed_and_the_same_training_records_give_one_answer_whatever_the_others_show(
        self, name: str, kind: str
    ) -> None:
        """A baseline reads training records alone, and nothing is left to chance."""
        material, y = planted(kind)
        changed = material.arrays[kind].copy()
        changed[60:] = changed[60:][::-1]
        others = replace(material, arrays={kind: changed})
        answers = [fit(name)(each, seed=3)(material.arrays, np.arange(len(y))) for each in (material, others)]
        assert np.array_equal(*answers)

    @on_each
    def test_a_memory_map_does_as_well_as_an_array_and_records_may_come_in_any_order(
        self, name: str, kind: str, tmp_path: Path
    ) -> None:
        """Rows are found by position; each is predicted alike alone and among others."""
        material, y = planted(kind)
        np.save(tmp_path / "array.npy", material.arrays[kind])
        mapped = {kind: np.load(tmp_path / "array.npy", mmap_mode="r")}
        together = fit(name)(material)(material.arrays, np.arange(len(y)))
        predictor = fit(name)(replace(material, arrays=mapped))
        for order in (np.arange(len(y))[::-1], np.array([5, 3, 40])):
            assert predictor(mapped, order) == pytest.approx(together[order], abs=1e-5)
        assert predictor(mapped, np.array([], np.int64)).shape == (0, CLASSES)

    @pytest.mark.parametrize(("name", "kind"), LEARNING)
    def test_what_is_planted_is_found(self, name: str, kind: str) -> None:
        """Far better than chance on records that were not seen."""
        material, y = planted(kind, n=240, train=150)
        found = fit(name)(material)(material.arrays, np.arange(150, 240))
        assert macro_f1(y[150:], found.argmax(axis=1), CLASSES) > 0.75

    @on_each
    def test_several_labels_a_record_are_independent(self, name: str, kind: str) -> None:
        """A label that all or none bear is certain; the others need not add up to 1."""
        material, y = planted(kind, n=150, train=110)
        labels = np.stack([y == 0, y >= 1, y >= 0, y < 0, y == 2], axis=1).astype(np.int64)
        labels[::7] *= np.array([0, 0, 1, 0, 0])
        material = replace(material, y=labels[:110], n_classes=5, task="multilabel")
        found = fit(name)(material)(material.arrays, np.arange(150))
        assert found.shape == (150, 5) and found.dtype == np.float32
        assert (found >= 0).all() and (found <= 1).all()
        assert (found[:, 2] == 1).all() and (found[:, 3] == 0).all()
        if name != "majority":
            assert found[110:][y[110:] == 2, 4].mean() > found[110:][y[110:] != 2, 4].mean() + 0.2

    @on_each
    def test_absent_inputs_break_nothing(self, name: str, kind: str) -> None:
        """In a fifth of the training records, in all of them, and where predictions are made."""
        material, y = planted(kind)
        array = material.arrays[kind].copy()
        array[::5] = missing(kind, array[::5])
        nothing = missing(kind, array)
        for train, other in ((array, nothing), (nothing, array)):
            predictor = fit(name)(replace(material, arrays={kind: train}))
            found = predictor({kind: other}, np.arange(len(y)))
            assert found.sum(axis=1) == pytest.approx(np.ones(len(y)), abs=1e-5)

    @on_each
    def test_inputs_that_never_vary_break_nothing(self, name: str, kind: str) -> None:
        """Every record is the first one."""
        material, y = planted(kind)
        same = {kind: np.repeat(material.arrays[kind][:1], len(y), axis=0)}
        found = fit(name)(replace(material, arrays=same))(same, np.arange(len(y)))
        assert np.ptp(found, axis=0) == pytest.approx(np.zeros(CLASSES), abs=1e-6)

    @on_each
    def test_one_class_alone_is_predicted_with_certainty(self, name: str, kind: str) -> None:
        """There is nothing to tell apart."""
        material, _ = planted(kind, n=12, train=9)
        found = fit(name)(replace(material, y=np.ones(9, np.int64)))(material.arrays, np.arange(12))
        assert (found == [[0, 1, 0]]).all()

    @on_each
    @pytest.mark.parametrize("train", [2, 7])
    def test_a_few_records_and_no_time_are_enough_to_answer(self, name: str, kind: str, train: int) -> None:
        """Bad answers, but answers."""
        material, _ = planted(kind, n=9, train=train)
        found = fit(name)(material, seconds=0.01)(material.arrays, np.arange(9))
        assert found.sum(axis=1) == pytest.approx(np.ones(9), abs=1e-5)

    @pytest.mark.parametrize("name", ["tfidf", "kmer", "minirocket"])
    def test_what_is_not_read_beside_it_changes_nothing(self, name: str) -> None:
        """Of several inputs a baseline reads those of its kind."""
        (kind,) = READS[name]
        material, y = planted(kind, "tabular")
        alone = Material({kind: material.arrays[kind]}, material.facts, material.train, material.y, CLASSES)
        found = [fit(name)(each)(each.arrays, np.arange(len(y))) for each in (material, alone)]
        assert np.array_equal(*found)

    @pytest.mark.parametrize("name", ["tfidf", "kmer", "minirocket"])
    def test_without_an_input_of_its_kind_it_says_so(self, name: str) -> None:
        """The check of the recipe refuses it earlier."""
        material, _ = planted("tabular")
        with pytest.raises(DataError, match=f"no input of the kind {READS[name][0]}"):
            fit(name)(material)


class TestDefaults:
    """Which baselines a recipe gets, and which it may name."""

    def test_every_baseline_says_what_it_reads(self) -> None:
        """A line of the table without a word on its kinds would be refused everywhere."""
        assert set(READS) == set(BASELINES)
        assert {kind for kinds in READS.values() for kind in kinds} == set(KINDS) == set(FEATURES)

    @pytest.mark.parametrize(
        ("kinds", "irregular", "expected"),
        [
            (["image"], False, ("majority", "boosting")),
            (["image", "image"], False, ("majority", "boosting")),
            (["tabular"], False, ("majority", "boosting")),
            (["text"], False, ("majority", "tfidf")),
            (["sequence"], False, ("majority", "kmer")),
            (["signal"], False, ("majority", "minirocket", "boosting")),
            (["signal"], True, ("majority", "boosting")),
            (["signal", "tabular"], False, ("majority", "boosting")),
            (["text", "image"], False, ("majority", "boosting")),
            (["volume"], False, ("majority",)),
        ],
    )
    def test_the_kinds_of_input_decide(self, kinds: list[str], irregular: bool, expected: tuple[str, ...]) -> None:
        """One kind alone has a rival of its own, several have the one that reads them all."""
        assert default_baselines(kinds, irregular=irregular) == expected

    @given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1), st.booleans())
    def test_what_is_chosen_is_known_and_suits(self, kinds: list[str], irregular: bool) -> None:
        """The majority comes first, and something that learns is beside it."""
        first, *others = default_baselines(kinds, irregular=irregular)
        assert first == "majority" and others
        assert all(name in BASELINES and suits(name, kinds) for name in others)

    def test_a_baseline_suits_where_it_can_read_something(self) -> None:
        """TF-IDF has nothing to say about pictures."""
        assert not suits("tfidf", ["image"])
        assert suits("tfidf", ["image", "text"])
        assert not suits("minirocket", ["tabular", "sequence"])


class TestMaterial:
    """What baselines are given."""

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"y": np.array([0, 1, 0])}, "4 training records for 3 labels"),
            ({"y": np.array([0, 1, 0, 2])}, "run from 0 to 2, expected 0 to 1"),
            ({"y": np.eye(4, 2, dtype=np.int64)}, "one class a record"),
            ({"y": np.eye(4, 3, dtype=np.int64), "task": "multilabel"}, "labels of 0 and 1"),
            ({"y": 2 * np.eye(4, 2, dtype=np.int64), "task": "multilabel"}, "labels of 0 and 1"),
            ({"patient": np.arange(3)}, "4 training records for the patients of 3"),
            ({"train": np.arange(0), "y": np.arange(0)}, "no training records"),
        ],
    )
    def test_what_does_not_agree_is_refused(self, changes: dict[str, object], said: str) -> None:
        """Before anything is read."""
        material, _ = planted("tabular", n=6, train=4, n_classes=2)
        with pytest.raises(DataError, match=said):
            replace(material, **changes)  # type: ignore[arg-type]

    def test_the_majority_gives_the_shares_in_training(self) -> None:
        """Of classes and of labels."""
        material, _ = planted("tabular", n=4, train=4)
        of_classes = replace(material, y=np.array([0, 0, 2, 0]), n_classes=4)
        assert fit("majority")(of_classes)({}, np.arange(3)).tolist() == [[0.75, 0.0, 0.25, 0.0]] * 3
        labels = np.array([[1, 1], [0, 1], [0, 1], [0, 0]])
        of_labels = replace(material, y=labels, n_classes=2, task="multilabel")
        assert fit("majority")(of_labels)({}, np.arange(1)).tolist() == [[0.25, 0.75]]

    @given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.integers(1, 90), st.integers(0, 5))
    @settings(max_examples=60, deadline=None)
    def test_a_sample_keeps_every_class_and_the_proportions(self, classes: list[int], rows: int, seed: int) -> None:
        """At least one of each, at most one more than its share."""
        y = np.array(classes)
        kept = thin(y, rows, seed)
        assert (np.diff(kept) > 0).all() and np.array_equal(np.unique(y[kept]), np.unique(y))
        if rows < len(y):
            share = np.bincount(y) * rows / len(y)
            assert (np.abs(np.bincount(y[kept], minlength=len(share)) - share) <= 1).all()

    @given(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=60),
        st.integers(2, 6),
        st.integers(0, 3),
    )
    @settings(max_examples=60, deadline=None)
    def test_parts_hold_every_record_once_and_no_patient_twice(
        self, records: list[tuple[int, int]], count: int, seed: int
    ) -> None:
        """Save where all records are of one patient, who is then divided."""
        y, patient = np.array(records).T
        parts = folds(y, patient, count, seed)
        assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(y)))
        assert all(len(part) for part in parts)
        if len(np.unique(patient)) > 1:
            assert sum(len(np.unique(patient[part])) for part in parts) == len(np.unique(patient))

    def test_a_rare_class_is_in_every_part_where_it_can_be(self) -> None:
        """Five records of a class among fifty, five parts."""
        y = np.array([1] * 5 + [0] * 45)
        assert [int(y[part].sum()) for part in folds(y, None, 5, seed=1)] == [1] * 5


@pytest.mark.slow
def test_baselines_load_no_training_library() -> None:
    """They share the machine with processes that train."""
    code = (
        "import sys\nfrom automed.search import BASELINES\nfrom automed.search.baselines.features import FEATURES\n"
        "[table.load(name) for table in (BASELINES, FEATURES) for name in table]\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "floor"), [("breastmnist", 0.72), ("pneumoniamnist", 0.80)])
def test_boosting_is_no_straw_man_on_real_pictures(name: str, floor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Floors: what plain boosting on all pixels reaches, less the spread over seeds."""
    monkeypatch.undo()
    folder = os.environ.get("AUTOMED_DATA")
    if not folder or not (Path(folder) / name / f"{name}.npz").is_file():
        pytest.skip(f"set AUTOMED_DATA to a folder that holds {name}/{name}.npz")
    with np.load(Path(folder) / name / f"{name}.npz") as parts:
        train, test = parts["train_images"], parts["test_images"]
        y, answer = parts["train_labels"].ravel().astype(np.int64), parts["test_labels"].ravel()
    arrays = {"picture": np.concatenate([train, test])[..., None]}
    material = Material(arrays, {"picture": {"kind": "image"}}, np.arange(len(train)), y, 2)
    found = fit("boosting")(material, seconds=60)(arrays, np.arange(len(train), len(train) + len(test)))
    assert macro_f1(answer, found.argmax(axis=1), 2) > floor
