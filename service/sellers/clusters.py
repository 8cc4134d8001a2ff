"""Clusters: between requests, every stored picture of a seller is put beside the first one like it.

Place in the flow: called by upkeep, a bounded number of listings at a time, in the order they were judged. Same bytes
are found in SQL however old; near-identical pictures among the vectors of the last `recent` leaders, held in memory.
Several processes may try: one moves the cursor on. What was erased leaves SQL at once, and memory within the hour.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from indexes.database import Database, utc_now
from service.sellers import sightings
from service.sellers.sightings import Placed, Sighting
from service.settings import Settings
from vision.embedding import Vectors

_FRESH_SECONDS: Final = 3600.0


class Leaders:
    """The vectors of the last first pictures of one space, at most `room` of them."""

    def __init__(self, space: str, room: int) -> None:
        self.space, self.after, self.since = space, 0, time.monotonic()
        self._names: deque[str] = deque(maxlen=room)
        self._known: set[str] = set()
        self._vectors: deque[Vectors] = deque(maxlen=room)
        self._block: Vectors | None = None

    def add(self, sha256: str, vector: Vectors) -> None:
        """One more, unless it is there; the oldest goes when there is no room."""
        if sha256 in self._known:
            return
        if len(self._names) == self._names.maxlen:
            self._known.discard(self._names[0])
        self._known.add(sha256)
        self._names.append(sha256)
        self._vectors.append(vector)
        self._block = None

    def nearest(self, vectors: Vectors) -> list[tuple[str, float]]:
        """For each of `vectors` the leader most like it, and how much."""
        if not self._names:
            return [("", -1.0)] * len(vectors)
        if self._block is None:
            self._block = np.stack(self._vectors)
        similarities = vectors @ self._block.T
        best = similarities.argmax(axis=1)
        return [(self._names[one], float(similarities[row, one])) for row, one in enumerate(best)]


class Clusters:
    """Follows the listings. `cut` is the similarity of near-identical pictures, `cap` the sellers of a stock photo."""

    def __init__(
        self,
        database: Database,
        *,
        cut: float,
        recent: int,
        cap: int,
        at_once: int = 200,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database, self._cut, self._recent, self._cap = database, cut, recent, cap
        self._at_once, self._clock = at_once, clock
        self._leaders: Leaders | None = None

    @classmethod
    def of(cls, database: Database, settings: Settings) -> Clusters:
        """As the operator set it."""
        recent, cap = settings.near_identical_recent, settings.stock_sellers
        return cls(database, cut=settings.near_identical, recent=recent, cap=cap)

    def follow(self) -> int:
        """Look at the next listings; how many pictures of sellers were among them."""
        with self._database.read() as connection:
            before = sightings.cursor(connection)
            after, seen = sightings.seen_since(connection, before, self._at_once)
        if after == before:
            return 0
        placed: list[Placed] = []
        with self._database.read() as connection:
            same = sightings.known(connection, {one.sha256 for one in seen})
        for space in dict.fromkeys(one.space for one in seen):
            placed += self._place([one for one in seen if one.space == space], self._of_space(space), same)
        if not self._write(before, after, placed):
            self._leaders = None  # another process was quicker: what it found is read anew
            return 0
        return len(seen)

    def _of_space(self, space: str) -> Leaders:
        leaders = self._leaders
        if leaders is None or leaders.space != space or time.monotonic() - leaders.since > _FRESH_SECONDS:
            leaders = Leaders(space, self._recent)
        with self._database.read() as connection:
            new = sightings.leaders_since(connection, leaders.after, space, self._recent)
        for pk, sha256, vector in new:
            leaders.add(sha256, vector)
            leaders.after = pk
        self._leaders = leaders
        return leaders

    def _place(self, seen: Sequence[Sighting], leaders: Leaders, same: dict[str, str]) -> list[Placed]:
        """Put each picture beside the first one like it; `same` knows those of equal bytes, and learns."""
        nearest = leaders.nearest(np.stack([one.vector for one in seen]))
        fresh = Leaders(leaders.space, len(seen))
        placed = []
        for one, older in zip(seen, nearest, strict=True):
            if one.sha256 in same:
                placed.append(Placed(one, same[one.sha256], 1.0))
                continue
            found, similarity = max(older, fresh.nearest(one.vector[None])[0], key=lambda near: near[1])
            if similarity < self._cut:
                found, similarity = one.sha256, 1.0
                fresh.add(one.sha256, one.vector)
            same[one.sha256] = found
            placed.append(Placed(one, found, similarity))
        return placed

    def _write(self, before: int, after: int, placed: Sequence[Placed]) -> bool:
        now = self._clock()
        with self._database.write() as connection:
            if not sightings.advance(connection, before, after):
                return False
            there = sightings.still_there(connection, {one.sighting.listing_pk for one in placed})
            stock = sightings.crowded(connection, {one.picture for one in placed}, self._cap)
            kept = [one for one in placed if one.sighting.listing_pk in there and one.picture not in stock]
            if kept:
                sellers = {(one.sighting.marketplace, one.sighting.seller_id) for one in kept}
                sightings.write(connection, kept, sightings.keys_of(connection, sellers, now), now)
        return True
