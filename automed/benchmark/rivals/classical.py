"""The classical baselines of automed that suit the kinds of input; the one that does best on the validation set.

The only rival that imports automed: its baselines are meant to be strong, and no library has them in one place.
"""

from __future__ import annotations

import kit
import numpy as np


def fit(given: kit.Given) -> kit.Answer:
    """Fit each within its share of the time, and take the best by macro-F1."""
    from automed.search import BASELINES
    from automed.search.baselines import default_baselines
    from automed.search.baselines.material import Material

    kinds = [str(entry["kind"]) for entry in given.facts.values()]
    irregular = any(bool(entry.get("irregular")) for entry in given.facts.values())
    names = [name for name in default_baselines(kinds, irregular=irregular) if name != "majority"]
    y = given.y["train"]
    material = Material(given.x["train"], given.facts, np.arange(len(y)), y, len(given.classes), given.task)
    found = {}
    for name in names:
        # On one thread, as a search fits them: trees on several wait for each other, and are no faster.
        predict = BASELINES.load(name)(material, seed=given.seed, seconds=given.seconds / len(names))
        answers = [predict(given.x[split], np.arange(given.rows(split))) for split in ("validation", "test")]
        found[name] = (macro_f1(given, answers[0]), *answers)
    best = max(names, key=lambda name: found[name][0])
    return kit.Answer(
        found[best][1],
        found[best][2],
        chosen=best if len(names) == 1 else f"{best}, the best of {', '.join(names)}",
        trials=len(names),
        versions=kit.versions("sklearn"),
    )


def macro_f1(given: kit.Given, probabilities: kit.Array) -> float:
    """Of the validation set, by the most probable class, or by labels more likely than not."""
    from sklearn.metrics import f1_score

    said = (probabilities >= 0.5).astype(int) if given.several else probabilities.argmax(axis=1)
    return float(f1_score(given.y["validation"], said, average="macro", zero_division=0))


if __name__ == "__main__":
    kit.run(fit, reads=kit.EVERY, needs=("automed", "sklearn"))
