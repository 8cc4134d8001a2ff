"""Writes of concurrent callers in one transaction: whoever comes while a commit is in flight shares the next.

Place in the flow: between those who write often and small and the database, whose commits are an fsync each. A lone
caller commits at once; only where several came together does the next group wait a moment for company, since what a
group costs is shared. The caller at the head of the queue writes for its group, so that there is no thread to start or
to stop. Knows no table.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeAlias, TypeVar

import sqlalchemy as sa

from indexes.database import Database, told_apart
from indexes.errors import Deadlock, StorageFailed

E = TypeVar("E")
R = TypeVar("R")

Write: TypeAlias = Callable[[sa.Connection, Sequence[E]], Sequence[R]]
"""Writes entries in the caller's transaction: a result for each, in order. May be called again for the same entries."""


class _Place(Generic[E, R]):
    """An entry in the queue, and what became of it."""

    __slots__ = ("done", "entry", "error", "result", "woken")

    def __init__(self, entry: E) -> None:
        self.entry = entry
        self.woken = threading.Event()
        self.done = False
        self.result: R | None = None
        self.error: BaseException | None = None

    def end(self, result: R | None = None, error: BaseException | None = None) -> None:
        self.result, self.error, self.done = result, error, True


class GroupedWrites(Generic[E, R]):
    """Writes entries in groups of at most `most`. Thread-safe.

    While groups have more than one entry, two of them begin at least `apart` seconds from each other.
    Entries with one `key` never share a group: the later one waits for the next, as if it had come after the commit.
    """

    def __init__(
        self,
        database: Database,
        write: Write[E, R],
        key: Callable[[E], Hashable],
        *,
        most: int = 64,
        apart: float = 0.0,
    ) -> None:
        self._database, self._write, self._key, self._most = database, write, key, most
        self._lock = threading.Lock()
        self._queue: deque[_Place[E, R]] = deque()
        self._led = False
        self._apart = apart
        self._next = 0.0  # when the next group may begin

    @property
    def waiting(self) -> int:
        """Entries that no group has taken yet."""
        return len(self._queue)

    def write(self, entry: E) -> R:
        """The result of writing `entry`, once it is committed; what its own writing raised, and none of another's.

        A commit that fails, or a database that is away, is told to everybody of the group.
        """
        place: _Place[E, R] = _Place(entry)
        with self._lock:
            self._queue.append(place)
            follows, self._led = self._led, True
        if follows:
            place.woken.wait()
        if not place.done:
            self._lead()
        if place.error is not None:
            raise place.error
        return place.result  # type: ignore[return-value]  # set whenever there is no error

    def _lead(self) -> None:
        """Write the group at the head of the queue, and hand the lead to whoever is next."""
        if (early := self._next - time.monotonic()) > 0:
            time.sleep(early)
        with self._lock:
            group = self._take()
        self._next = time.monotonic() + self._apart if len(group) > 1 else 0.0
        try:
            self._commit(group)
        except BaseException as error:  # whatever it is, nobody may go on waiting for it
            for place in group:
                place.end(error=error)
            if not isinstance(error, Exception):
                raise
        finally:
            with self._lock:
                following = self._queue[0] if self._queue else None
                self._led = following is not None
            for place in (*group, *([following] if following else [])):
                place.woken.set()

    def _take(self) -> list[_Place[E, R]]:
        group: list[_Place[E, R]] = []
        keys: set[Hashable] = set()
        while self._queue and len(group) < self._most and self._key(self._queue[0].entry) not in keys:
            group.append(self._queue.popleft())
            keys.add(self._key(group[-1].entry))
        return group

    def _commit(self, group: Sequence[_Place[E, R]]) -> None:
        try:
            with self._database.write() as connection:
                results = self._write(connection, [place.entry for place in group])
        except Exception as error:
            away = isinstance(error, StorageFailed) and not isinstance(error, Deadlock)
            if len(group) == 1 or away:
                raise  # anything else does not say whose it is
        else:
            for place, result in zip(group, results, strict=True):
                place.end(result)
            return
        self._commit_apart(group)

    def _commit_apart(self, group: Sequence[_Place[E, R]]) -> None:
        """Each entry by itself, in one transaction still: only those that fail are left out of it."""
        outcomes: list[R | BaseException] = []
        with self._database.write() as connection:
            for place in group:
                try:
                    with told_apart(), connection.begin_nested():
                        (result,) = self._write(connection, [place.entry])
                except StorageFailed:  # nothing is left of the transaction
                    raise
                except Exception as error:  # noqa: BLE001 - this entry's own; its neighbours go on
                    outcomes.append(error)
                else:
                    outcomes.append(result)
        for place, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                place.end(error=outcome)
            else:
                place.end(outcome)
