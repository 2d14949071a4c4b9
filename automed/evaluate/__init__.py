"""How good a model is: metrics, each with a patient-cluster interval, and paired tests against a baseline.

A new metric is a `Metric` in `metrics.py`, its weighted twin in `resamples.py`, and one line here; the contract suite
then tests it by itself.
"""

from __future__ import annotations

from automed.registry import Entry, Table

METRICS = Table(
    "metric",
    {
        "macro_f1": Entry("automed.evaluate.metrics:MACRO_F1", "mean over classes or labels of the F1 score"),
        "accuracy": Entry("automed.evaluate.metrics:ACCURACY", "share of records decided as the reference standard"),
        "balanced_accuracy": Entry(
            "automed.evaluate.metrics:BALANCED_ACCURACY",
            "mean of the recalls of all classes, or of both sides of all labels",
        ),
        "auroc": Entry("automed.evaluate.metrics:AUROC", "area under the receiver operating characteristic"),
        "auprc": Entry("automed.evaluate.metrics:AUPRC", "area under the precision-recall curve (average precision)"),
        "mcc": Entry("automed.evaluate.metrics:MCC", "Matthews correlation coefficient"),
        "qwk": Entry("automed.evaluate.metrics:QWK", "Cohen's kappa with quadratic weights, of ordinal classes"),
        "rank_error": Entry("automed.evaluate.metrics:RANK_ERROR", "mean distance in ranks, of ordinal classes"),
        "brier": Entry(
            "automed.evaluate.metrics:BRIER", "mean squared error of the probabilities, summed over classes"
        ),
        "log_loss": Entry("automed.evaluate.metrics:LOG_LOSS", "mean negative log-likelihood, in nats"),
    },
)
