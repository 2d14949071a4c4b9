"""The DNA phantom draws the same windows from the same seed, and plants what its knobs say and nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import logsumexp

from automed import recipe
from automed.data.phantoms import PHANTOMS
from automed.data.phantoms.dna import BASES, CLASSES, CTCF, LENGTH, PREVALENCE, TATA, Knobs, Windows, draw, spell
from automed.data.phantoms.people import OLD
from automed.data.records import Regions, Texts
from automed.errors import RecipeError
from automed.recipe import Recipe

Floats = npt.NDArray[np.float64]


def a_recipe(**data: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "t",
            "data": {"source": "phantom", "phantom": "dna", "records": 60, "sensitive": ["sex", "age_band"], **data},
            "inputs": {"window": {"kind": "sequence", "alphabet": "dna"}},
        }
    )


@pytest.fixture(scope="module")
def easy() -> Windows:
    """4,000 windows with motifs near their consensus, and nothing else planted."""
    return draw(Knobs(records=4000, difficulty=0.0))


def consensus(counts: tuple[tuple[int, ...], ...]) -> npt.NDArray[np.int64]:
    return np.argmax(np.array(counts), axis=0)


def scan(windows: Windows, counts: tuple[tuple[int, ...], ...]) -> Floats:
    """What an observer who knows the motif sees of it: log likelihood ratio over all places of both strands."""
    matrix = np.array(counts, float).T ** 3
    chances = 0.85 * matrix / matrix.sum(axis=1, keepdims=True) + 0.15 / 4
    weights, width = np.log(4 * chances), len(chances)
    scores = []
    for strand in (windows.letters, len(BASES) - 1 - windows.letters[:, ::-1]):
        at = np.arange(LENGTH - width + 1)[:, None] + np.arange(width)
        scores.append(weights[np.arange(width), strand[:, at]].sum(axis=2))
    return np.asarray(logsumexp(np.concatenate(scores, axis=1), axis=1))


def area(score: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Of the ROC curve."""
    rank = score.argsort().argsort() + 1
    p, q = positive.sum(), (~positive).sum()
    return float((rank[positive].sum() - p * (p + 1) / 2) / (p * q))


def has(windows: Windows, motif: str) -> npt.NDArray[np.bool_]:
    return np.isin(windows.y, [CLASSES.index(motif), CLASSES.index("both")])


def gc(windows: Windows) -> Floats:
    return np.asarray(np.isin(windows.letters, [1, 2]).mean(axis=1))


def test_the_same_knobs_give_the_same_letters() -> None:
    """Two draws agree in letters, masks, classes and table; another seed shares nothing."""
    first, second = (draw(Knobs(records=80, shortcut=0.5, disadvantage=0.5)) for _ in range(2))
    assert first.letters.tobytes() == second.letters.tobytes() and first.masks.tobytes() == second.masks.tobytes()
    assert first.frame.equals(second.frame) and (first.y == second.y).all()
    other = draw(Knobs(records=80, seed=-1))
    assert not (first.letters == other.letters).all(axis=1).any()


def test_fewer_records_are_the_first_of_more() -> None:
    """Asking for more changes none that were there."""
    few, many = draw(Knobs(records=50)), draw(Knobs(records=300))
    assert few.letters.tobytes() == many.letters[:50].tobytes() and few.frame.equals(many.frame[:50])


def test_classes_are_as_frequent_as_stated(easy: Windows) -> None:
    """Few records hold each class too, and a patient has one to four."""
    assert np.allclose(np.bincount(easy.y) / len(easy.y), PREVALENCE, atol=0.03)
    assert len(np.unique(draw(Knobs(records=40)).y)) == len(CLASSES)
    sizes = easy.frame["patient"].value_counts()
    assert sizes.max() == 4 and sizes.min() == 1
    assert (easy.frame.groupby("patient")[["sex", "age", "age_band"]].nunique() == 1).all().all()


def test_masks_lie_on_the_motifs(easy: Windows) -> None:
    """As many letters as the motifs have, one run each, none where there is none; what they cover is the consensus."""
    width = {"none": 0, "tata": len(TATA[0]), "ctcf": len(CTCF[0]), "both": len(TATA[0]) + len(CTCF[0])}
    runs = (np.diff(np.pad(easy.masks, ((0, 0), (1, 1))).astype(int), axis=1) == 1).sum(axis=1)
    for place, name in enumerate(CLASSES):
        of = easy.y == place
        assert (easy.masks[of].sum(axis=1) == width[name]).all()
        assert runs[of].max() <= {"none": 0, "tata": 1, "ctcf": 1, "both": 2}[name]
    of = easy.y == CLASSES.index("tata")
    shown = easy.letters[of][easy.masks[of] == 1].reshape(-1, len(TATA[0]))
    forward = (shown == consensus(TATA)).mean(axis=1)
    backward = (3 - shown[:, ::-1] == consensus(TATA)).mean(axis=1)
    assert np.maximum(forward, backward).mean() > 0.85
    assert 0.4 < (forward > backward).mean() < 0.6  # half of the windows are read from the other strand


