"""Rivals: scripts for whatever interpreter, handed files, answering with files."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import automed
from automed.benchmark import ENGINES, OURS
from automed.benchmark.rivals import EVERY, RIVALS

HERE = RIVALS["majority"].script.parent
ROOT = Path(automed.__file__).parents[1]
SIZES = {"train": 60, "validation": 40, "test": 30}
CLASSES = ("a", "b", "c")
LETTERS = ("", "[unknown]", "A", "C", "G", "T")
WORDS = ("", "[unknown]", "of", "the", "heart", "lung", "brain", "skin")


def array(kind: str, signs: np.ndarray[Any, Any], rng: np.random.Generator) -> tuple[Any, dict[str, Any]]:
    """Records of a kind that bear their class, (n,) of 0, 1, 2, and what data.json says of them."""
    n = len(signs)
    if kind == "image":
        x = rng.integers(0, 80, (n, 12, 12, 1)) + 60 * signs[:, None, None, None]
        return x.astype(np.uint8), {"mean": [100.0], "std": [60.0]}
    if kind == "signal":
        wave = np.sin(np.arange(40) * (0.2 + 0.3 * signs[:, None]))
        x = (wave[:, :, None] + rng.normal(0, 0.3, (n, 40, 2))).astype(np.float32)
        x[:, :3, 1] = np.nan
        facts = {"channels": ["I", "II"], "roles": ["value", "value"], "values": [0, 1], "usable": [True, True]}
        return x, {**facts, "mean": [0.0, 0.0], "std": [1.0, 1.0], "irregular": False, "step": 1.0, "unit": None}
    if kind == "tabular":
        x = np.stack([signs + rng.normal(0, 0.3, n), rng.integers(0, 3, n)], axis=1).astype(np.float32)
        x[0, 0] = np.nan
        levels = {"name": "sex", "kind": "category", "levels": ["", "f", "m"]}
        return x, {"features": [{"name": "age", "kind": "number", "mean": 1.0, "std": 1.0}, levels], "missing": [-1.0]}
    x = rng.integers(2, 6, (n, 30))
    x[:, ::3] = 2 + signs[:, None]
    x[:, 25:] = 0
    if kind == "text":
        facts = {"tokenizer": "words", "lower": True, "length": 30, "vocabulary": list(WORDS), "embedding": None}
        return x.astype(np.int32), facts
    return x.astype(np.uint8), {"kind_of": "dna", "alphabet": list(LETTERS), "length": 30, "aligned": True}


def give(
    folder: Path,
    kinds: Sequence[str],
    *,
    task: str = "multiclass",
    absent: int | None = None,
    seconds: float | None = 5.0,
    trials: int | None = None,
) -> dict[str, Any]:
    """What a rival is handed; the labels of all splits by split. The class `absent` is in no training record."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    inputs: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    for split, n in SIZES.items():
        signs = np.arange(n) % 3
        if absent is not None and split == "train":
            signs[signs == absent] = (absent + 1) % 3
        y = signs if task != "multilabel" else np.stack([signs == 0, signs > 0, signs == 2], axis=1).astype(int)
        labels[split] = y.astype(np.int64)
        arrays = {} if split == "test" else {"y": labels[split]}
        for kind in kinds:
            x, facts = array(kind, signs, rng)
            arrays[f"x_{kind}"] = x
            inputs[kind] = {"kind": kind, "shape": list(x.shape[1:]), "dtype": str(x.dtype), **facts}
        np.savez(folder / f"{split}.npz", **arrays)
    asked = {"version": 1, "task": task, "classes": list(CLASSES), "inputs": inputs, "seed": 3}
    asked |= {"seconds": seconds, "trials": trials, "cores": 1}
    (folder / "task.json").write_text(json.dumps(asked))
    return labels


def environment(**more: str) -> dict[str, str]:
    """As the benchmark sets it: quiet, few threads."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    quiet = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
    return {**kept, **quiet, "CUDA_VISIBLE_DEVICES": "-1", **more}


def start(script: Path, folder: Path, *flags: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script as the benchmark does."""
    command = [sys.executable, *flags, str(script), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**more), timeout=300, check=False)


