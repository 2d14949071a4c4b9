"""Train a tiny network for five seconds, as a worker would: does this machine learn, on what, and how fast?

Run by `automed doctor` as `python -m automed.search.selftest RESULT.json`, in the environment of a worker. The pictures
are noise with a bright patch on the left or on the right; a network that does not learn that learns nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.run import write_json
from automed.runtime import compile_ahead, peak_memory_mb, precision, prepare_worker, seed_everything

SECONDS = 5.0
IMAGES, SIDE, BATCH = 1024, 32, 64
FALL = 0.8  # the loss must end below this share of what it was; here it falls to a tenth in a second


def pictures(seed: int = 0) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """IMAGES pictures of two kinds: float32 (n, SIDE, SIDE, 3) about standardised, and int64 (n,) in {0, 1}."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, IMAGES)
    x = random.normal(0.0, 1.0, (IMAGES, SIDE, SIDE, 3)).astype(np.float32)
    half = SIDE // 2
    x[y == 0, half - 4 : half + 4, 4:12] += 1.0
    x[y == 1, half - 4 : half + 4, SIDE - 12 : SIDE - 4] += 1.0
    return x, y


def run(seconds: float = SECONDS) -> dict[str, Any]:
    """Train for about `seconds`; say how fast, on which devices, and whether the loss fell.

    Raises:
        whatever the backend raises where it cannot train; `main` writes it down.
    """
    started = time.monotonic()
    import keras

    prepare_worker()
    seed_everything(0)
    policy = precision("auto")
    keras.config.set_dtype_policy(policy)
    x, y = pictures()
    model = _network()
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=compile_ahead(),
    )
    before = float(model.evaluate(x, y, batch_size=BATCH, verbose=0))
    model.fit(x[:BATCH], y[:BATCH], batch_size=BATCH, verbose=0)  # traces; the clock starts after it
    ready = time.monotonic()
    epochs = 0
    while time.monotonic() - ready < seconds:
        model.fit(x, y, batch_size=BATCH, verbose=0)
        epochs += 1
    trained = time.monotonic() - ready
    after = float(model.evaluate(x, y, batch_size=BATCH, verbose=0))
    return {
        "ok": bool(np.isfinite(after) and after < FALL * before),
        "backend": keras.backend.backend(),
        "devices": [str(device) for device in keras.distribution.list_devices()],
        "precision": policy,
        "images_per_second": round(epochs * IMAGES / trained, 1),
        "loss": {"before": round(before, 4), "after": round(after, 4)},
        "seconds": {"start": round(ready - started, 2), "training": round(trained, 2)},
        "peak_memory_mb": round(peak_memory_mb()),
    }


def main(arguments: list[str]) -> None:
    """Write the result to the file that is named."""
    try:
        result = run()
    except Exception as problem:  # noqa: BLE001  # that training fails, and how, is the answer that was asked for
        text = str(problem).strip().splitlines()
        result = {"ok": False, "error": f"{type(problem).__name__}: {text[0][:300] if text else ''}"}
    write_json(Path(arguments[0]), result)


def _network() -> Any:
    import keras

    inputs = keras.Input((SIDE, SIDE, 3))
    x = inputs
    for width in (16, 32):
        x = keras.layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        x = keras.layers.MaxPooling2D(4)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(x))


if __name__ == "__main__":
    main(sys.argv[1:])
