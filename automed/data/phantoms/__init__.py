"""Synthetic records with a known answer: where the sign is, which group is disadvantaged. No patients.

`PHANTOMS` names them: each is `read(recipe) -> Records`.
"""

from automed.registry import Entry, Table

PHANTOMS = Table(
    "phantom",
    {
        "dermoscopy": Entry("automed.data.phantoms.dermoscopy.phantom:read", "pigmented lesions by the ABCD features"),
        "ecg": Entry("automed.data.phantoms.ecg.phantom:read", "12-lead ECGs: normal, ST elevation, no P waves"),
        "notes": Entry("automed.data.phantoms.notes:read", "notes on breathless patients, with what is denied"),
        "dna": Entry("automed.data.phantoms.dna:read", "windows of DNA with planted motifs, and decoys"),
    },
)
