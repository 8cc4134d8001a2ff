"""Brake on guessing: how many wrong keys one address may send to the sign-in form.

Keys made here have 256 random bits and do not depend on it: they sign in even where others behind the same proxy
mistyped theirs. An operator key that somebody chose does.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from service.brakes import Brake

_MADE_HERE = re.compile(r"bw_[a-z]+_[A-Za-z0-9_-]{43}")


class FailedSignIns(Brake):
    """At most `limit` failures per address within `window` seconds."""

    def __init__(self, *, limit: int = 10, window: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(limit=limit, window=window, clock=clock)


def is_guessable(secret: str) -> bool:
    """Is `secret` anything but a key as `service.keys` makes them?"""
    return _MADE_HERE.fullmatch(secret) is None
