"""The model that is explained: its inputs as elements, and one compiled function for all who ask it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from automed.errors import DataError

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]  # by input, (n, ...): n records as the model reads them

SMALL, LARGE = 16, 128  # records a call: two sizes, so that the function is traced twice and never again


@dataclass(frozen=True, eq=False)
class InputSpec:
    """One input.

    Args:
        name: as in the recipe.
        kind: image, signal, text, sequence or tabular.
        shape: of one record: (height, width, channels), (steps, channels), (tokens,) or (columns,).
        dtype: of the raw array.
        facts: the input's entry in data.json or in the card; {} of a foreign model.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    facts: Mapping[str, Any]

    @property
    def map_shape(self) -> tuple[int, ...]:
        """Shape of an attribution: (height, width), (steps, variables), (tokens,) or (columns,).

        An image's channels are summed. So are the value, mask and elapsed time of one variable of an irregular signal.
        """
        if self.kind == "image":
            return self.shape[:2]
        if self.kind == "signal":
            return (self.shape[0], len(self.elements))
        return self.shape

    @cached_property
    def owner(self) -> npt.NDArray[np.int64]:
        """Of each channel of a signal the variable that it belongs to: int64 (channels,)."""
        roles = list(self.facts.get("roles") or ["value"] * self.shape[-1])
        seen: dict[str, int] = {}
        owners = []
        for role in roles:
            owners.append(seen.get(role, 0))
            seen[role] = seen.get(role, 0) + 1
        return np.array(owners, np.int64)

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Names along the last axis of a map: variables of a signal, columns of a table; () of other kinds."""
        if self.kind == "signal":
            count = int(self.owner.max(initial=-1)) + 1
            names = [str(name) for name in self.facts.get("channels") or ()][:count]
            return tuple(names) if len(names) == count else tuple(f"channel {k}" for k in range(1, count + 1))
        if self.kind == "tabular":
            features = self.facts.get("features") or ()
            names = [str(feature["name"]) for feature in features]
            return (
                tuple(names) if len(names) == self.shape[0] else tuple(f"column {k + 1}" for k in range(self.shape[0]))
            )
        return ()

    def summed(self, values: Array) -> npt.NDArray[np.float32]:
        """A gradient-like array (n, *shape) as maps (n, *map_shape)."""
        if self.kind == "image":
            return np.asarray(values.sum(axis=-1), np.float32)
        if self.kind == "signal":
            maps = np.zeros((*values.shape[:2], len(self.elements)), np.float32)
            for channel, variable in enumerate(self.owner):
                maps[..., variable] += values[..., channel]
            return maps
        return np.asarray(values, np.float32)


@dataclass(frozen=True, eq=False)
class Subject:
    """A classifier with everything that is needed to ask it.

    Args:
        model: Keras model from raw arrays, (n, ...) or a dict of them by input, to probabilities (n, K). One output of
            sigmoid activation counts as two classes.
        inputs: in the model's order.
        classes: names, as many as answers.
        task: multiclass, multilabel or ordinal.
        path: the .keras file, for what has to run in a process of its own; None where there is none.
    """

    model: Any
    inputs: tuple[InputSpec, ...]
    classes: tuple[str, ...]
    task: str = "multiclass"
    path: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.inputs)

    def spec(self, name: str) -> InputSpec:
        """The input of that name."""
        return next(spec for spec in self.inputs if spec.name == name)

    def as_input(self, arrays: Arrays) -> Any:
        """What the model is called with."""
        if len(self.inputs) == 1:
            only = arrays[self.inputs[0].name]
            named = getattr(self.model, "input", None)
            return dict.fromkeys(named, only) if isinstance(named, dict) else only
        return {name: arrays[name] for name in self.names}

    def predict(self, arrays: Arrays) -> npt.NDArray[np.float32]:
        """Probabilities float32 (n, K), in batches of two sizes only.

        Raises:
            DataError: the model answers with something else than one number for each class, or with NaN.
        """
        n = len(arrays[self.names[0]])
        answers, start = [], 0
        while start < n:
            size = LARGE if n - start > 2 * SMALL else SMALL
            chosen = np.arange(start, min(start + size, n))
            filled = np.resize(chosen, size)
            batch = {name: np.ascontiguousarray(arrays[name][filled]) for name in self.names}
            answers.append(self._checked(self._call(self.as_input(batch)), size)[: len(chosen)])
            start += size
        if not answers:
            return np.empty((0, len(self.classes)), np.float32)
        found = np.concatenate(answers)
        if found.shape[1] == 1 and len(self.classes) == 2:
            found = np.concatenate([1.0 - found, found], axis=1)
        if not np.isfinite(found).all():
            raise DataError("the model's probabilities are not numbers", where=self.path)
        return found

    def _checked(self, answer: Any, rows: int) -> npt.NDArray[np.float32]:
        """An answer as numbers, one row a record."""
        count = len(self.classes)
        shape = None if isinstance(answer, dict | list | tuple) else np.shape(answer)
        if shape is None or len(shape) != 2 or shape[0] != rows or (shape[1] != count and (shape[1], count) != (1, 2)):
            told = "several outputs" if shape is None else f"numbers of shape {shape}"
            raise DataError(
                f"the model answers with {told} where {count} probabilities for each of {rows} records were expected",
                where=self.path,
            )
        return np.asarray(answer, np.float32)

    @cached_property
    def _call(self) -> Any:
        return self.model.predict_on_batch

    def of_class(self, arrays: Arrays, classes: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Of each record the probability of its own class: float32 (n,)."""
        return np.asarray(self.predict(arrays)[np.arange(len(classes)), classes], np.float32)


def take(arrays: Arrays, index: Sequence[int] | npt.NDArray[np.int64] | slice) -> dict[str, Array]:
    """Some of the records."""
    return {name: values[index] for name, values in arrays.items()}


def length(arrays: Arrays) -> int:
    """How many records."""
    return len(next(iter(arrays.values())))
