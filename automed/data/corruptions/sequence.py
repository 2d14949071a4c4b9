"""Corruptions of sequences: whole numbers (n, tokens), 0 padding, 1 unknown.

DNA and proteins have letters that a sequencer may misread or lose. Another letter in a SMILES is another molecule;
what may be done to it is to write the same molecule in another way. The shares are our own choice.

Source: Bjerrum 2017, arXiv:1703.07076, section 2 (one molecule in many SMILES).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from automed.data import scaffolds
from automed.data.corruptions.corruption import Array, Corruption, Facts, Shape, fixed, lots
from automed.data.kinds.alphabets import BASES, PROTEIN
from automed.data.kinds.tokens import PADDING, UNKNOWN

LETTERS = {"dna": BASES, "protein": PROTEIN[:20]}  # without codes of several, which a sequencer does not mistake
SHARES = fixed(0.01, 0.02, 0.05, 0.1, 0.2)


def _substitution(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Some letters become another of the alphabet, each as likely."""
    alphabet = list(facts["alphabet"])
    ids = np.array([alphabet.index(letter) for letter in LETTERS[facts["kind_of"]] if letter in alphabet], np.int64)
    place = np.full(len(alphabet), -1)
    place[ids] = np.arange(len(ids))
    own = place[values]
    step = rng.integers(1, len(ids), values.shape)
    misread = (rng.random(values.shape) < amount) & (own >= 0)
    return np.where(misread, ids[(own + step) % len(ids)], values).astype(values.dtype)


def _deletion(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Some letters are gone and the rest moves up; what comes in at the end of aligned sequences is not known."""
    lost = lots(rng, values != PADDING, amount)
    order = np.argsort(lost, axis=1, kind="stable")
    moved = np.take_along_axis(values, order, axis=1)
    end = np.take_along_axis(lost, order, axis=1)
    return np.where(end, UNKNOWN if facts.get("aligned") else PADDING, moved).astype(values.dtype)


def _rewriting(values: Array, facts: Facts, amount: float, rng: np.random.Generator) -> Array:
    """Some molecules are written from another atom on; those that cannot be read, or become too long, stay."""
    from rdkit import Chem, rdBase

    from automed.data.kinds.sequence import tokenise

    chosen, seeds = rng.random(len(values)) < amount, rng.integers(1, 2**31 - 1, len(values))
    changed = values.copy()
    with rdBase.BlockLogs():  # RDKit prints each SMILES that it cannot read
        for row in np.flatnonzero(chosen & ~(values == UNKNOWN).any(axis=1)):
            written = "".join(facts["alphabet"][each] for each in values[row])
            molecule: Any = Chem.MolFromSmiles(written)
            if molecule is None:
                continue
            other = Chem.MolToRandomSmilesVect(molecule, 1, randomSeed=int(seeds[row]))[0]
            ids = tokenise({**facts, "length": values.shape[1] + 1}, [other])[0]
            if ids[-1] == PADDING:
                changed[row] = ids[:-1]
    return changed


def _no_letters(facts: Facts, shape: Shape) -> str | None:
    if facts.get("kind_of") == "smiles":
        return "another letter in a SMILES is another molecule, whose reference standard is not known"
    if facts.get("kind_of") not in LETTERS:
        return "the alphabet of the sequences is not known"
    return None


def _no_molecules(facts: Facts, shape: Shape) -> str | None:
    if facts.get("kind_of") != "smiles":
        return "only a molecule can be written in several ways"
    return None if scaffolds.installed() else "RDKit is not installed: pip install 'automed[chem]'"


SUBSTITUTION = Corruption("substitution", "share of the letters that are misread", _substitution, SHARES, _no_letters)
DELETION = Corruption("deletion", "share of the letters that are lost", _deletion, SHARES, _no_letters)
REWRITING = Corruption(
    "rewriting", "share of the molecules that are rewritten", _rewriting, fixed(0.2, 0.4, 0.6, 0.8, 1.0), _no_molecules
)