def ask(name: str, folder: Path) -> tuple[Any, Any, dict[str, Any]]:
    """The answers of a rival for validation and test, and what it says of itself."""
    more = {"PYTHONPATH": str(ROOT)} if RIVALS[name].ours else {}
    ended = start(RIVALS[name].script, folder, **more)
    assert ended.returncode == 0, ended.stderr
    with np.load(folder / "answer.npz") as file:
        validation, test = file["validation"], file["test"]
    return validation, test, json.loads((folder / "answer.json").read_text())


def hold(answers: Any, split: str, several: bool) -> None:
    """Probabilities of all classes, one row a record, that add up to 1 where a record has one class."""
    assert answers.shape == (SIZES[split], len(CLASSES))
    assert answers.min() >= 0 and answers.max() <= 1
    if not several:
        np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)


@pytest.fixture
def kit() -> Iterator[Any]:
    """The module that scripts find beside themselves."""
    sys.path.insert(0, str(HERE))
    try:
        yield importlib.import_module("kit")
    finally:
        sys.path.remove(str(HERE))
        for name in ("kit", "library_minirocket", "default_autokeras"):
            sys.modules.pop(name, None)


# --- the table ------------------------------------------------------------------------------------------------------


def test_every_engine_that_is_not_ours_has_a_script() -> None:
    """The table of rivals and that of engines name the same, and each script is there."""
    assert set(RIVALS) == set(ENGINES) - set(OURS)
    assert all(rival.script.is_file() and rival.summary for rival in RIVALS.values())


def test_a_rival_suits_where_it_reads_one_of_the_inputs() -> None:
    """Others beside it are left out."""
    assert RIVALS["minirocket"].suits(["signal", "tabular"]) and not RIVALS["minirocket"].suits(["image"])
    assert all(RIVALS["optuna"].suits([kind]) for kind in EVERY)


def test_scripts_run_on_old_interpreters_and_hide_no_library() -> None:
    """Python 3.9 reads them; none has a library's name; only a rival of ours imports automed."""
    ours = {rival.file for rival in RIVALS.values() if rival.ours}
    own = {path.stem for path in HERE.glob("*.py")}
    for path in HERE.glob("*.py"):
        if path.name == "__init__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        nodes = list(ast.walk(tree))
        names = {alias.name.partition(".")[0] for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(n.module).partition(".")[0] for n in nodes if isinstance(n, ast.ImportFrom)}
        assert names & own <= {"kit", "networks", "watch"}
        assert ("automed" in names) == (path.name in ours), path.name
        if path.name == "kit.py":
            assert names <= set(sys.stdlib_module_names) | {"numpy"}


# --- what all of them keep to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["multiclass", "multilabel", "ordinal"])
def test_the_majority_gives_every_record_the_shares_of_training(tmp_path: Path, task: str) -> None:
    """As scikit-learn's dummy does, label by label where there are several."""
    y = give(tmp_path, ["tabular"], task=task)["train"]
    validation, test, said = ask("majority", tmp_path)
    hold(validation, "validation", task == "multilabel")
    hold(test, "test", task == "multilabel")
    columns = y.T if task == "multilabel" else [y]
    dummies = [DummyClassifier(strategy="prior").fit(np.zeros((len(y), 1)), column) for column in columns]
    expected = [dummy.predict_proba(np.zeros((1, 1)))[0] for dummy in dummies]
    np.testing.assert_allclose(test[0], [p[1] for p in expected] if task == "multilabel" else expected[0])
    assert said["trials"] is None and said["chosen"] and said["search_seconds"] >= 0


@pytest.mark.parametrize(
    ("kinds", "task"),
    [
        pytest.param(["image"], "multiclass", marks=pytest.mark.slow),
        pytest.param(["signal"], "multilabel", marks=pytest.mark.slow),
        (["text", "tabular"], "ordinal"),
    ],
)
def test_the_classical_rival_reads_what_the_records_say(tmp_path: Path, kinds: list[str], task: str) -> None:
    """Its answers have the right form, and tell classes apart that are easy to tell apart."""
    y = give(tmp_path, kinds, task=task)
    validation, test, said = ask("classical", tmp_path)
    hold(validation, "validation", task == "multilabel")
    hold(test, "test", task == "multilabel")
    assert roc_auc_score(y["test"], test, multi_class="ovr") > 0.9
    assert said["trials"] >= 1 and "sklearn" in said["versions"]


