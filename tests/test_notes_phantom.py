"""The notes phantom writes the same notes from the same seed, and plants what its knobs say and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from automed import recipe
from automed.data.phantoms import PHANTOMS
from automed.data.phantoms.notes import CLASSES, PREVALENCE, SIGNS, WARD, Knobs, Notes, draw
from automed.data.phantoms.people import OLD
from automed.data.records import Texts
from automed.errors import RecipeError
from automed.recipe import Recipe

BARE = {sign: sign.removeprefix("an ").removeprefix("a ") for signs in SIGNS.values() for sign in signs}


def a_recipe(**data: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "t",
            "data": {"source": "phantom", "phantom": "notes", "records": 60, **data},
            "inputs": {"note": {"kind": "text", "vocabulary": 500, "length": 100}},
        }
    )


@pytest.fixture(scope="module")
def easy() -> Notes:
    """2,000 notes with three signs each, and nothing else planted."""
    return draw(Knobs(records=2000, difficulty=0.0))


def affirmed(notes: Notes, row: int) -> list[str]:
    """The classes of the signs that a note says are there."""
    pieces = [notes.texts[row][start:end] for start, end in notes.spans[row]]
    return [kind for piece in pieces for kind, signs in SIGNS.items() for sign in signs if BARE[sign] in piece]


def mentioned(notes: Notes, sign: str) -> np.ndarray:
    """Which notes name a sign, there or denied."""
    return np.array([BARE[sign] in text for text in notes.texts])


def test_the_same_knobs_give_the_same_words() -> None:
    """Two draws agree; another seed differs; fewer notes are the first ones of more."""
    first, second = (draw(Knobs(records=60, shortcut=0.5, disadvantage=0.5)) for _ in range(2))
    assert first.texts.tolist() == second.texts.tolist() and first.spans == second.spans
    assert first.frame.equals(second.frame)
    assert draw(Knobs(records=60, seed=-1)).texts.tolist() != draw(Knobs(records=60)).texts.tolist()
    assert draw(Knobs(records=20)).texts.tolist() == draw(Knobs(records=60)).texts[:20].tolist()


def test_classes_are_as_frequent_as_stated(easy: Notes) -> None:
    """Few notes hold each class too, and a patient has one to four."""
    assert np.allclose(np.bincount(easy.y) / len(easy.y), PREVALENCE, atol=0.03)
    assert len(np.unique(draw(Knobs(records=40)).y)) == len(CLASSES)
    assert easy.frame["patient"].value_counts().between(1, 4).all()


def test_what_is_there_is_a_sign_of_the_diagnosis(easy: Notes) -> None:
    """Three of them at difficulty 0, each where its span says."""
    for row in range(0, 2000, 37):
        assert affirmed(easy, row) == [CLASSES[easy.y[row]]] * 3


def test_a_word_alone_says_little(easy: Notes) -> None:
    """Signs of other diagnoses are denied so often that most notes which name a sign are not of its class."""
    for place, kind in enumerate(CLASSES):
        shares = [(easy.y[mentioned(easy, sign)] == place).mean() for sign in SIGNS[kind]]
        assert max(shares) < 0.65


def test_difficulty_leaves_fewer_signs() -> None:
    """Three, about two, one; and sometimes one that misleads, which no span counts."""
    counts = [np.mean([len(of) for of in draw(Knobs(records=600, difficulty=d)).spans]) for d in (0.0, 0.5, 1.0)]
    assert counts[0] == 3 and 1.8 < counts[1] < 2.2 and counts[2] == 1


def test_the_shortcut_is_the_ward_and_nothing_else() -> None:
    """In notes of embolism alone, as often as asked; all other words stay."""
    plain, planted = draw(Knobs(records=600)), draw(Knobs(records=600, shortcut=0.5))
    marked = np.array([WARD in text for text in planted.texts])
    embolism = planted.y == CLASSES.index("embolism")
    assert not marked[~embolism].any() and 0.35 < marked[embolism].mean() < 0.65
    assert [text.replace(f" {WARD}", "") for text in planted.texts] == plain.texts.tolist()


def test_the_disadvantage_makes_notes_on_the_old_vaguer() -> None:
    """Those of others are word for word what they were."""
    plain, vaguer = draw(Knobs(records=600)), draw(Knobs(records=600, disadvantage=0.7))
    old = (plain.frame["age_band"] == OLD).to_numpy()
    count = np.array([[len(of) for of in notes.spans] for notes in (plain, vaguer)])
    assert count[1][old].mean() < 0.5 * count[0][old].mean()
    assert plain.texts[~old].tolist() == vaguer.texts[~old].tolist()


def test_no_article_stands_behind_a_no(easy: Notes) -> None:
    """The notes read like notes."""
    assert not any(f"{word} a " in text for text in easy.texts for word in ("No", "no", "Denies", "Without"))


def test_a_recipe_reads_it() -> None:
    """As one text a record, with the classes in its order."""
    found = PHANTOMS.load("notes")(a_recipe(classes={kind: kind for kind in reversed(CLASSES)}))
    assert isinstance(found.items["note"], Texts) and found.phantom and len(found) == 60
    assert [found.classes[k] for k in found.y] == found.frame["label"].tolist()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": {"classes": {"a": "A", "b": "B"}}}, "of the notes phantom are heart_failure"),
        ({"data": {"sensitive": ["site"]}}, "names 'site'"),
        ({"inputs": {"note": {"kind": "sequence", "alphabet": "dna"}}}, "must be text"),
        ({"inputs": {"a": {"kind": "text"}, "b": {"kind": "text"}}}, "must be one text"),
    ],
)
def test_what_the_phantom_does_not_write_is_refused(change: dict[str, dict[str, object]], said: str) -> None:
    """By key."""
    tree = recipe.dump(a_recipe())
    import yaml

    loaded = yaml.safe_load(tree)
    loaded["data"] |= change.get("data", {})
    loaded["inputs"] = change.get("inputs", loaded["inputs"])
    with pytest.raises(RecipeError, match=said):
        PHANTOMS.load("notes")(Recipe.model_validate(loaded))
