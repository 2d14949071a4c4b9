"""What a search may spend, across sessions: trials and minutes, whichever comes first."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

SMALLEST_START_S = 3.0


@dataclass
class Budget:
    """Counts down from the start of this session.

    Args:
        trials: how many candidates may be started in all.
        seconds: how long the search may take in all, None for no limit.
        used: seconds that earlier sessions took.
    """

    trials: int
    seconds: float | None
    used: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    _epochs: list[float] = field(default_factory=list)

    def elapsed(self) -> float:
        """Seconds of this session."""
        return time.monotonic() - self._started

    def remaining(self) -> float:
        """Seconds left; infinite without a limit."""
        if self.seconds is None:
            return float("inf")
        return self.seconds - self.used - self.elapsed()

    def spent(self) -> bool:
        """True when the minutes are over."""
        return self.remaining() <= 0

    def saw_epoch(self, seconds: float) -> None:
        """Learn how long epochs take."""
        self._epochs.append(seconds)

    def allows_epoch(self, last: float) -> bool:
        """Whether another epoch like the last would end nearer to the limit than stopping now."""
        return self.remaining() >= 0.5 * last

    def allows_trial(self, started: int) -> bool:
        """Whether another candidate may start: one is left, and time for two usual epochs of it."""
        if started >= self.trials:
            return False
        usual = statistics.median(self._epochs) if self._epochs else 0.0
        return self.remaining() > max(SMALLEST_START_S if self._epochs else 0.0, 2 * usual)
