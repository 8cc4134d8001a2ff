"""When a delivery that failed is tried again. Pure.

Five seconds, then three times as long each time up to half a day, each by up to a fifth more or less, so that what
failed together does not come back together.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

FIRST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(hours=12)
_FACTOR: Final = 3.0
_JITTER: Final = 0.2


def next_attempt(
    attempt: int,
    now: datetime,
    give_up_at: datetime,
    *,
    draw: Callable[[], float] = random.random,
) -> datetime | None:
    """When to try again after the failure of `attempt` (from 1); None when that would be past `give_up_at`."""
    pause = min(FIRST.total_seconds() * _FACTOR ** min(attempt - 1, 20), LONGEST.total_seconds())
    at = now + timedelta(seconds=pause * (1 - _JITTER + 2 * _JITTER * draw()))
    return at if at <= give_up_at else None
