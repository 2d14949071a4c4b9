"""The DNA phantom: windows of 120 nucleotides with planted motifs, and decoys that differ only in their order.

Source of the matrices: JASPAR MA0108.2 (TBP; Bucher 1990, J Mol Biol 212:563) and MA0139.1 (CTCF), CC BY 4.0
(Sandelin et al. 2004, Nucleic Acids Res 32:D91).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.phantoms.people import OLD, people
from automed.data.records import Records, Regions, Texts
from automed.recipe import PhantomData, Recipe, SequenceInput

LENGTH = 120
CLASSES = ("none", "tata", "ctcf", "both")
PREVALENCE = (0.40, 0.20, 0.20, 0.20)
BASES = "ACGT"
GC = 0.42  # of the human genome, 0.41 (Lander et al. 2001, Nature 409:860)
# How often each base was seen at each place of a motif: A, C, G, T.
TATA = (
    (61, 16, 352, 3, 354, 268, 360, 222, 155),
    (145, 46, 0, 10, 0, 0, 3, 2, 44),
    (152, 18, 2, 2, 5, 0, 20, 44, 157),
    (31, 309, 35, 374, 30, 121, 6, 121, 33),
)
CTCF = (
    (87, 167, 281, 56, 8, 744, 40, 107, 851, 5, 333, 54, 12, 56, 104, 372, 82, 117, 402),
    (291, 145, 49, 800, 903, 13, 528, 433, 11, 0, 3, 12, 0, 8, 733, 13, 482, 322, 181),
    (76, 414, 449, 21, 0, 65, 334, 48, 32, 903, 566, 504, 890, 775, 5, 507, 307, 73, 266),
    (459, 187, 134, 36, 2, 91, 11, 324, 18, 3, 9, 341, 8, 71, 67, 17, 37, 396, 59),
)
_SLOT = 30  # a window has four slots of 30; a motif or decoy lies within one
_SHARP = 3  # occurrences are nearer to the consensus than in a genome, where most TATA boxes cannot be told from chance
_MUTATED, _WORSE = 0.3, 0.6  # share of mutated places at difficulty 1, and what disadvantage 1 adds
_RICHER = 0.25  # more G and C in the windows of `ctcf` where the shortcut is whole

Index = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Knobs:
    """What is drawn.

    Attributes:
        records: how many windows.
        seed: the same seed gives the same letters, and fewer records are the first ones of more.
        difficulty: 0: motifs near their consensus; 1: three in ten of their places are mutated.
        shortcut: how much more G and C the windows of `ctcf` have around everything; 0 plants nothing.
        disadvantage: how many more places are mutated in patients of 60 years or more.
    """

    records: int = 2000
    seed: int = 0
    difficulty: float = 0.5
    shortcut: float = 0.0
    disadvantage: float = 0.0


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows and everything that is known about them.

    Attributes:
        letters: uint8 (n, 120), place in BASES.
        masks: uint8 (n, 120), 1 where a motif lies; decoys are 0.
        y: int64 (n,), position in CLASSES.
        frame: one row a window: patient, sex, age, age_band, label.
    """

    letters: Bytes
    masks: Bytes
    y: Index
    frame: pd.DataFrame


def read(recipe: Recipe) -> Records:
    """The phantom of a recipe with one input, a sequence of DNA.

    Raises:
        RecipeError: another input, or classes that the phantom does not draw.
    """
    data = recipe.data
    if not isinstance(data, PhantomData):
        raise recipe.fail("data.source", "is not the phantom")
    if len(recipe.inputs) != 1:
        raise recipe.fail("inputs", f"of the dna phantom must be one sequence, got {len(recipe.inputs)}")
    (name, spec), *_ = recipe.inputs.items()
    if not isinstance(spec, SequenceInput) or spec.alphabet != "dna":
        raise recipe.fail(f"inputs.{name}", "of the dna phantom must be {kind: sequence, alphabet: dna}")
    classes = CLASSES if data.classes is None else tuple(data.classes)
    if set(classes) != set(CLASSES):
        raise recipe.fail("data.classes", f"of the dna phantom are {', '.join(CLASSES)}; order and names are free")
    drawn = draw(Knobs(data.records, data.seed, data.difficulty, data.shortcut, data.disadvantage))
    for column in data.sensitive:
        if column not in drawn.frame.columns:
            raise recipe.fail("data.sensitive", f"names {column!r}; the dna phantom has sex and age_band")
    order = np.array([classes.index(key) for key in CLASSES], np.int64)
    return Records(
        frame=drawn.frame,
        y=order[drawn.y],
        classes=classes,
        patient=drawn.frame["patient"].to_numpy(object),
        items={name: Texts(spell(drawn.letters))},
        rows=np.arange(1, data.records + 1, dtype=np.int64),
        regions={name: Regions(drawn.masks, ("motif",))},
        phantom=True,
    )


