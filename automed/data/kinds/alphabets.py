"""What sequences are written in: DNA and protein letter by letter, molecules as SMILES.

Source: Cornish-Bowden 1985, Nucleic Acids Res 13:3021 (DNA codes, table 1); IUPAC-IUB 1984, Eur J Biochem 138:9
(amino acids; J, U and O came later); Schwaller et al. 2018, Chem Sci 9:6091, section 3.1 (how SMILES are cut).
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from automed.data.kinds.tokens import SPECIAL

BASES = "ACGT"
# Each code of DNA and the bases that it may stand for; U is T in RNA.
DNA = {base: base for base in BASES} | {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
PROTEIN = "ACDEFGHIKLMNPQRSTVWYBZXJUO*"  # the twenty, then mixtures, rare ones and a stop
LETTERS = {"dna": "".join(DNA), "protein": PROTEIN}

# Bracket atoms, Cl, Br, @@ and ring closures of two digits are one token; what is no SMILES is a token a sign.
_SMILES = re.compile(r"\[[^\]]+\]|Br|Cl|@@|%\d\d|%\(\d+\)|.", re.DOTALL)
_NONE = 255
_ALSO = {"dna": {"U": "T"}, "protein": {}}


def cut_smiles(text: str) -> list[str]:
    """The tokens of a SMILES; together they are the text."""
    return _SMILES.findall(text)


def read_letters(text: str, alphabet: str) -> tuple[npt.NDArray[np.uint8], str | None]:
    """The place of each letter in `LETTERS[alphabet]`, and what is wrong: the first letter that is not in it.

    Args:
        text: without spaces; lower case is as good.
        alphabet: dna or protein.

    Returns:
        uint8 (t,), empty where something is wrong; and the reason, or None.
    """
    # A sign beyond Latin 1 becomes "?", which is in no alphabet, so that places stay.
    places = _TABLES[alphabet][np.frombuffer(text.encode("latin-1", "replace"), np.uint8)]
    strange = np.flatnonzero(places == _NONE)
    if len(strange):
        first = int(strange[0])
        return places[:0], f"letter {text[first]!a} at place {first + 1:,} is not in the {alphabet} alphabet"
    return places, None


def complement() -> list[int]:
    """Of each id of DNA the id of what stands opposite: A of T, and R (A or G) of Y (T or C)."""
    opposite = str.maketrans(BASES, BASES[::-1])
    code = {frozenset(bases): letter for letter, bases in DNA.items()}
    letters = LETTERS["dna"]
    paired = [letters.index(code[frozenset(DNA[letter].translate(opposite))]) for letter in letters]
    return [*range(len(SPECIAL)), *(place + len(SPECIAL) for place in paired)]


def shares() -> list[list[float]]:
    """Of each id of DNA how likely it is A, C, G and T; of padding nothing, of unknown a quarter each."""
    rows = [[bases.count(base) / len(bases) for base in BASES] for bases in DNA.values()]
    return [[0.0] * 4, [0.25] * 4, *rows]


def _table(alphabet: str) -> npt.NDArray[np.uint8]:
    table = np.full(256, _NONE, np.uint8)
    letters = LETTERS[alphabet]
    for place, letter in enumerate(letters):
        table[[ord(letter), ord(letter.lower())]] = place
    for other, letter in _ALSO[alphabet].items():
        table[[ord(other), ord(other.lower())]] = letters.index(letter)
    return table


_TABLES = {alphabet: _table(alphabet) for alphabet in LETTERS}
