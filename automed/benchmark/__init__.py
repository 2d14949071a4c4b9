"""Benchmarks: the whole story over recipes, seeds and engines, kept for years and compared with statistics.

`suite` says what is run, `conduct` runs it cell by cell (`cells`, `rivals`), `history` keeps what came out (`storage`),
`comparison` decides whether it got better or worse, `page` shows it, `schedule` brings it back every week.
"""

from automed.registry import Entry, Table

_OWN, _RIVAL = "automed.benchmark.cells.own:cell", "automed.benchmark.cells.rival:cell"
ENGINES = Table(
    "engine",
    {
        "automed": Entry(_OWN, "Our search, with Optuna."),
        "automed-keras-tuner": Entry(_OWN, "Our search, with Keras-Tuner."),
        "majority": Entry(_RIVAL, "The shares of the classes in training."),
        "classical": Entry(_RIVAL, "Boosting, k-mers, TF-IDF or MiniRocket, by kind of input."),
        "keras-tuner": Entry(_RIVAL, "Keras-Tuner over a model that a tutorial would write."),
        "optuna": Entry(_RIVAL, "A plain loop of Optuna and Keras, as in Optuna's examples."),
        "autokeras": Entry(_RIVAL, "AutoKeras, in an environment of its own."),
        "minirocket": Entry(_RIVAL, "MiniRocket of the library aeon, for signals."),
    },
)
KIND = {
    "automed": "ours",
    "automed-keras-tuner": "ours",
    "majority": "baseline",
    "classical": "classical",
    "minirocket": "classical",
    "keras-tuner": "deep",
    "optuna": "deep",
    "autokeras": "deep",
}
OURS = tuple(name for name, kind in KIND.items() if kind == "ours")