def test_in_both_the_tata_box_comes_first(easy: Windows) -> None:
    """On the strand that the motifs are on."""
    of = np.flatnonzero(easy.y == CLASSES.index("both"))
    best = []
    for letters, mask in zip(easy.letters[of], easy.masks[of], strict=True):
        match = []
        for strand, on in ((letters, mask), (3 - letters[::-1], mask[::-1])):
            first = np.flatnonzero(on)[0]
            match.append((strand[first : first + len(TATA[0])] == consensus(TATA)).mean())
        best.append(max(match))
    assert (np.array(best) > 0.6).mean() > 0.95


def test_letters_alone_tell_nothing(easy: Windows) -> None:
    """Every window has the letters of both motifs: decoys differ in their order only."""
    for place in range(len(CLASSES)):
        assert abs(area(gc(easy), easy.y == place) - 0.5) < 0.04
    assert area(scan(easy, TATA), has(easy, "tata")) > 0.96 and area(scan(easy, CTCF), has(easy, "ctcf")) > 0.99


def test_difficulty_hides_the_motifs() -> None:
    """Who knows the motif sees less of it, and never nothing."""
    seen = []
    for difficulty in (0.0, 0.5, 1.0):
        windows = draw(Knobs(records=3000, difficulty=difficulty))
        seen.append((area(scan(windows, TATA), has(windows, "tata")), area(scan(windows, CTCF), has(windows, "ctcf"))))
    for motif in range(2):
        assert seen[0][motif] > seen[1][motif] + 0.002 > seen[2][motif] > 0.6


def test_the_shortcut_is_in_the_letters_around_ctcf_sites() -> None:
    """Half of it is half as strong, and other classes are as they were."""
    by = [draw(Knobs(records=3000, shortcut=share)) for share in (0.0, 0.5, 1.0)]
    site = by[0].y == CLASSES.index("ctcf")
    means = [(gc(windows)[site].mean(), gc(windows)[~site].mean()) for windows in by]
    assert means[0][0] + 0.05 < means[1][0] < means[2][0] - 0.05
    assert means[0][1] == means[1][1] == means[2][1]
    assert area(gc(by[2]), site) > 0.95


def test_the_disadvantage_is_that_of_the_old() -> None:
    """Motifs of patients of 60 years or more are harder to see; those of others are what they were."""
    fair, unfair = (draw(Knobs(records=4000, difficulty=0.2, disadvantage=share)) for share in (0.0, 0.5))
    old = (fair.frame["age_band"] == OLD).to_numpy()
    assert (fair.letters[~old] == unfair.letters[~old]).all()
    score, positive = scan(unfair, CTCF), has(unfair, "ctcf")
    assert area(score[~old], positive[~old]) > area(score[old], positive[old]) + 0.05
    score = scan(fair, CTCF)
    assert abs(area(score[~old], positive[~old]) - area(score[old], positive[old])) < 0.03


def test_letters_are_spelt() -> None:
    """As text of A, C, G and T."""
    assert spell(np.array([[0, 1, 2, 3], [3, 3, 0, 0]], np.uint8)).tolist() == ["ACGT", "TTAA"]


def test_a_recipe_draws_it() -> None:
    """Texts of 120 letters, masks, patients, and a class order of one's own."""
    order = ["both", "ctcf", "tata", "none"]
    asked = a_recipe(classes=order)
    found = PHANTOMS.load("dna")(asked)
    assert found.phantom and found.classes == tuple(order) and len(found) == 60
    items = found.items["window"]
    assert isinstance(items, Texts) and {len(text) for text in items.values} == {LENGTH}
    known = found.regions["window"]
    assert isinstance(known, Regions) and known.names == ("motif",)
    assert known.values.shape == (60, LENGTH) and set(np.unique(known.values)) == {0, 1}
    assert (np.array(order)[found.y] == found.frame["label"]).all()
    assert len(set(found.patient)) < 60 and set(asked.data.sensitive) <= set(found.frame.columns)


@pytest.mark.parametrize(
    ("data", "inputs", "message"),
    [
        ({"classes": ["none", "tata"]}, None, "data.classes"),
        ({"sensitive": ["skin_tone"]}, None, "data.sensitive"),
        ({}, {"window": {"kind": "sequence", "alphabet": "protein"}}, "inputs.window"),
        ({}, {"lesion": {"kind": "image"}}, "inputs.lesion"),
    ],
)
def test_a_recipe_that_asks_for_something_else_is_refused(
    data: dict[str, object], inputs: dict[str, object] | None, message: str
) -> None:
    """With the key."""
    asked = a_recipe(**data)
    if inputs:
        asked = Recipe.model_validate({**asked.model_dump(by_alias=True), "inputs": inputs})
    with pytest.raises(RecipeError, match=message):
        PHANTOMS.load("dna")(asked)


def test_the_shipped_recipe_draws() -> None:
    """recipes/motifs.yaml."""
    asked = recipe.load("motifs", ["data.records=50"])
    assert len(PHANTOMS.load("dna")(asked)) == 50
