"""Benchmarks: the whole story over recipes, seeds and engines, kept for years and compared with statistics.

`suite` says what is run, `conduct` runs it cell by cell, `history` keeps what came out, `comparison` decides whether it
got better or worse, `page` shows it, `schedule` brings it back every week.
"""

from automed.registry import Entry, Table

ENGINES = Table(
    "engine",
    {
        "automed": Entry("automed.benchmark.own:cell", "Our search, with Optuna."),
        "automed-keras-tuner": Entry("automed.benchmark.own:cell", "Our search, with Keras-Tuner."),
        "majority": Entry("automed.benchmark.rival:cell", "The shares of the classes in training."),
        "classical": Entry("automed.benchmark.rival:cell", "Boosting, k-mers, TF-IDF or MiniRocket, by kind of input."),
        "keras-tuner": Entry("automed.benchmark.rival:cell", "Keras-Tuner over a model that a tutorial would write."),
        "optuna": Entry("automed.benchmark.rival:cell", "A plain loop of Optuna and Keras, as in Optuna's examples."),
        "autokeras": Entry("automed.benchmark.rival:cell", "AutoKeras, in an environment of its own."),
        "minirocket": Entry("automed.benchmark.rival:cell", "MiniRocket of the library aeon, for signals."),
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
