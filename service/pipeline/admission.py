"""How many pictures may be inside the pipeline, and what a caller hears when there is no room.

Place in the flow: the door of `service.pipeline`. It counts pictures, not bytes and not requests: pictures of one
listing come in together or not at all, so a listing is never half done because of load.
"""

from __future__ import annotations

import math
import threading
import time

from service.errors import Overloaded

_LONGEST_RETRY = 60
_SMOOTHING = 0.1


class Admission:
    """A counted door. Thread-safe.

    A group larger than `capacity` is let in when nothing else is inside: it would never find room otherwise.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._changed = threading.Condition()
        self._inside = 0
        self._draining = False
        self._interval = 0.02  # seconds between two finished pictures while busy; a guess until measured
        self._last = 0.0

    @property
    def inside(self) -> int:
        """Pictures that were let in and have not finished."""
        return self._inside

    @property
    def draining(self) -> bool:
        """Whether the door is closed for good."""
        return self._draining

    def check(self, count: int) -> None:
        """Raise what `admit` would raise now, and take no room: for refusing before dear preparation."""
        with self._changed:
            if self._draining or not self._has_room(count):
                raise self._refusal(count)

    def admit(self, count: int, *, patience: float = 0.0) -> None:
        """Let `count` pictures in together, waiting at most `patience` seconds for room; else `Overloaded`."""
        with self._changed:
            self._changed.wait_for(lambda: self._draining or self._has_room(count), timeout=patience)
            if self._draining or not self._has_room(count):
                raise self._refusal(count)
            if self._inside == 0:
                self._last = time.monotonic()
            self._inside += count

    def leave(self) -> None:
        """One picture has finished, whatever became of it."""
        with self._changed:
            now = time.monotonic()
            self._interval += _SMOOTHING * ((now - self._last) - self._interval)
            self._last = now
            self._inside -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Let nobody in any more."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def wait_empty(self, timeout: float) -> bool:
        """Wait until everything inside has finished; False when `timeout` seconds were not enough."""
        with self._changed:
            return self._changed.wait_for(lambda: self._inside == 0, timeout=timeout)

    def _has_room(self, count: int) -> bool:
        return self._inside == 0 or self._inside + count <= self.capacity

    def _refusal(self, count: int) -> Overloaded:
        if self._draining:
            return Overloaded("The service is shutting down; send again to the next one.", retry_after=5)
        seconds = max(1, self._inside + count - self.capacity) * self._interval
        return Overloaded(
            "Every place in the queue is taken; send again after the seconds in Retry-After.",
            retry_after=min(_LONGEST_RETRY, max(1, math.ceil(seconds))),
        )