@pytest.mark.parametrize("name", ["majority", "classical"])
def test_a_class_that_training_lacks_keeps_its_column(tmp_path: Path, name: str) -> None:
    """Nothing moves: the column is there, and holds 0."""
    give(tmp_path, ["sequence"], absent=1)
    _, test, _ = ask(name, tmp_path)
    hold(test, "test", several=False)
    assert not test[:, 1].any() and test[:, [0, 2]].any(axis=0).all()


def test_nothing_to_tell_apart_is_answered_with_the_shares(tmp_path: Path) -> None:
    """One class in training is no reason to fail, whatever the rival."""
    give(tmp_path, ["tabular"])
    with np.load(tmp_path / "train.npz") as file:
        arrays = dict(file)
    np.savez(tmp_path / "train.npz", **{**arrays, "y": np.full_like(arrays["y"], 2)})
    _, test, said = ask("classical", tmp_path)
    assert (test == [0, 0, 1]).all() and said["trials"] is None


def test_an_input_that_is_not_read_makes_a_rival_unsuited(tmp_path: Path) -> None:
    """Exit code 64 and one line, before any library is asked for."""
    give(tmp_path, ["image", "text"])
    ended = start(RIVALS["minirocket"].script, tmp_path)
    assert ended.returncode == 64 and ended.stderr == "unsuited: reads no image and no text\n"
    assert not (tmp_path / "answer.json").exists()


@pytest.mark.parametrize("name", [name for name, rival in RIVALS.items() if rival.package])
def test_a_package_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    """Exit code 65 and one line that says how to name another interpreter."""
    give(tmp_path / "given", ["signal"])
    bare = tmp_path / "bare"
    bare.mkdir()
    packages = Path(np.__file__).parents[1]
    for part in ("numpy", "numpy.libs"):
        if (packages / part).exists():
            (bare / part).symlink_to(packages / part)
    ended = start(RIVALS[name].script, tmp_path / "given", "-S", PYTHONPATH=str(bare))
    assert ended.returncode == 65, ended.stderr
    assert ended.stderr.startswith("lacks the package ") and ended.stderr.count("\n") == 1
    assert "--python" in ended.stderr
    lacking = "keras" if name in ("keras-tuner", "optuna") else RIVALS[name].package
    assert f"package {lacking}:" in ended.stderr


def test_an_interpreter_without_numpy_is_told_so(tmp_path: Path) -> None:
    """Even what all of them need is missing in a plain interpreter."""
    give(tmp_path, ["image"])
    ended = start(RIVALS["majority"].script, tmp_path, "-S")
    assert ended.returncode == 65 and ended.stderr.startswith("lacks the package numpy: ")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise ValueError('first line\\nsecond line')", "ValueError: first line"),
        ("return kit.Answer(np.ones((40, 2)), np.ones((30, 3)), '')", "answers for validation have the shape (40, 2)"),
        ("return kit.Answer(np.ones((40, 3)), np.full((30, 3), np.nan), '')", "answers for test are not finite"),
    ],
)
def test_a_rival_that_fails_says_why_in_its_last_line(tmp_path: Path, body: str, reason: str) -> None:
    """And leaves no answer, nor half of one."""
    give(tmp_path, ["image"])
    script = tmp_path / "own.py"
    script.write_text(f"import kit\nimport numpy as np\n\ndef fit(given):\n    {body}\n\nkit.run(fit)\n")
    ended = start(script, tmp_path, PYTHONPATH=str(HERE))
    assert ended.returncode == 1 and reason in ended.stderr.splitlines()[-1]
    assert not list(tmp_path.glob("answer*"))


# --- what a careful user does to the arrays -------------------------------------------------------------------------


def test_gaps_are_filled_and_scales_taken_from_training(tmp_path: Path, kit: Any) -> None:
    """As scikit-learn's imputer and scaler do, fitted on the training records alone."""
    rng = np.random.default_rng(1)
    raw = {split: rng.normal(3, 2, (n, 4)).astype(np.float32) for split, n in SIZES.items()}
    for values in raw.values():
        values[rng.random(values.shape) < 0.2] = np.nan
    made = kit.standard(raw)
    scaler, imputer = StandardScaler().fit(raw["train"]), SimpleImputer()
    reference = make_pipeline(scaler, imputer).fit(raw["train"])
    for split in SIZES:
        np.testing.assert_allclose(made[split], reference.transform(raw[split]), atol=1e-5)


