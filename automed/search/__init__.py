"""Search: engines propose candidates, isolated workers train them, baselines hold the bar."""

from automed.registry import Entry, Table

ENGINES = Table(
    "search engine",
    {"optuna": Entry("automed.search.engine_optuna:OptunaEngine", "TPE and others with hyperband; several processes")},
)

BASELINES = Table(
    "baseline",
    {
        "majority": Entry("automed.search.baselines:fit_majority", "every record gets the classes' shares in training"),
        "boosting": Entry("automed.search.baselines:fit_boosting", "gradient boosting on small-image features"),
    },
)
