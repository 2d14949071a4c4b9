"""The verb `explain` as it is typed: beside a run, on new records, on foreign models, and when things go wrong."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import filelock
import numpy as np
import pytest
from commandline import AUTOMED, Command
from PIL import Image

from automed.run import Finalist, Run, read_json, read_json_lines

pytestmark = pytest.mark.slow

QUICK = ("--cases", "3", "--set", "explain.samples=64", "--set", "explain.parts=8", "--set", "explain.tested=8")


@pytest.fixture(scope="module")
def searched(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with one finalist, explained by the search itself."""
    folder = tmp_path_factory.mktemp("explained") / "run"
    settings = ["search.trials=1", "search.finalists=1", "search.baselines=[majority]", "explain.cases=3"]
    settings += ["explain.methods=[gradcam, occlusion]", "explain.parts=8", "explain.tested=8", "train.epochs=6"]
    typed = [word for text in settings for word in ("--set", text)]
    done = subprocess.run(
        [*AUTOMED, "search", str(stripes / "stripes.yaml"), *typed, "--out", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return Run(folder)


@pytest.fixture
def run(searched: Run, tmp_path: Path) -> Run:
    """A copy of it that a test may change."""
    return Run(shutil.copytree(searched.folder, tmp_path / "copy"))


def finalist(run: Run) -> Finalist:
    (found,) = run.finalists()
    return found


def test_a_search_explains_its_finalists_and_shows_them(searched: Run) -> None:
    """Both artefacts, a section in the report, and a line in the ledger that test records were looked at again."""
    document = read_json(finalist(searched).explanation)
    assert [entry["name"] for entry in document["methods"]] == ["gradcam", "occlusion"]
    assert document["validated"] and document["tested"]["n"] == 8 and len(document["cases"]) == 3
    assert all(entry["findings"] for entry in document["methods"])
    page = finalist(searched).report.read_text(encoding="utf-8")
    assert "What the model looked at" in page and "Grad-CAM" in page and "data:image/png;base64," in page
    reasons = [line.get("reason") for line in read_json_lines(searched.ledger) if line["event"] == "test_read"]
    assert reasons.count("explanation") == 1


def test_a_model_is_explained_beside_its_run(automed_command: Command, run: Run) -> None:
    """One JSON document on stdout; the page is rendered again; the look is counted."""
    before = run.looks_at_test()
    ended = automed_command("explain", str(finalist(run).model), "--method", "shap", "--json", *QUICK)
    assert ended.code == 0, ended.err
    (method,) = ended.document["methods"]
    assert method["name"] == "shap" and method["explainer"] == "shap.GradientExplainer" and method["reason"]
    assert method["verdict"] in ("passed", "failed", "could not be decided")
    with np.load(finalist(run).attributions, allow_pickle=False) as stored:
        assert stored["shap/picture"].shape == (3, 16, 16)
    assert run.looks_at_test() == before + 1
    assert run.verify_ledger()
    assert "SHAP" in finalist(run).report.read_text(encoding="utf-8")


def test_records_are_shown_by_their_row(automed_command: Command, run: Run) -> None:
    """Those that are asked for, in that order; of which split they are is said."""
    ended = automed_command(
        "explain", str(run.folder), "--record", "7", "--record", "3", "--method", "gradcam", "--no-validate", "--json"
    )
    assert ended.code == 0, ended.err
    assert [case["record"] for case in ended.document["cases"]] == [7, 3]
    assert not ended.document["validated"] and ended.document["methods"][0]["verdict"] == "not validated"


def test_a_new_picture_is_explained(automed_command: Command, run: Run, tmp_path: Path) -> None:
    """Decoded as the run's own; there is no reference standard, and none is claimed."""
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)).save(tmp_path / "new.png")
    ended = automed_command(
        "explain", str(run.folder), "--input", str(tmp_path / "new.png"), "--method", "occlusion", "--no-validate"
    )
    assert ended.code == 0, ended.err
    with np.load(finalist(run).attributions, allow_pickle=False) as stored:
        assert stored["input_picture"].shape == (1, 16, 16, 1) and "label" not in stored.files
    assert "without a reference standard" in finalist(run).report.read_text(encoding="utf-8")


def test_a_gate_tells_failed_from_undecided(automed_command: Command, run: Run) -> None:
    """4 where a method failed, 5 where it was not tested; what was found is written all the same."""
    ended = automed_command("explain", str(run.folder), "--method", "gradcam", "--no-validate", "--gate", *QUICK[:2])
    assert ended.code == 5 and "gradcam" in ended.err
    assert finalist(run).explanation.is_file()


