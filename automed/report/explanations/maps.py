"""One explained input of one case as a picture, by its kind."""

from __future__ import annotations

import numpy as np

from automed.report.explanations import image, signal, tabular, tokens
from automed.report.explanations.picture import Array, Map
from automed.report.inputs.image import Image
from automed.report.inputs.shown import Absent, Input
from automed.report.inputs.signal import Signal
from automed.report.inputs.tabular import Tabular
from automed.report.inputs.tokens import Sequence, Text


def shape_of(one: Input, raw: Array) -> tuple[int, ...]:
    """Shape of a map of one record, by the array (n, ...) of the records: channels of an image have none of their own.

    Masks and times of an irregular signal belong to the channel of their value.
    """
    if isinstance(one, Image):
        return tuple(raw.shape[1:3])
    if isinstance(one, Signal):
        return (raw.shape[1], len(one.values))
    return tuple(raw.shape[1:])


def draw(one: Input, raw: Array, values: Array, *, signed: bool, whole: bool, region: Array | None) -> Map:
    """The picture of one map; where there is none its note says why.

    Args:
        one: the input, as data.json describes it.
        raw: of one record, as the model reads it.
        values: float32, the map.
        signed: whether negative values mean anything.
        whole: whether elements were explained one by one, rather than in parts.
        region: uint8 of the shape of the map, where known.
    """
    there = one.show(raw)
    if isinstance(there, Absent):
        return Map(one.name, f"{one.name}: {there.why}", note=there.why)
    if not np.isfinite(values).any():
        return Map(one.name, f"{one.name}: nothing", note="This method says nothing of this input.")
    values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    if isinstance(one, Image):
        return image.draw(one, values, pixels=whole and signed, region=region)
    if isinstance(one, Signal):
        return signal.draw(one, raw, values)
    if isinstance(one, Text):
        return tokens.passage(one, raw, values)
    if isinstance(one, Sequence):
        return tokens.letters(one, raw, values)
    if isinstance(one, Tabular):
        return tabular.draw(one, raw, values)
    return Map(one.name, f"{one.name}: cannot be shown", note="An input of this kind cannot be shown.")
