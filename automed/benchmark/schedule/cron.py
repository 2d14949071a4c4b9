"""Times: a cron expression as Debian's cron reads it, in a time zone that is always said.

cronsim reads it. APScheduler's reader is not used: it counts weekdays from Monday where cron counts from Sunday, and
takes "or" between the two fields of a day for "and".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import tzlocal
from cronsim import CronSim, CronSimError

from automed.errors import UsageError
from automed.registry import nearest

FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of week", "0 to 7, where 0 and 7 are Sunday, or SUN to SAT"),
)
SHORT = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_UTC = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "UCT", "Zulu", "Etc/Zulu", "Universal", "Etc/Universal"})
_FIELD = re.compile(r"[0-9A-Za-z*,/-]+")
_OPTION = "--cron"


@dataclass(frozen=True)
class Cron:
    """When a suite runs.

    Attributes:
        text: five fields, in numbers, with Sunday as 0: what every scheduler reads alike.
        zone: the time zone that they are meant in.
        minutes: rising, None for all; as are hours, days (of the month) and months.
        weekdays: 0 (Sunday) to 6, rising, None for all.
        either: both kinds of days are restricted, and a day that fits one of them fits.
    """

    text: str
    zone: ZoneInfo
    minutes: tuple[int, ...] | None
    hours: tuple[int, ...] | None
    days: tuple[int, ...] | None
    months: tuple[int, ...] | None
    weekdays: tuple[int, ...] | None

    @property
    def either(self) -> bool:
        return self.days is not None and self.weekdays is not None

    def after(self, moment: datetime) -> Iterator[datetime]:
        """The times after a moment, in `zone`, without end."""
        yield from CronSim(self.text, moment.astimezone(self.zone))

    def next(self, count: int, now: datetime | None = None) -> list[datetime]:
        """The next `count` times."""
        return list(islice(self.after(now or datetime.now(UTC)), count))

    def calendars(self) -> list[str]:
        """The same for systemd, as the values of OnCalendar=; two where one of two kinds of days is enough."""
        clock = f"{_list(self.hours)}:{_list(self.minutes)}:00 {self.zone.key}"
        names = ",".join(WEEKDAYS[day] for day in self.weekdays or ())
        weekday = f"{names} *-{_list(self.months)}-*"
        monthday = f"*-{_list(self.months)}-{_list(self.days)}"
        if self.either:
            return [f"{monthday} {clock}", f"{weekday} {clock}"]
        return [f"{weekday if names else monthday} {clock}"]


def read(text: str, timezone: str | None = None) -> Cron:
    """Read a cron expression of five fields, or one of @hourly, @daily, @weekly, @monthly and @yearly.

    Args:
        text: as a person wrote it.
        timezone: an IANA name; None for this machine's.

    Raises:
        UsageError: a field is wrong, which is said; or the times never come, or schedulers would read it differently.
    """
    given = SHORT.get(text.strip().lower(), text).split()
    if len(given) != len(FIELDS):
        raise UsageError(
            f"{text!r} has {len(given)} fields, not 5: minute, hour, day of month, month, day of week",
            where=_OPTION,
            hint=f"For example '0 3 * * 1', Mondays at 3; or one of {', '.join(SHORT)}.",
        )
    for place in range(len(FIELDS)):
        _check(given, place)
    try:
        found = CronSim(" ".join(given), datetime(2000, 1, 1, tzinfo=UTC))
        next(found)
    except (CronSimError, StopIteration):
        raise UsageError(
            f"{text!r} never fires: the field day of month, {given[2]!r}, "
            f"meets no day of the field month, {given[3]!r}",
            where=_OPTION,
        ) from None
    return _cron(found, given, zone(timezone))


def zone(name: str | None) -> ZoneInfo:
    """A time zone by its IANA name; this machine's for None.

    Raises:
        UsageError: there is none of that name, or this machine does not tell its own.
    """
    where, hint = "--timezone", "For example --timezone Europe/Berlin, or UTC."
    if name is None:
        try:
            name = tzlocal.get_localzone_name()
        except (LookupError, ValueError, OSError):
            name = None
        if not name:
            raise UsageError("this machine does not tell the name of its time zone", where=where, hint=hint)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        guess = nearest(name, available_timezones())
        hint = f"Did you mean {guess!r}?" if guess else hint
        raise UsageError(f"no time zone is called {name!r}", where=where, hint=hint) from None


def same_zone(one: ZoneInfo, other: ZoneInfo) -> bool:
    """Whether two names mean the same time zone; UTC has several."""
    return one.key == other.key or {one.key, other.key} <= _UTC


def _check(given: list[str], place: int) -> None:
    """Hold one field against what every scheduler reads; cronsim's L, W and # are read by few."""
    name, allowed = FIELDS[place]
    alone = ["*"] * len(FIELDS)
    alone[place] = given[place]
    try:
        if not _FIELD.fullmatch(given[place]):
            raise CronSimError
        found = CronSim(" ".join(alone), datetime(2000, 1, 1, tzinfo=UTC))
        values: set[Any] = (found.minutes, found.hours, found.days, found.months, found.weekdays)[place]
        if not all(isinstance(value, int) and value >= 0 for value in values):
            raise CronSimError
    except CronSimError:
        raise UsageError(
            f"the field {name} cannot be read: {given[place]!r}",
            where=_OPTION,
            hint=f"It takes {allowed}; lists (1,15), ranges (1-5) and steps (*/2) of them; or * for all.",
        ) from None


def _cron(found: CronSim, given: list[str], where: ZoneInfo) -> Cron:
    minutes, hours, months = _part(found.minutes, 0, 59), _part(found.hours, 0, 23), _part(found.months, 1, 12)
    days = _part(found.days, 1, 31)
    weekdays = _part({day % 7 for day in found.weekdays if isinstance(day, int)}, 0, 6)
    starred = given[2].startswith("*") or given[4].startswith("*")
    if starred and days is not None and weekdays is not None:
        raise UsageError(
            f"{given[2]!r} for the day of month beside {given[4]!r} for the day of week: "
            "some schedulers run where both fit, others where one of them does",
            where=_OPTION,
            hint="Leave one of the two fields *; or, for days that fit one, write a step without a star: 1-31/2.",
        )
    if not starred and (days is None or weekdays is None):
        days = weekdays = None  # one of the two fits every day
    text = " ".join(
        [_text(minutes, 0, 59), _text(hours, 0, 23), _plain(days), _plain(months), _plain(weekdays)]
    )  # fmt: skip
    return Cron(text, where, minutes, hours, days, months, weekdays)


def _part(values: set[Any], low: int, high: int) -> tuple[int, ...] | None:
    return None if values >= set(range(low, high + 1)) else tuple(sorted(values))


def _text(values: tuple[int, ...] | None, low: int, high: int) -> str:
    """A field again; a step from the start keeps its star, which tells cron to follow the clock when it is changed."""
    if values is not None and len(values) > 2:
        step = values[1] - values[0]
        if values == tuple(range(low, high + 1, step)):
            return f"*/{step}"
    return _plain(values)


def _plain(values: tuple[int, ...] | None) -> str:
    """A field as a list, runs of three and more as ranges."""
    if values is None:
        return "*"
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    parts = [[f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(value) for value in run] for run in runs]
    return ",".join(part for run in parts for part in run)


def _list(values: tuple[int, ...] | None) -> str:
    return "*" if values is None else ",".join(f"{value:02d}" for value in values)
