"""Molecules by their ring systems: Bemis-Murcko scaffolds, and the split that keeps each scaffold in one part.

RDKit does the chemistry; it comes with the extra `chem`.
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.errors import MissingExtra

NO_RING = ""  # the scaffold of every molecule without a ring


def installed() -> bool:
    """Whether RDKit is there."""
    return importlib.util.find_spec("rdkit") is not None


def scaffolds(smiles: Sequence[str]) -> npt.NDArray[np.object_]:
    """The scaffold of each molecule as SMILES without stereochemistry.

    All molecules without a ring share one, `NO_RING`, as in MoleculeNet and DeepChem. SMILES that RDKit cannot read
    are a scaffold each, named after what is written; DeepChem leaves such records out.

    Args:
        smiles: n texts.

    Returns:
        object (n,), text.

    Raises:
        MissingExtra: RDKit is not installed.

    Source: Bemis and Murcko 1996, J Med Chem 39:2887 (molecular frameworks).
    """
    if not installed():
        raise MissingExtra(
            "a split by scaffold needs RDKit",
            where="split",
            hint="Install it with: pip install 'automed[chem]', or split by patient.",
        )
    return np.array(_scaffolds(tuple(smiles)), object)


@lru_cache(maxsize=1)
def _scaffolds(smiles: tuple[str, ...]) -> list[str]:
    # Splitting and joining patients ask for the same molecules, at a millisecond each.
    from rdkit import Chem, rdBase
    from rdkit.Chem.Scaffolds import MurckoScaffold

    frame_of: Any = MurckoScaffold.MurckoScaffoldSmiles
    found = []
    with rdBase.BlockLogs():  # RDKit prints each SMILES that it cannot read
        for text in smiles:
            molecule: Any = Chem.MolFromSmiles(text)
            known = molecule is not None
            found.append(str(frame_of(mol=molecule, includeChirality=False)) if known else f"unreadable {text}")
    return found


def canonical(smiles: Iterable[str]) -> list[str]:
    """One way of writing each molecule: RDKit's, or the text as it is where RDKit is missing or cannot read it."""
    texts = list(smiles)
    if not installed():
        return texts
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecules: Iterator[Any] = (Chem.MolFromSmiles(text) for text in texts)
        return [text if one is None else Chem.MolToSmiles(one) for text, one in zip(texts, molecules, strict=True)]


def deal(scaffold: npt.NDArray[np.object_], fractions: tuple[float, float, float]) -> npt.NDArray[np.int64]:
    """Whole scaffolds dealt out: the largest to part 0 as long as they fit, then to part 1, what is left to part 2.

    So the test asks for molecules unlike those of training. A scaffold fits into part 1 where both parts together stay
    within their shares; smaller ones that come later may still fit into part 0. Of scaffolds of equal size that whose
    first row is the last goes first. The order of the rows matters for this alone, and it does matter: most scaffolds
    have one molecule, published figures rest on this rule, and by another 87 % of BBBP's test are positive, not 53.

    Args:
        scaffold: object (n,), text.
        fractions: shares of training, validation and test; the sum is 1.

    Returns:
        int64 (n,), 0, 1 or 2.

    Source: Wu et al. 2018, Chem Sci 9:513 (MoleculeNet), on splitting; the rule is DeepChem's ScaffoldSplitter.
    """
    sizes = Counter(scaffold.tolist())
    first, second = fractions[0] * len(scaffold), (fractions[0] + fractions[1]) * len(scaffold)
    slack = 1e-9 * len(scaffold)  # shares such as .7 are not exact
    held = [0, 0, 0]
    part: dict[str, int] = {}
    begins = {name: row for row, name in reversed(list(enumerate(scaffold.tolist())))}
    for name in sorted(sizes, key=lambda each: (-sizes[each], -begins[each])):
        if held[0] + sizes[name] <= first + slack:
            part[name] = 0
        elif held[0] + held[1] + sizes[name] <= second + slack:
            part[name] = 1
        else:
            part[name] = 2
        held[part[name]] += sizes[name]
    return np.array([part[name] for name in scaffold.tolist()], np.int64)
