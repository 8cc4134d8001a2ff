"""How many pictures may be inside the pipeline, how long they may wait, and what a caller hears when there is no room.

Place in the flow: the door of `service.pipeline`. It counts pictures, not bytes and not requests: pictures of one
listing come in together or not at all, so a listing is never half done because of load. The wait is estimated: the
measured time between two finished pictures, times the places ahead.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TypeVar

from service.errors import Overloaded

T = TypeVar("T")

_LONGEST_RETRY = 60
_FIRST_INTERVAL = 0.02
"""Seconds between two finished pictures, a guess until some were measured."""
_WINDOW = 32
"""Finished pictures that the interval is measured over; they leave in batches, so a few would say little."""
_FEWEST = 8


class Admission:
    """A counted door. Thread-safe.

    Refused is who would make it more than `capacity` pictures, or find a wait of more than `longest_wait` seconds.
    Anybody is let in when nothing else is inside: a large group would never find room otherwise.
    """

    def __init__(
        self, capacity: int, longest_wait: float = math.inf, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.capacity = capacity
        self._longest_wait = longest_wait
        self._clock = clock
        self._changed = threading.Condition()
        self._inside = 0
        self._draining = False
        self._idle = 0.0  # seconds with nothing inside, which say nothing of how fast pictures are finished
        self._empty_since = clock()
        self._left: deque[float] = deque(maxlen=_WINDOW)  # when pictures left, without the idle seconds

    @property
    def inside(self) -> int:
        """Pictures that were let in and have not finished."""
        return self._inside

    @property
    def draining(self) -> bool:
        """Whether the door is closed for good."""
        return self._draining

    @property
    def wait(self) -> float:
        """Seconds that a picture let in now would wait for those ahead of it, as far as can be told."""
        return self._inside * self._interval

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
                self._idle += self._clock() - self._empty_since
            self._inside += count

    def leave(self) -> None:
        """One picture has finished, whatever became of it."""
        with self._changed:
            now = self._clock()
            self._left.append(now - self._idle)
            self._inside -= 1
            if self._inside == 0:
                self._empty_since = now
            self._changed.notify_all()

    def submit(self, pool: Executor, work: Callable[[], T]) -> Future[T]:
        """Have `pool` do the work of one that was let in. Its place is free before anybody sees the answer."""

        def do() -> T:
            try:
                return work()
            finally:
                self.leave()

        def end(future: Future[T]) -> None:
            if future.cancelled():  # it never ran
                self.leave()

        future = pool.submit(do)
        future.add_done_callback(end)
        return future

    def close(self) -> None:
        """Let nobody in any more."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def wait_empty(self, timeout: float) -> bool:
        """Wait until everything inside has finished; False when `timeout` seconds were not enough."""
        with self._changed:
            return self._changed.wait_for(lambda: self._inside == 0, timeout=timeout)

    @property
    def _interval(self) -> float:
        """Seconds between two finished pictures, while there were any."""
        if len(self._left) < _FEWEST:
            return _FIRST_INTERVAL
        return (self._left[-1] - self._left[0]) / (len(self._left) - 1)

    def _has_room(self, count: int) -> bool:
        if self._inside == 0:
            return True
        return self._inside + count <= self.capacity and self.wait <= self._longest_wait

    def _refusal(self, count: int) -> Overloaded:
        if self._draining:
            return Overloaded("The service is shutting down; send again to the next one.", retry_after=5)
        full = self._inside + count > self.capacity
        seconds = (self._inside + count - self.capacity) * self._interval if full else self.wait - self._longest_wait
        return Overloaded(
            "Every place in the queue is taken; send again after the seconds in Retry-After."
            if full
            else "A picture would wait too long now; send again after the seconds in Retry-After.",
            retry_after=min(_LONGEST_RETRY, max(1, math.ceil(seconds))),
        )
