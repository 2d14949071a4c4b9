"""Where a hyper-parameter comes from: a search engine, an earlier choice, or chance.

A builder asks a `Space` for each value, with plain ifs between the questions, so that one builder serves search, refit,
tests and serving. A name stands for one question: asked again under the same name it has the same answer, which is why
what may be answered depends on the recipe and never on another answer.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from automed.errors import UsageError
from automed.registry import nearest

Value = str | int | float | bool | None
T = TypeVar("T", bound=Value)


@runtime_checkable
class Space(Protocol):
    """The verbs that a search engine implements; every value is a plain JSON scalar."""

    def choice(self, name: str, options: Sequence[T]) -> T:
        """One of `options`."""

    def int(
        self, name: str, low: builtins.int, high: builtins.int, step: builtins.int = 1, log: builtins.bool = False
    ) -> builtins.int:
        """A whole number from `low` to `high`, both included; `log` weighs orders of magnitude alike."""

    def float(self, name: str, low: builtins.float, high: builtins.float, log: builtins.bool = False) -> builtins.float:
        """A number from `low` to `high`, both included; `log` weighs orders of magnitude alike."""

    def bool(self, name: str) -> builtins.bool:
        """Yes or no."""

    def scope(self, prefix: str) -> Space:
        """This space, asked under names that begin with `prefix` and a dot."""


class Scope:
    """A space seen through a prefix: "width" asked of the scope "cnn" is "cnn.width" of the space."""

    def __init__(self, space: Space, prefix: str) -> None:
        self._space = space
        self._prefix = prefix

    def choice(self, name: str, options: Sequence[T]) -> T:
        return self._space.choice(f"{self._prefix}.{name}", options)

    def int(
        self, name: str, low: builtins.int, high: builtins.int, step: builtins.int = 1, log: builtins.bool = False
    ) -> builtins.int:
        return self._space.int(f"{self._prefix}.{name}", low, high, step, log)

    def float(self, name: str, low: builtins.float, high: builtins.float, log: builtins.bool = False) -> builtins.float:
        return self._space.float(f"{self._prefix}.{name}", low, high, log)

    def bool(self, name: str) -> builtins.bool:
        return self._space.bool(f"{self._prefix}.{name}")

    def scope(self, prefix: str) -> Space:
        return Scope(self._space, f"{self._prefix}.{prefix}")


class FixedSpace:
    """Replays an earlier choice.

    Args:
        choices: full name -> value, as `Recorder.choices` holds them; names that nobody asks for are left alone.

    Raises (from each verb):
        UsageError: the name is missing, or its value is not one that the builder offers.
    """

    def __init__(self, choices: Mapping[str, Value]) -> None:
        self._choices = dict(choices)

    def choice(self, name: str, options: Sequence[T]) -> T:
        value = self._look_up(name)
        for option in options:
            # True == 1 == 1.0 in Python, yet they are different options.
            if option == value and isinstance(option, bool) == isinstance(value, bool):
                return option
        raise UsageError(f"{name} must be one of {', '.join(map(repr, options))}, got {value!r}", where="choices")

    def int(
        self, name: str, low: builtins.int, high: builtins.int, step: builtins.int = 1, log: builtins.bool = False
    ) -> builtins.int:
        value = self._look_up(name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not (whole and low <= value <= high and (value - low) % step == 0):  # type: ignore[operator]
            steps = f" in steps of {step}" if step != 1 else ""
            raise UsageError(
                f"{name} must be a whole number from {low} to {high}{steps}, got {value!r}", where="choices"
            )
        return value  # type: ignore[return-value]

    def float(self, name: str, low: builtins.float, high: builtins.float, log: builtins.bool = False) -> builtins.float:
        value = self._look_up(name)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and low <= value <= high):  # type: ignore[operator]
            raise UsageError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}", where="choices")
        return float(value)  # type: ignore[arg-type]

    def bool(self, name: str) -> builtins.bool:
        value = self._look_up(name)
        if not isinstance(value, bool):
            raise UsageError(f"{name} must be true or false, got {value!r}", where="choices")
        return value

    def scope(self, prefix: str) -> Space:
        return Scope(self, prefix)

    def _look_up(self, name: str) -> Value:
        if name not in self._choices:
            guess = nearest(name, self._choices)
            raise UsageError(
                f"{name} is missing", where="choices", hint=f"The nearest given name is {guess!r}." if guess else None
            )
        return self._choices[name]


class RandomSpace:
    """Draws every value by chance, evenly over what is offered; the same seed draws the same values.

    Raises (from each verb):
        UsageError: a name was asked before with other options, which no search engine could answer.
    """

    def __init__(self, seed: builtins.int) -> None:
        self._random = np.random.default_rng(seed)
        self._drawn: dict[str, tuple[object, Value]] = {}

    def choice(self, name: str, options: Sequence[T]) -> T:
        return self._once(name, tuple(options), lambda: options[int(self._random.integers(len(options)))])

    def int(
        self, name: str, low: builtins.int, high: builtins.int, step: builtins.int = 1, log: builtins.bool = False
    ) -> builtins.int:
        def draw() -> builtins.int:
            if log:
                return min(high, int(math.exp(self._random.uniform(math.log(low), math.log(high + 1)))))
            return low + step * int(self._random.integers((high - low) // step + 1))

        return self._once(name, ("int", low, high, step, log), draw)

    def float(self, name: str, low: builtins.float, high: builtins.float, log: builtins.bool = False) -> builtins.float:
        def draw() -> builtins.float:
            if log:
                drawn = math.exp(self._random.uniform(math.log(low), math.log(high)))
            else:
                drawn = float(self._random.uniform(low, high))
            return min(high, max(low, drawn))  # exp(log(low)) may fall below low by a rounding error

        return self._once(name, ("float", low, high, log), draw)

    def bool(self, name: str) -> builtins.bool:
        return self.choice(name, (False, True))

    def scope(self, prefix: str) -> Space:
        return Scope(self, prefix)

    def _once(self, name: str, question: object, draw: Callable[[], T]) -> T:
        if name not in self._drawn:
            self._drawn[name] = (question, draw())
        asked, value = self._drawn[name]
        if asked != question:
            raise UsageError(f"{name} was asked twice with different options: {asked} and {question}")
        return value  # type: ignore[return-value]


class Recorder:
    """Passes every question on to `space` and keeps the answers, in the order they were asked for."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.choices: dict[str, Value] = {}

    def choice(self, name: str, options: Sequence[T]) -> T:
        return self._keep(name, self._space.choice(name, options))

    def int(
        self, name: str, low: builtins.int, high: builtins.int, step: builtins.int = 1, log: builtins.bool = False
    ) -> builtins.int:
        return self._keep(name, self._space.int(name, low, high, step, log))

    def float(self, name: str, low: builtins.float, high: builtins.float, log: builtins.bool = False) -> builtins.float:
        return self._keep(name, self._space.float(name, low, high, log))

    def bool(self, name: str) -> builtins.bool:
        return self._keep(name, self._space.bool(name))

    def scope(self, prefix: str) -> Space:
        return Scope(self, prefix)

    def _keep(self, name: str, value: T) -> T:
        self.choices[name] = value
        return value
