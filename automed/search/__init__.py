"""Search: engines propose candidates, isolated workers train them, baselines hold the bar."""

from automed.registry import Entry, Table

ENGINES = Table(
    "search engine",
    {
        "optuna": Entry(
            "automed.search.engine_optuna:OptunaEngine", "TPE and others with hyperband; several processes"
        ),
        "keras-tuner": Entry(
            "automed.search.engine_keras_tuner:KerasTunerEngine", "hyperband, Gaussian process, random, grid"
        ),
    },
)

BASELINES = Table(
    "baseline",
    {
        "majority": Entry(
            "automed.search.baselines.majority:fit_majority", "every record gets the classes' shares in training"
        ),
        "boosting": Entry(
            "automed.search.baselines.boosting:fit_boosting", "gradient boosting on simple features of every input"
        ),
        "tfidf": Entry(
            "automed.search.baselines.tfidf:fit_tfidf", "logistic regression on TF-IDF of words and bigrams; texts"
        ),
        "kmer": Entry(
            "automed.search.baselines.kmer:fit_kmer", "gradient boosting on k-mers and letters by place; sequences"
        ),
        "minirocket": Entry(
            "automed.search.baselines.minirocket:fit_minirocket", "MiniRocket features and ridge regression; signals"
        ),
    },
)