def test_categories_become_one_column_a_level(tmp_path: Path, kit: Any) -> None:
    """As scikit-learn's encoder does; numbers are standardised and masks left alone."""
    give(tmp_path, ["tabular", "signal"])
    given = kit.read(tmp_path)
    ready = kit.ready(given)
    codes = given.x["test"]["tabular"][:, 1:]
    expected = OneHotEncoder(categories=[[0.0, 1.0, 2.0]], sparse_output=False).fit_transform(codes)
    np.testing.assert_array_equal(ready.x["test"]["tabular"][:, 1:], expected)
    assert all(np.isfinite(values).all() for part in ready.x.values() for values in part.values())
    assert abs(ready.x["train"]["tabular"][:, 0].mean()) < 1e-5


def test_ids_that_no_list_names_have_a_place(tmp_path: Path, kit: Any) -> None:
    """An embedding is as large as the largest id of any split."""
    give(tmp_path, ["text", "sequence"])
    given = kit.read(tmp_path)
    assert kit.count_words(given, "text") == len(WORDS) and kit.count_words(given, "sequence") == len(LETTERS)
    given.x["test"]["text"][0, 0] = 99
    assert kit.count_words(given, "text") == 100


def test_texts_are_handed_to_autokeras_as_words(tmp_path: Path, kit: Any) -> None:
    """It has its own tokenizer; padding is left out."""
    give(tmp_path, ["text"])
    own = importlib.import_module("default_autokeras")
    ids = np.array([[4, 2, 3, 5, 0, 0], [0, 0, 0, 0, 0, 0]])
    assert own.written(kit.read(tmp_path), "text", ids).tolist() == ["heart of the lung", ""]


def test_minirocket_puts_decisions_into_the_columns_of_their_classes(tmp_path: Path, kit: Any) -> None:
    """A class that training lacks has 0; the loss that chooses the temperature is scikit-learn's."""
    give(tmp_path, ["signal"], absent=1)
    own = importlib.import_module("library_minirocket")
    given = kit.read(tmp_path)
    present = own.known(given)
    assert present.tolist() == [0, 2]
    values = np.random.default_rng(0).normal(size=(SIZES["validation"], 2))
    said = own.probabilities(given, values, present)
    assert not said[:, 1].any()
    np.testing.assert_allclose(said.sum(axis=1), 1)
    clipped = said.clip(1e-6, 1)
    expected = log_loss(given.y["validation"], clipped / clipped.sum(axis=1, keepdims=True), labels=[0, 1, 2])
    assert own.loss(given, said) == pytest.approx(expected, rel=1e-4)


def test_minirocket_takes_fewer_kernels_where_many_records_would_take_too_long(kit: Any) -> None:
    """The regression grows with the third power of the smaller side."""
    own = importlib.import_module("library_minirocket")
    assert own.afford(2000, 180) == own.KERNELS == own.afford(200, float("inf"))
    assert 84 < own.afford(10_000, 60) < own.afford(10_000, 600) <= own.KERNELS


# --- with Keras -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optuna", "keras-tuner"])
def test_a_deep_rival_answers_within_its_seconds(tmp_path: Path, name: str) -> None:
    """Wherever it is when time is over; every kind of input, several labels a record."""
    pytest.importorskip(RIVALS[name].package.replace("-", "_"))  # type: ignore[union-attr]
    give(tmp_path, EVERY, task="multilabel", seconds=5.0)
    validation, test, said = ask(name, tmp_path)
    hold(validation, "validation", several=True)
    hold(test, "test", several=True)
    assert said["trials"] >= 1 and said["search_seconds"] < 60 and "keras" in said["versions"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["optuna", "keras-tuner"])
def test_a_deep_rival_ends_with_its_trials(tmp_path: Path, name: str) -> None:
    """Where no seconds are set, so many candidates are trained and no more, and the best of them knows the classes."""
    pytest.importorskip(RIVALS[name].package.replace("-", "_"))  # type: ignore[union-attr]
    y = give(tmp_path, ["tabular"], seconds=None, trials=3)
    _, test, said = ask(name, tmp_path)
    hold(test, "test", several=False)
    assert said["trials"] == 3
    assert roc_auc_score(y["test"], test, multi_class="ovr") > 0.7