def foreign(path: Path, *, logits: bool = False, size: int = 16, classes: int = 2) -> Path:
    """A Keras classifier as anybody might write it."""
    import keras

    keras.utils.set_random_seed(1)
    last = None if logits else "softmax"
    model = keras.Sequential(
        [
            keras.Input((size, size, 1), name="pixels"),
            keras.layers.Rescaling(1 / 255.0),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(classes, activation=last, name="logits" if logits else "answer"),
        ]
    )
    model.save(path)
    return path


@pytest.mark.parametrize("logits", [False, True])
def test_a_model_made_elsewhere_is_explained_on_the_data_of_a_recipe(
    automed_command: Command, stripes: Path, tmp_path: Path, logits: bool
) -> None:
    """Whatever its layers are called, and whether it gives probabilities or logits."""
    model = foreign(tmp_path / "foreign.keras", logits=logits)
    ended = automed_command(
        "explain", str(model), "--data", str(stripes / "stripes.yaml"), "--method", "shap", "--method", "gradcam",
        "--no-validate", "--json", *QUICK[:6],
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.document["folder"] == str(tmp_path / "foreign-explained")
    assert [entry["name"] for entry in ended.document["methods"]] == ["shap", "gradcam"]
    assert all(0 <= case["output"] <= 1 for case in ended.document["methods"][0]["cases"])


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"size": 20}, 3, "16 x 16 x 1, the model reads 20 x 20 x 1"),
        ({"classes": 5}, 3, "5 numbers, the recipe knows 2 classes"),
    ],
)
def test_a_model_that_does_not_fit_the_recipe_is_refused(
    automed_command: Command, stripes: Path, tmp_path: Path, change: dict[str, int], code: int, said: str
) -> None:
    """With what differs, and exit code 3."""
    model = foreign(tmp_path / "other.keras", **change)  # type: ignore[arg-type]
    ended = automed_command("explain", str(model), "--data", str(stripes / "stripes.yaml"), "--method", "gradcam")
    assert ended.code == code and said in " ".join(ended.err.split())


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("[16, 16]", "[20, 20]", "records are 20 x 20 x 1, the model reads 16 x 16 x 1"),
        (
            '{"0": standing, "1": lying}',
            '{"1": lying, "0": standing}',
            "the model's classes are 0, 1, the recipe's 1, 0",
        ),
        ("kind: image, size: [16, 16], channels: 1", "kind: text, column: words", "is of the kind text"),
    ],
)
def test_a_model_of_automed_is_held_against_the_recipe_by_its_card(
    automed_command: Command, run: Run, stripes: Path, tmp_path: Path, before: str, after: str, said: str
) -> None:
    """Its size, the order of its classes and the kinds of its inputs; nothing is laid out as something else."""
    text = (stripes / "stripes.yaml").read_text(encoding="utf-8").replace("stripes.npz", str(stripes / "stripes.npz"))
    assert before in text
    (tmp_path / "other.yaml").write_text(text.replace(before, after), encoding="utf-8")
    shutil.copy(finalist(run).model, tmp_path / "away.keras")
    ended = automed_command("explain", str(tmp_path / "away.keras"), "--data", "other.yaml", "--method", "gradcam")
    assert ended.code == 3 and said in " ".join(ended.err.split())


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--out", "elsewhere"), "belong to --data"),
        (("--output-layer", "last"), "belong to --data"),
        (("--record", "3", "--input", "a.png"), "cannot be given together"),
        (("--set", "split.seed=3"), "only explain.* may change"),
        (("--set", "explain.methods=[]"), "asks for no method"),
        (("--input", "a.png", "--input", "b.png"), "expected NAME=VALUE"),
        (("--input", "photo=a.png", "--input", "text=b.txt"), "--input picture=FILE"),
    ],
)
def test_options_that_do_not_go_together_leave_with_2(
    automed_command: Command, run: Run, typed: tuple[str, ...], said: str
) -> None:
    """Before anything is computed, and what was explained before stays."""
    before = finalist(run).explanation.read_bytes()
    ended = automed_command("explain", str(run.folder), *typed)
    assert ended.code == 2 and said in " ".join(ended.err.split())
    assert finalist(run).explanation.read_bytes() == before


def test_what_is_no_model_is_refused(automed_command: Command, run: Run, stripes: Path, tmp_path: Path) -> None:
    """A file of another kind, a file that is not there, a model away from its run without a recipe."""
    (tmp_path / "notes.keras").write_text("not a model")
    recipe = str(stripes / "stripes.yaml")
    ended = automed_command("explain", str(tmp_path / "notes.keras"), "--data", recipe)
    assert ended.code == 3 and "is not a .keras file" in ended.err
    ended = automed_command("explain", str(tmp_path / "gone.keras"))
    assert ended.code == 3 and "no such model file" in ended.err
    shutil.copy(finalist(run).model, tmp_path / "alone.keras")
    ended = automed_command("explain", str(tmp_path / "alone.keras"))
    assert ended.code == 2 and "--data" in ended.err


