"""shap.DeepExplainer in a process of its own, and only where what it says can be checked.

Where it meets an operation that it does not know (recurrent networks, MobileNet, EfficientNet) it fails and leaves
TensorFlow's registry of gradients changed: no model can be fitted in that process any more. Where it does not fail it
can still be wrong: through a softmax its values add up, but to the wrong places. So it never runs in the calling
process, and its values are taken only if they add up and agree with expected gradients.

    python -m automed.explain.shap.deep FOLDER

reads model.keras and asked.npz from the folder and writes values.npz into it, or why.txt.
"""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from automed import runtime
from automed.explain.attribution import Attribution, NotApplicable
from automed.explain.shap import expected_gradients
from automed.explain.shap.sampler import picking, smooth
from automed.explain.subject import Array, Arrays, Subject
from automed.recipe.explain import Explain

PATIENCE = 300.0  # seconds: TensorFlow and SHAP take up to 40 to start
ADDS_UP = 0.01  # of probability: the tolerance of SHAP's own check
AGREES = 0.8  # rank correlation with expected gradients, at least; ours


def explain(
    subject: Subject,
    records: Arrays,
    background: Arrays,
    classes: npt.NDArray[np.int64],
    settings: Explain,
    seed: int,
) -> Attribution:
    """DeepExplainer's values, where it works and where they can be trusted.

    Args:
        subject: the model.
        records: by input (n, *shape).
        background: by input (b, *shape).
        classes: int64 (n,).
        settings: `samples`, of the expected gradients that it is held against.
        seed: of these expected gradients.

    Raises:
        NotApplicable: it fails, takes longer than PATIENCE, does not add up, or disagrees with expected gradients.

    Source: Lundberg and Lee 2017, arXiv:1705.07874, section 4.2 (Deep SHAP).
    """
    for name in subject.names:
        if any(
            np.issubdtype(each.dtype, np.floating) and np.isnan(each).any()
            for each in (records[name], background[name])
        ):
            raise NotApplicable("it cannot explain records with missing values")
    raw = _elsewhere(subject, records, background, classes)
    held = expected_gradients.explain(subject, records, background, classes, settings, seed)
    values = {spec.name: spec.summed(each) for spec, each in zip(subject.inputs, raw, strict=True)}
    found = dataclasses.replace(
        held,
        explainer="shap.DeepExplainer",
        values=values,
        parameters={"adds_up": ADDS_UP, "agrees": AGREES, "seed": seed},
        notes={},
    )
    gap = float(np.max(found.gap)) if len(found) and found.gap is not None else 0.0
    if not gap <= ADDS_UP:
        raise NotApplicable(f"its values do not add up to the probability (gap {gap:.2g})")
    agreement = _agreement(found, held)
    if not float(agreement.mean()) >= AGREES:
        raise NotApplicable(
            f"its values disagree with expected gradients (rank correlation {agreement.mean():.2f}, at least "
            f"{AGREES:.2f} is asked)"
        )
    return dataclasses.replace(found, notes={"agreement": agreement})


def _elsewhere(
    subject: Subject, records: Arrays, background: Arrays, classes: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.float32]]:
    """What DeepExplainer gives for each input, (n, *shape), in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="automed-deep-") as name:
        folder = Path(name)
        try:
            smooth(subject).model.save(folder / "model.keras")
        except (OSError, TypeError, ValueError, NotImplementedError) as error:
            raise NotApplicable(f"the model cannot be handed to another process ({type(error).__name__})") from error
        arrays: dict[str, Array] = {"classes": classes}
        for place, each in enumerate(subject.names):
            arrays[f"record{place}"] = np.asarray(records[each], np.float32)
            arrays[f"background{place}"] = np.asarray(background[each], np.float32)
        np.savez(folder / "asked.npz", **arrays)  # type: ignore[arg-type]
        command = [sys.executable, "-m", __name__, str(folder)]
        environment = runtime.worker_environment(runtime.Share(runtime.cores()))
        try:
            done = subprocess.run(command, capture_output=True, env=environment, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise NotApplicable(f"it takes longer than {PATIENCE:.0f} s") from None
        if (folder / "why.txt").exists():
            raise NotApplicable((folder / "why.txt").read_text())
        if done.returncode != 0 or not (folder / "values.npz").exists():
            raise NotApplicable(f"its process ended with {done.returncode}")
        with np.load(folder / "values.npz") as stored:
            return [np.asarray(stored[f"values{place}"], np.float32) for place in range(len(subject.names))]


def _agreement(one: Attribution, other: Attribution) -> npt.NDArray[np.float32]:
    """Rank correlation of two methods' values of each record: float32 (n,); 1 where both say nothing."""
    found = []
    for i in range(len(one)):
        a, b = (np.concatenate([each[i].ravel() for each in who.values.values()]) for who in (one, other))
        if np.ptp(a) == 0 or np.ptp(b) == 0:
            found.append(float(np.ptp(a) == np.ptp(b)))
        else:
            found.append(float(spearmanr(a, b).statistic))
    return np.array(found, np.float32)


def answer(folder: Path) -> None:
    """Run DeepExplainer on what lies in the folder. Only in a process that ends afterwards."""
    import keras

    from automed.explain.shap.library import shap

    copy = keras.saving.load_model(folder / "model.keras", compile=False)
    with np.load(folder / "asked.npz") as stored:
        told = dict(stored)
    inputs = len(told) // 2
    records = [told[f"record{place}"] for place in range(inputs)]
    background = [told[f"background{place}"] for place in range(inputs)]
    values = [np.zeros(each.shape, np.float32) for each in records]
    picked = picking(copy)
    for wanted in np.unique(told["classes"]):
        rows = told["classes"] == wanted
        picked.pick(int(wanted))
        explainer = shap.DeepExplainer(picked.model, background)
        raw: Any = explainer.shap_values([each[rows] for each in records], check_additivity=False)
        for place, each in enumerate(raw if isinstance(raw, list) else [raw]):
            values[place][rows] = each[..., 0]
    np.savez(folder / "values.npz", **{f"values{place}": each for place, each in enumerate(values)})  # type: ignore[arg-type]


if __name__ == "__main__":
    place = Path(sys.argv[1])
    try:
        answer(place)
    except Exception as error:
        # Nothing else of the message: it may hold values of a record.
        operation = re.search(r"gradient registry has no entry for: (?:shap_)?(\w+)", str(error))
        why = f"it does not know the operation {operation[1]}" if operation else f"it fails with {type(error).__name__}"
        (place / "why.txt").write_text(why)
        raise