def draw(knobs: Knobs) -> Windows:
    """Draw windows, masks and the table that goes with them.

    Every window has one element with the letters of a TATA box and one with those of a CTCF site, the true motif or a
    shuffled one, so that letters alone say nothing. In `both` the TATA box comes first. Half of the windows are read
    from the other strand.
    """
    seed, n = knobs.seed % 2**63, knobs.records
    frame = people(seed, n, "PD")
    # Steps of the golden ratio fill the interval evenly: few records hold each class too.
    even = (np.arange(n) * 0.6180339887498949 + np.random.default_rng([seed, 0]).random()) % 1.0
    y = np.searchsorted(np.cumsum(PREVALENCE)[:-1], even, side="right").astype(np.int64)
    frame["label"] = np.array(CLASSES, object)[y]
    once = _Draws(seed, n)
    rich = GC + 0.04 * (2.0 * once.table(1)[:, 0] - 1.0) + _RICHER * knobs.shortcut * (y == CLASSES.index("ctcf"))
    background = np.stack([1 - rich, rich, rich, 1 - rich], axis=1) / 2.0
    letters = _pick(background[:, None, :], once.table(LENGTH))
    masks = np.zeros((n, LENGTH), np.uint8)
    old = (frame["age_band"] == OLD).to_numpy(np.float64)
    rate = np.asarray(_MUTATED * knobs.difficulty + _WORSE * knobs.disadvantage * old, np.float64)
    # Four slots in an order by chance; where both motifs are true, the first two are put in order.
    slots = once.table(LENGTH // _SLOT).argsort(axis=1)
    both = y == CLASSES.index("both")
    slots[both, :2] = np.sort(slots[both, :2], axis=1)
    for place, (counts, classes) in enumerate(((TATA, ("tata", "both")), (CTCF, ("ctcf", "both")))):
        true = np.isin(y, [CLASSES.index(key) for key in classes])
        motif = _motif(counts, true, rate, background, once)
        offset = (once.table(1)[:, 0] * (_SLOT - motif.shape[1] + 1)).astype(np.int64)
        columns = (slots[:, place] * _SLOT + offset)[:, None] + np.arange(motif.shape[1])
        np.put_along_axis(letters, columns, motif, axis=1)
        np.put_along_axis(masks, columns, np.broadcast_to(true[:, None], motif.shape).astype(np.uint8), axis=1)
    other = once.table(1)[:, 0] < 0.5
    letters[other] = len(BASES) - 1 - letters[other, ::-1]
    masks[other] = masks[other, ::-1]
    return Windows(letters, masks, y, frame)


def spell(letters: Bytes) -> npt.NDArray[np.object_]:
    """object (n,), each row of places in BASES as text."""
    signs = np.frombuffer(BASES.encode(), np.uint8)[letters]
    return np.array([row.tobytes().decode() for row in signs], object)


class _Draws:
    """Uniform numbers, a stream a table, one row a window: more windows never change those before."""

    def __init__(self, seed: int, rows: int) -> None:
        self._seed, self._rows, self._next = seed, rows, 10

    def table(self, columns: int) -> Floats:
        """float64 (rows, columns) in [0, 1), never the same twice."""
        self._next += 1
        return np.random.default_rng([self._seed, self._next]).random((self._rows, columns))


def _pick(chances: Floats, uniform: Floats) -> Bytes:
    """A place in BASES for each number: chances (..., 4) that add up to 1."""
    steps = np.cumsum(chances, axis=-1)[..., :-1]
    return np.asarray((uniform[..., None] >= steps).sum(axis=-1), np.uint8)


def _motif(
    counts: tuple[tuple[int, ...], ...], true: npt.NDArray[np.bool_], rate: Floats, background: Floats, once: _Draws
) -> Bytes:
    """One occurrence a window, uint8 (n, width): as the matrix has it, mutated, and where it is not true shuffled."""
    matrix = np.array(counts, np.float64).T ** _SHARP
    width = len(matrix)
    found = _pick((matrix / matrix.sum(axis=1, keepdims=True))[None], once.table(width))
    mutated = once.table(width) < rate[:, None]
    found = np.where(mutated, _pick(background[:, None, :], once.table(width)), found)
    shuffled = np.take_along_axis(found, once.table(width).argsort(axis=1), axis=1)
    return np.where(true[:, None], found, shuffled).astype(np.uint8)
