"""Simple features of each kind of input, for models that are no networks.

Each is a `Features`, explained in `automed.search.baselines.features.columns`. A new kind of input is one file and one
line here.
"""

from automed.registry import Entry, Table

FEATURES = Table(
    "kind of input with simple features",
    {
        "image": Entry(
            "automed.search.baselines.features.pictures:Pictures", "small copy, shades, directions of edges"
        ),
        "signal": Entry("automed.search.baselines.features.signals:Signals", "moments, quantiles, trend, spectrum"),
        "text": Entry("automed.search.baselines.features.texts:Texts", "TF-IDF of the words that tell classes apart"),
        "sequence": Entry(
            "automed.search.baselines.features.sequences:Sequences", "counts of k-mers, letters by place"
        ),
        "tabular": Entry("automed.search.baselines.features.cells:Cells", "numbers and categories as they are"),
    },
)
