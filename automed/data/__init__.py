"""Records: where they come from, how they are decoded once, split and checked.

`SOURCES` names the readers: each is `read(recipe) -> Records`.
"""

from automed.registry import Entry, Table

SOURCES = Table(
    "source",
    {
        "table": Entry(
            "automed.data.sources.table:read", "one row a record in a csv, tsv or parquet file, plus image files"
        ),
        "folder": Entry(
            "automed.data.sources.folder:read", "one folder a class, with or without train/val/test on top"
        ),
        "npz": Entry("automed.data.sources.npz:read", "arrays in the MedMNIST layout, or plain images and labels"),
        "medmnist": Entry(
            "automed.data.sources.medmnist:read", "a MedMNIST set, fetched once and checked against its MD5"
        ),
        "sample": Entry("automed.data.sources.sample:read", "real records that come with a package"),
        "phantom": Entry("automed.data.sources.phantom:read", "synthetic records with a known answer; no patients"),
    },
)
