"""The notes phantom: short notes from an emergency room on patients who are short of breath.

A note names signs of its diagnosis and denies signs of the others, so that a word alone says little: what counts is
whether it stands behind a "no". Sentences are put together from phrases; no patient was ever described by them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.kinds.text import words
from automed.data.phantoms.people import OLD, people
from automed.data.records import Records, Regions, Texts
from automed.recipe import PhantomData, Recipe, TextInput

CLASSES = ("heart_failure", "pneumonia", "embolism", "other")
PREVALENCE = (0.30, 0.25, 0.15, 0.30)
SIGNS = {
    "heart_failure": (
        "orthopnea",
        "ankle oedema on both sides",
        "raised jugular venous pressure",
        "fine crackles at both bases",
        "a third heart sound",
        "nocturnal dyspnoea",
    ),
    "pneumonia": (
        "a productive cough",
        "rigors",
        "bronchial breathing on one side",
        "purulent sputum",
        "a temperature of 39",
        "dullness on percussion",
    ),
    "embolism": (
        "pleuritic chest pain",
        "a swollen calf",
        "haemoptysis",
        "recent immobility",
        "a previous deep vein thrombosis",
        "sudden onset",
    ),
    "other": (
        "an expiratory wheeze",
        "relief after salbutamol",
        "tingling around the mouth",
        "known asthma",
        "a panic attack before",
        "pollen allergy",
    ),
}
WARD = "Dictated on ward seven."  # what the shortcut leaves in notes of embolism

_THERE = ("Has {}.", "Reports {}.", "On examination {}.", "Noted: {}.", "History of {}.")
_ABSENT = ("No {}.", "Denies {}.", "There is no {}.", "Without {}.", "No sign of {}.")
_OPENING = ("{age} year old {sex} with shortness of breath {since}.", "{sex}, {age}, breathless {since}.")
_SINCE = ("since this morning", "for two days", "for a week", "since last night", "for several hours")
_VITALS = ("Pulse {pulse}, blood pressure {high}/{low}, saturation {oxygen} per cent.", "Sats {oxygen}, pulse {pulse}.")
_FILLER = (
    "Lives alone on the third floor.",
    "Takes tablets for blood pressure.",
    "Does not smoke.",
    "Family was informed.",
    "Abdomen soft.",
    "Neurologically unremarkable.",
    "Bloods sent.",
    "Chest film requested.",
)
_VAGUE = ("Feels generally unwell.", "Tired.", "Not quite herself or himself.", "Off food.")

Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Knobs:
    """What is drawn.

    Attributes:
        records: how many notes.
        seed: the same seed gives the same words, and fewer records are the first ones of more.
        difficulty: 0: three signs of the diagnosis and none of others; 1: one, and now and then one that misleads.
        shortcut: how often notes of embolism say which ward dictated them; 0 plants nothing.
        disadvantage: share of signs that notes of patients of 60 years or more replace by vague words.
    """

    records: int = 2000
    seed: int = 0
    difficulty: float = 0.5
    shortcut: float = 0.0
    disadvantage: float = 0.0


@dataclass(frozen=True, eq=False)
class Notes:
    """Notes and everything that is known about them.

    Attributes:
        texts: object (n,).
        spans: of each note the pieces (from, to) in characters that say what it has: signs that are there.
        y: int64 (n,), position in CLASSES.
        frame: one row a note: patient, sex, age, age_band, label.
    """

    texts: npt.NDArray[np.object_]
    spans: tuple[tuple[tuple[int, int], ...], ...]
    y: Index
    frame: pd.DataFrame


def read(recipe: Recipe) -> Records:
    """The phantom of a recipe with one input, a text.

    Raises:
        RecipeError: another input, or classes that the phantom does not draw.
    """
    data = recipe.data
    if not isinstance(data, PhantomData):
        raise recipe.fail("data.source", "is not the phantom")
    if len(recipe.inputs) != 1:
        raise recipe.fail("inputs", f"of the notes phantom must be one text, got {len(recipe.inputs)}")
    (name, spec), *_ = recipe.inputs.items()
    if not isinstance(spec, TextInput):
        raise recipe.fail(f"inputs.{name}.kind", f"of the notes phantom must be text, got {spec.kind}")
    classes = CLASSES if data.classes is None else tuple(data.classes)
    if set(classes) != set(CLASSES):
        raise recipe.fail("data.classes", f"of the notes phantom are {', '.join(CLASSES)}; order and names are free")
    drawn = draw(Knobs(data.records, data.seed, data.difficulty, data.shortcut, data.disadvantage))
    for column in data.sensitive:
        if column not in drawn.frame.columns:
            raise recipe.fail("data.sensitive", f"names {column!r}; the notes phantom has sex and age_band")
    order = np.array([classes.index(key) for key in CLASSES], np.int64)
    return Records(
        frame=drawn.frame,
        y=order[drawn.y],
        classes=classes,
        patient=drawn.frame["patient"].to_numpy(object),
        items={name: Texts(drawn.texts)},
        rows=np.arange(1, data.records + 1, dtype=np.int64),
        regions={name: Regions(in_words(drawn), ("finding",))},
        phantom=True,
    )


def draw(knobs: Knobs) -> Notes:
    """Write the notes, and the table that goes with them."""
    seed, n = knobs.seed % 2**63, knobs.records
    frame = people(seed, n, "PN")
    # Steps of the golden ratio fill the interval evenly: few records hold each class too.
    even = (np.arange(n) * 0.6180339887498949 + np.random.default_rng([seed, 0]).random()) % 1.0
    y = np.searchsorted(np.cumsum(PREVALENCE)[:-1], even, side="right").astype(np.int64)
    frame["label"] = np.array(CLASSES, object)[y]
    texts, spans = np.empty(n, object), []
    for row, (kind, person) in enumerate(zip(y, frame.itertuples(index=False), strict=True)):
        pieces = _write(knobs, CLASSES[kind], person, np.random.default_rng([seed, 3, row]))
        at, found = 0, []
        for sentence, counts in pieces:
            if counts:
                found.append((at, at + len(sentence)))
            at += len(sentence) + 1
        texts[row] = " ".join(sentence for sentence, _ in pieces)
        spans.append(tuple(found))
    return Notes(texts, tuple(spans), y, frame)


def in_words(notes: Notes) -> npt.NDArray[np.uint8]:
    """Which words say what a note has: uint8 (n, words of the longest), 1 within `spans`."""
    marks = []
    for text, spans in zip(notes.texts, notes.spans, strict=True):
        row, at = [], 0
        # Sentences end with a point, so no word goes on beyond one.
        for begin, end in spans:
            row += [0] * len(words(text[at:begin])) + [1] * len(words(text[begin:end]))
            at = end
        marks.append(row + [0] * len(words(text[at:])))
    found = np.zeros((len(marks), max((len(row) for row in marks), default=0)), np.uint8)
    for number, row in enumerate(marks):
        found[number, : len(row)] = row
    return found


def _write(knobs: Knobs, kind: str, person: object, random: np.random.Generator) -> list[tuple[str, bool]]:
    """The sentences of one note, and which of them name a sign that is there."""

    def one(options: tuple[str, ...]) -> str:
        return options[int(random.integers(len(options)))]

    def some(options: tuple[str, ...], count: int) -> list[str]:
        return [options[int(place)] for place in random.permutation(len(options))[:count]]

    hard = knobs.difficulty
    vague = knobs.disadvantage if getattr(person, "age_band") == OLD else 0.0  # noqa: B009  # a row of itertuples
    middle: list[tuple[str, bool]] = []
    # Three at difficulty 0, one at 1; each may be left vague, but drawn all the same, so that nothing else changes.
    for sign in some(SIGNS[kind], 3 - int(random.random() < hard) - int(random.random() < hard)):
        sentence, instead, lost = one(_THERE).format(sign), one(_VAGUE), random.random() < vague
        middle.append((instead, False) if lost else (sentence, True))
    others = [other for other in CLASSES if other != kind]
    for other in others:
        middle += [
            (one(_ABSENT).format(_bare(sign)), False) for sign in some(SIGNS[other], 1 + int(random.integers(2)))
        ]
    if random.random() < 0.4 * hard:
        middle.append((one(_THERE).format(one(SIGNS[one(tuple(others))])), False))
    middle += [(sentence, False) for sentence in some(_FILLER, 2)]
    opening = one(_OPENING).format(age=getattr(person, "age"), sex=getattr(person, "sex"), since=one(_SINCE))  # noqa: B009
    vitals = one(_VITALS).format(
        pulse=int(random.normal(98, 12)),
        high=int(random.normal(132, 15)),
        low=int(random.normal(78, 9)),
        oxygen=int(np.clip(random.normal(93, 3), 78, 100)),
    )
    order = random.permutation(len(middle))
    ward = [(WARD, False)] if random.random() < knobs.shortcut and kind == "embolism" else []
    return [(opening[0].upper() + opening[1:], False), *(middle[int(k)] for k in order), (vitals, False), *ward]


def _bare(sign: str) -> str:
    """Without its article: there is no swollen calf."""
    return sign.removeprefix("an ").removeprefix("a ")
