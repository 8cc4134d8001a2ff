"""How long each side has: lengths as a marketplace writes them, and the moments they lead to.

Pure. A number is days, a string is `"30s"`, `"15m"`, `"2h"`, `"4d"` or `"10bd"`: business days are Monday to Friday in
UTC, whatever the public holidays. A deadline is stored when a clock starts, so that changed lengths touch no clock
that runs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias, get_args

from service.cases.states import Clock, Turn
from service.cases.values import Running

Length: TypeAlias = float | str
CLOCKS: Final[tuple[Clock, ...]] = get_args(Clock)
DEFAULTS: Final[dict[Clock, Length]] = {"seller_response": "4d", "brand_response": "3d", "counter_notice": "10bd"}
LONGEST: Final = timedelta(days=3650)
_WRITTEN: Final = re.compile(r"(\d{1,9})(s|m|h|d|bd)", re.ASCII)
_UNITS: Final = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_SATURDAY: Final = 5


def check_length(length: Length) -> Length:
    """`length` as it is, or a `ValueError` that says what a clock may be."""
    end_of(length, datetime(2000, 1, 3, tzinfo=UTC))
    return length


def start(turn: Turn, lengths: Mapping[str, Length], now: datetime) -> Running:
    """The clock of `turn`, started `now` with the marketplace's `lengths`; what is missing there has its default."""
    deadline = end_of(lengths.get(turn.clock, DEFAULTS[turn.clock]), now)
    return Running(turn.clock, turn.whose, deadline, turn.on_silence)


def end_of(length: Length, start: datetime) -> datetime:
    """When a clock of `length` that starts at `start` runs out; `ValueError` for what is no length."""
    if isinstance(length, str):
        written = _WRITTEN.fullmatch(length)
        if written is None:
            raise ValueError("must be a number of days or text such as 30s, 15m, 2h, 4d or 10bd")
        number, unit = int(written[1]), written[2]
        if unit == "bd":
            return _after_business_days(start, number)
        span = _bounded(number * _UNITS[unit].total_seconds())
    else:
        span = _bounded(length * _UNITS["d"].total_seconds())
    return start + span


def _bounded(seconds: float) -> timedelta:
    if not 0 < seconds <= LONGEST.total_seconds():
        raise ValueError(f"must be longer than nothing and at most {LONGEST.days} days")
    return timedelta(seconds=seconds)


def _after_business_days(start: datetime, number: int) -> datetime:
    """The same time of day, `number` business days on: from any time of a weekend the first one is Monday."""
    _bounded(number * _UNITS["d"].total_seconds())
    day = start.astimezone(UTC)
    while number > 0:
        day += timedelta(days=1)
        number -= day.weekday() < _SATURDAY
    return day