def test_a_record_that_is_not_there_leaves_with_3(automed_command: Command, run: Run) -> None:
    """And keeps what was there before."""
    before = finalist(run).explanation.read_bytes()
    ended = automed_command("explain", str(run.folder), "--record", "9999")
    assert ended.code == 3 and "row 9999" in ended.err
    assert finalist(run).explanation.read_bytes() == before


def test_two_commands_do_not_explain_one_model_at_once(automed_command: Command, run: Run) -> None:
    """The second is refused at once."""
    with filelock.FileLock(finalist(run).folder / ".explain.lock"):
        ended = automed_command("explain", str(run.folder), "--method", "gradcam", "--no-validate")
    assert ended.code == 1 and "another command is explaining this model" in ended.err


def test_a_background_of_one_record_is_enough(automed_command: Command, run: Run) -> None:
    """Explanations are then differences from that record."""
    ended = automed_command(
        "explain", str(run.folder), "--method", "shap", "--method", "lime", "--no-validate", "--json",
        "--set", "explain.background=1", *QUICK[:6],
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert len(ended.document["methods"]) == 2


def test_a_method_that_is_not_known_is_told_before_anything_starts(automed_command: Command, run: Run) -> None:
    """With the known ones, exit code 2."""
    ended = automed_command("explain", str(run.folder), "--method", "shapp")
    assert ended.code == 2 and "'shap'" in ended.err


def test_deep_explainer_gives_way_and_says_why(automed_command: Command, run: Run) -> None:
    """It is tried in a process of its own; whatever it does there, an explanation comes out with its reason."""
    ended = automed_command(
        "explain", str(run.folder), "--method", "shap", "--explainer", "deep", "--no-validate", "--json", *QUICK[:2]
    )
    assert ended.code == 0, ended.err
    (method,) = ended.document["methods"]
    assert method["explainer"] == "shap.DeepExplainer" or "Given up: DeepExplainer" in method["reason"]


def test_a_run_goes_on_without_explaining_again(searched: Run, tmp_path: Path, automed_command: Command) -> None:
    """A finalist that has been explained keeps its explanation when the run is reopened."""
    run = Run(shutil.copytree(searched.folder, tmp_path / "again"))
    made = json.loads(finalist(run).explanation.read_text(encoding="utf-8"))["made"]
    ended = automed_command("search", str(run.folder), "--quiet")
    assert ended.code == 0, ended.err
    assert read_json(finalist(run).explanation)["made"] == made


def test_a_finalist_that_cannot_be_explained_does_not_fail_its_run(
    searched: Run, tmp_path: Path, automed_command: Command
) -> None:
    """It is told, the run is done, the page says that it has not been explained; the next command can do it."""
    run = Run(shutil.copytree(searched.folder, tmp_path / "failed"))
    finalist(run).explanation.unlink()
    with filelock.FileLock(finalist(run).folder / ".explain.lock"):
        ended = automed_command("search", str(run.folder), "--quiet")
    assert ended.code == 0 and "could not be explained: another command" in " ".join(ended.err.split())
    assert read_json(run.manifest)["status"] == "done"
    assert "has not been explained" in finalist(run).report.read_text(encoding="utf-8")
    assert automed_command("search", str(run.folder), "--quiet").code == 0
    assert finalist(run).explanation.is_file()


def test_a_search_that_is_stopped_while_it_explains_does_so_when_it_goes_on(
    searched: Run, tmp_path: Path, automed_command: Command
) -> None:
    """Ctrl-C leaves with 130 and a report without explanations; nothing is searched or tested again."""
    run = Run(shutil.copytree(searched.folder, tmp_path / "stopped"))
    finalist(run).explanation.unlink()
    typed = [*AUTOMED, "search", str(run.folder)]
    with subprocess.Popen(typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "explain:" in line:
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
    assert process.returncode == 130, rest
    assert read_json(run.manifest)["status"] == "interrupted"
    assert "has not been explained" in finalist(run).report.read_text(encoding="utf-8")
    assert automed_command("search", str(run.folder), "--quiet").code == 0
    assert finalist(run).explanation.is_file()
    tested = [line for line in read_json_lines(run.ledger) if line.get("reason") == "finalist"]
    assert len(tested) == 1
