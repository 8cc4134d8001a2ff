"""Brakes: how often one address may do something that costs, or that could be a guess.

Counted in this process only and forgotten when it stops. Behind a proxy every caller has the proxy's address: brake
there as well. IPv6 is counted by the /64 that one holder has to itself.
"""

from __future__ import annotations

import collections
import ipaddress
import math
import threading
import time
from collections.abc import Callable

_MAX_ADDRESSES = 10_000


class Brake:
    """At most `limit` times per address within `window` seconds. Safe to call from several threads."""

    def __init__(self, *, limit: int, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._times: collections.OrderedDict[str, collections.deque[float]] = collections.OrderedDict()

    def wait(self, address: str) -> int:
        """Seconds until this address may try again; 0 when it may now."""
        with self._lock:
            return self._wait(_network(address))

    def record(self, address: str) -> None:
        """Count once."""
        with self._lock:
            self._record(_network(address))

    def take(self, address: str) -> int:
        """Count once and return 0, or count nothing and return the seconds to wait."""
        network = _network(address)
        with self._lock:
            wait = self._wait(network)
            if not wait:
                self._record(network)
            return wait

    def _wait(self, network: str) -> int:
        times = self._recent(network)
        if times is None or len(times) < self._limit:
            return 0
        return max(1, math.ceil(times[0] + self._window - self._clock()))

    def _record(self, network: str) -> None:
        times = self._recent(network)
        if times is None:
            times = self._times[network] = collections.deque(maxlen=self._limit)
        times.append(self._clock())
        self._times.move_to_end(network)
        while len(self._times) > _MAX_ADDRESSES:
            self._times.popitem(last=False)

    def _recent(self, network: str) -> collections.deque[float] | None:
        times = self._times.get(network)
        if times is None:
            return None
        oldest = self._clock() - self._window
        while times and times[0] <= oldest:
            times.popleft()
        return times


def _network(address: str) -> str:
    """One IPv4 address, or the /64 that one holder of IPv6 has to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
