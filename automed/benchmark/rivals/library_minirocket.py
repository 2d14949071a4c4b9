"""MiniRocket of the library aeon with ridge regression, as its authors use it.

Source: Dempster, Schmidt and Webb 2021, KDD, section 3; aeon, MiniRocketClassifier.
"""

from __future__ import annotations

from typing import Any

import kit
import numpy as np

KERNELS = 10_000
CELLS = 2**27  # features of the training records at once; above, fewer kernels
SOLVE_S = 2e-9  # seconds of ridge regression, divided by the third power of records or features, whichever are fewer
SHORTEST = 9  # steps that a kernel needs
TEMPERATURES = np.logspace(-1, 1.5, 60)


def fit(given: kit.Given) -> kit.Answer:
    """Features of every signal, ridge regression, and probabilities with one temperature from the validation set."""
    from aeon.transformations.collection.convolution_based import MiniRocket
    from sklearn.linear_model import RidgeClassifierCV
    from sklearn.preprocessing import StandardScaler

    names = given.named("signal")
    kernels = max(84, afford(len(given.y["train"]), given.seconds) // len(names))
    features: dict[str, list[kit.Array]] = {split: [] for split in kit.SPLITS}
    for name in names:
        signals = series(given, name)
        rocket = MiniRocket(n_kernels=kernels, n_jobs=given.cores, random_state=given.seed)
        rocket.fit(signals["train"])
        for split in kit.SPLITS:
            features[split].append(np.asarray(rocket.transform(signals[split]), np.float32))
    x = {split: np.concatenate(parts, axis=1) for split, parts in features.items()}
    scaler = StandardScaler(with_mean=False).fit(x["train"])
    x = {split: scaler.transform(values) for split, values in x.items()}
    present = known(given)
    y = {split: values[:, present] if given.several else values for split, values in given.y.items()}
    ridge = RidgeClassifierCV(alphas=np.logspace(-3, 3, 10)).fit(x["train"], y["train"])
    decided = {split: decisions(ridge, x[split], len(present)) for split in ("validation", "test")}
    best = min(TEMPERATURES, key=lambda t: loss(given, probabilities(given, decided["validation"] * t, present)))
    said = [probabilities(given, decided[split] * best, present) for split in ("validation", "test")]
    left_out = [name for name in given.facts if name not in names]
    also = f"; {', '.join(left_out)} not read" if left_out else ""
    return kit.Answer(
        *said,
        chosen=f"{x['train'].shape[1]} features, alpha {np.max(ridge.alpha_):g}{also}",
        trials=1,
        versions=kit.versions("aeon", "sklearn", "numba"),
    )


def afford(rows: int, seconds: float) -> int:
    """How many kernels memory and half the time allow."""
    kernels = min(KERNELS, CELLS // rows)
    square = (0.5 * seconds / SOLVE_S) ** (1 / 3)
    return kernels if rows <= square else int(min(kernels, square))


def series(given: kit.Given, name: str) -> dict[str, kit.Array]:
    """Signals as aeon has them, float32 (n, channels, steps): standardised, gaps filled, constant channels left out."""
    raw = {split: given.x[split][name] for split in kit.SPLITS}
    made = kit.standard(raw, as_they_are=kit.binary(raw["train"]))
    train = made["train"]
    varied = np.ptp(train.reshape(-1, train.shape[-1]), axis=0) > 0
    if not varied.any():
        varied[0] = True
    short = max(0, SHORTEST - train.shape[1])
    return {
        split: np.ascontiguousarray(
            np.pad(values[:, :, varied].transpose(0, 2, 1), ((0, 0), (0, 0), (0, short)), mode="edge")
        )
        for split, values in made.items()
    }


def known(given: kit.Given) -> kit.Array:
    """The classes that training has; of several labels those that some records bear and some do not."""
    share = given.shares
    return np.flatnonzero((share > 0) & (share < 1))


def decisions(ridge: Any, x: kit.Array, width: int) -> kit.Array:
    """Decision values float (n, width) also of two classes, where scikit-learn gives one."""
    values = np.asarray(ridge.decision_function(x), np.float64)
    if values.ndim == 1:
        return values[:, None] if width == 1 else np.stack([-values, values], axis=1)
    return values


def probabilities(given: kit.Given, values: kit.Array, present: kit.Array) -> kit.Array:
    """Of all classes, float (n, classes): those that training lacked have 0, or 1 where all of training bore them."""
    answers = np.tile((given.shares == 1).astype(np.float64), (len(values), 1))
    if given.several:
        answers[:, present] = 1 / (1 + np.exp(-2 * values))
    else:
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        answers[:, present] = powers / powers.sum(axis=1, keepdims=True)
    return answers


def loss(given: kit.Given, said: kit.Array) -> float:
    """Mean log loss of the validation set."""
    y, said = given.y["validation"], said.clip(1e-6, 1 - 1e-6)
    if given.several:
        return float(-(y * np.log(said) + (1 - y) * np.log(1 - said)).mean())
    return float(-np.log(said[np.arange(len(y)), y]).mean())


if __name__ == "__main__":
    kit.run(fit, reads=("signal",), needs=("aeon", "sklearn", "numba"))
