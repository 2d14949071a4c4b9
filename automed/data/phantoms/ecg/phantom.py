"""The ECG phantom: records of hearts that never beat, with an answer that is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from automed.data.phantoms.ecg import artefacts, cases, heart
from automed.data.phantoms.ecg.cases import CLASSES, DEVICES, Index
from automed.data.phantoms.ecg.heart import Hearts
from automed.data.phantoms.ecg.leads import ELECTRODES, LEADS, Floats, of_electrodes, of_vector
from automed.data.records import Arrays, Records, Regions
from automed.recipe import PhantomData, Recipe, SignalInput

SECONDS, RATE = 10, 100.0  # of a resting ECG; steps a second
AFFECTED = 0.3  # of what the injury moves the lead that sees it best: leads that move less count as spared
_BATCH = 2**17


@dataclass(frozen=True)
class Knobs:
    """What is drawn.

    Attributes:
        records: how many.
        length: steps.
        rate: steps a second.
        leads: which, in their order.
        seed: the same seed gives the same bytes, and fewer records are the first ones of more.
        difficulty: 0: each class shows its typical sign; 1: only a trace of it, in more noise.
        shortcut: association of the calibration pulse with ST elevation. It is on a share PULSE + (1 - PULSE) *
            shortcut of these records and on PULSE * (1 - shortcut) of all others; 0 plants nothing.
        disadvantage: share of the sign (ST elevation, missing P waves) that records of women lose.
    """

    records: int = 2000
    length: int = 1000
    rate: float = RATE
    leads: tuple[str, ...] = LEADS
    seed: int = 0
    difficulty: float = 0.5
    shortcut: float = 0.0
    disadvantage: float = 0.0


@dataclass(frozen=True, eq=False)
class Phantom:
    """Signals and everything that is known about them.

    Attributes:
        signals: float32 (n, length, leads), mV.
        masks: uint8 (n, length, leads), 1 where the sign is: ST segments of the leads that the injury moves, or where
            P waves should be; 0 everywhere in normal records.
        y: int64 (n,), position in CLASSES.
        frame: one row a record: patient_id, dx, sex, age, age_band, device.
        territory: object (n,), anterior or inferior; None without ST elevation.
        pulse: bool (n,), which records begin with a calibration pulse.
        hearts: how each heart beats.
    """

    signals: Floats
    masks: npt.NDArray[np.uint8]
    y: Index
    frame: pd.DataFrame
    territory: npt.NDArray[np.object_]
    pulse: npt.NDArray[np.bool_]
    hearts: Hearts


def read(recipe: Recipe) -> Records:
    """The phantom of a recipe, in the leads, the length and the rate of its one signal.

    Raises:
        RecipeError: several inputs, another kind, classes or leads that the phantom does not draw.
    """
    data = recipe.data
    if not isinstance(data, PhantomData):
        raise recipe.fail("data.source", "is not the phantom")
    if len(recipe.inputs) != 1:
        raise recipe.fail("inputs", f"of the phantom ecg must be one signal, got {len(recipe.inputs)}")
    (name, spec), *_ = recipe.inputs.items()
    if not isinstance(spec, SignalInput):
        raise recipe.fail(f"inputs.{name}.kind", f"of the phantom ecg must be signal, got {spec.kind}")
    for key, usual in (("column", None), ("columns", None), ("array", None), ("events", None), ("average", 1)):
        if getattr(spec, key) != usual:
            raise recipe.fail(f"inputs.{name}.{key}", "does not go with the phantom ecg, which draws what is asked for")
    if strange := [lead for lead in spec.channels if lead not in LEADS]:
        raise recipe.fail(f"inputs.{name}.channels", f"names {strange[0]!r}; leads are {', '.join(LEADS)}")
    classes = CLASSES if data.classes is None else tuple(data.classes)
    if set(classes) != set(CLASSES):
        raise recipe.fail("data.classes", f"of the phantom ecg are {', '.join(CLASSES)}; order and names are free")
    rate = spec.rate or RATE
    knobs = Knobs(
        records=data.records,
        length=spec.length or round(SECONDS * rate),
        rate=rate,
        leads=spec.channels or LEADS,
        seed=data.seed,
        difficulty=data.difficulty,
        shortcut=data.shortcut,
        disadvantage=data.disadvantage,
    )
    drawn = draw(knobs)
    order = np.array([classes.index(key) for key in CLASSES], np.int64)
    return Records(
        frame=drawn.frame,
        y=order[drawn.y],
        classes=classes,
        patient=drawn.frame["patient_id"].to_numpy(object),
        items={name: Arrays(drawn.signals)},
        rows=np.arange(1, data.records + 1, dtype=np.int64),
        regions={name: Regions(drawn.masks, ("ST segment or missing P wave",))},
        phantom=True,
    )


def draw(knobs: Knobs) -> Phantom:
    """Draw signals, masks and the table that goes with them; deterministic, in batches of bounded memory."""
    count, length, seed = knobs.records, knobs.length, knobs.seed % 2**63
    time = (np.arange(length) / knobs.rate).astype(np.float32)
    of = cases.visits(seed, count)
    who = cases.people(seed, int(of[-1]) + 1)
    kind = who.kind[of]
    beating = cases.hearts(
        seed, of, who, length / knobs.rate, difficulty=knobs.difficulty, disadvantage=knobs.disadvantage
    )
    pulse = cases.pulsed(seed, kind, knobs.shortcut)
    noise = cases.noise_of(seed, count, knobs.difficulty)
    wobble = np.random.default_rng([seed, 19]).random((count, len(ELECTRODES), 6), np.float32)
    # One stream in the order of records, so that neither batches nor their number change a record.
    stream = np.random.default_rng([seed, 20])
    body, skin = of_vector(knobs.leads).T, of_electrodes(knobs.leads).T
    keep = cases.strength(knobs.difficulty, knobs.disadvantage, who.female)[of] > 0
    sick, still = keep & (kind == CLASSES.index("st_elevation")), keep & (kind == CLASSES.index("no_p"))
    moved = np.abs(heart.INJURY.astype(np.float32) @ of_vector().T)
    moved = moved >= AFFECTED * moved.max(axis=1, keepdims=True)
    injured = moved[who.territory[of]][:, [LEADS.index(lead) for lead in knobs.leads]]
    signals = np.empty((count, length, len(knobs.leads)), np.float32)
    masks = np.zeros(signals.shape, np.uint8)
    step = max(1, _BATCH // length)
    for first in range(0, count, step):
        rows = slice(first, min(first + step, count))
        vector, segment, atrial = heart.trace(_part(beating, rows), time)
        white = stream.standard_normal((len(vector), length, len(ELECTRODES)), np.float32)
        signals[rows] = vector @ body + artefacts.over(noise[rows], wobble[rows], white, time, knobs.rate) @ skin
        taken = artefacts.calibrate(signals[rows], time, pulse[rows])
        where = (segment & sick[rows, None])[..., None] & injured[rows, None]
        where |= (atrial & still[rows, None])[..., None]
        where &= ~(pulse[rows, None] & taken)[..., None]
        masks[rows] = where
    frame = who.frame.iloc[of].reset_index(drop=True)
    frame["device"] = np.array(DEVICES, object)[cases.device_of(seed, count)]
    territory = np.array(heart.TERRITORIES, object)[who.territory[of]]
    territory[kind != CLASSES.index("st_elevation")] = None
    return Phantom(signals, masks, kind, frame, territory, pulse, beating)


def _part(hearts: Hearts, rows: slice) -> Hearts:
    return Hearts(**{name: values[rows] for name, values in vars(hearts).items()})
