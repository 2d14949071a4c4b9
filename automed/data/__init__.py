"""Records: where they come from, how they are decoded once, split and checked.

`SOURCES` names the readers: each is `read(recipe) -> Records`.
"""

from automed.registry import Entry, Table

SOURCES = Table(
    "source",
    {
        "table": Entry("automed.data.table:read", "one row a record in a csv, tsv or parquet file, plus image files"),
        "folder": Entry("automed.data.folder:read", "one folder a class, with or without train/val/test on top"),
        "npz": Entry("automed.data.npz:read", "arrays in the MedMNIST layout, or plain images and labels"),
        "medmnist": Entry("automed.data.medmnist:read", "a MedMNIST set, fetched once and checked against its MD5"),
        "phantom": Entry("automed.data.phantom:read", "synthetic records with a known answer; no patients"),
    },
)
