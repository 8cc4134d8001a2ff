"""Brake on guessing: how many wrong keys one address may send to the sign-in form.

Counted in this process only and forgotten when it stops. Keys made here have 256 random bits and do not depend on it:
they sign in even where others behind the same proxy mistyped theirs. An operator key that somebody chose does.
"""

from __future__ import annotations

import collections
import ipaddress
import math
import re
import threading
import time
from collections.abc import Callable

_MAX_ADDRESSES = 10_000
_MADE_HERE = re.compile(r"bw_[a-z]+_[A-Za-z0-9_-]{43}")


class FailedSignIns:
    """At most `limit` failures per address within `window` seconds. Safe to call from several threads."""

    def __init__(self, *, limit: int = 10, window: float = 300.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: collections.OrderedDict[str, collections.deque[float]] = collections.OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until this address may try again; 0 when it may now."""
        with self._lock:
            failures = self._recent(_network(address))
            if failures is None or len(failures) < self._limit:
                return 0
            return max(1, math.ceil(failures[0] + self._window - self._clock()))

    def record(self, address: str) -> None:
        """One more failure."""
        network = _network(address)
        with self._lock:
            failures = self._recent(network)
            if failures is None:
                failures = self._failures[network] = collections.deque(maxlen=self._limit)
            failures.append(self._clock())
            self._failures.move_to_end(network)
            while len(self._failures) > _MAX_ADDRESSES:
                self._failures.popitem(last=False)

    def _recent(self, network: str) -> collections.deque[float] | None:
        failures = self._failures.get(network)
        if failures is None:
            return None
        oldest = self._clock() - self._window
        while failures and failures[0] <= oldest:
            failures.popleft()
        return failures


def is_guessable(secret: str) -> bool:
    """Is `secret` anything but a key as `service.keys` makes them?"""
    return _MADE_HERE.fullmatch(secret) is None


def _network(address: str) -> str:
    """One IPv4 address, or the /64 that one holder of IPv6 has to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
