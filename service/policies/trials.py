"""Trying a policy on what is stored, before it is applied.

Place in the flow: the HTTP interface and the operator's page hand in a draft and show what comes back; nothing is
stored. A trial reads many rows and computes for seconds, so few run at once and the others are told to come back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from service.errors import TooManyRequests
from service.policies.policies import Policies
from service.policies.replay import Replay
from service.policies.results import stored_results, verdicts_of
from service.policies.values import Draft, Policy

MOST_RESULTS: Final = 100_000
"""The newest results of a brand that are looked at."""
_AT_ONCE: Final = 2


class Trials:
    """Replays drafts. Thread-safe."""

    def __init__(
        self,
        database: Database,
        policies: Policies,
        *,
        most: int = MOST_RESULTS,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database, self._policies, self._most, self._clock = database, policies, most, clock
        self._places = threading.BoundedSemaphore(_AT_ONCE)

    def replay(self, brand_id: str, draft: Draft) -> Replay:
        """What `draft` as the brand's policy would make of its stored results now.

        `NotFound` without the brand, `TooManyRequests` while others are being tried.
        """
        if not self._places.acquire(blocking=False):
            raise TooManyRequests("Other policies are being tried; send again in a moment.", retry_after=5)
        try:
            return self._replay(brand_id, draft)
        finally:
            self._places.release()

    def _replay(self, brand_id: str, draft: Draft) -> Replay:
        replay = Replay()
        with self._database.read() as connection:
            now = self._policies.current(connection, brand_id)
            proposed = Policy(brand_id, now.version + 1, draft.rules, draft.proof_required)
            book = self._policies.book(connection, [brand_id], proposed=proposed)
            if brand_id not in book.brands:
                raise NotFound("There is no such brand.")
            verdicts = verdicts_of(connection, brand_id)
            results = stored_results(connection, brand_id, self._most, book.territories)
            replay.run(book, results, verdicts, self._clock())
            replay.complete = replay.after.decisions.total() < self._most
        return replay
