"""Is this process fit for work? Asked by load balancers every second or so, answered by doing the work once.

Ready means: open, not draining, the database answers, the index is in step with it, and a canary picture went
through the real embedder and the index in time. The answer is kept for a second; those who ask meanwhile share it.
"""

from __future__ import annotations

import asyncio
import time

from indexes.errors import StorageFailed
from service.errors import Overloaded
from service.lifecycle import Lifecycle
from service.problems import describe

KEPT_SECONDS = 1.0
STALE_SECONDS = 10.0
"""Without having seen the database for so long, the index may lack what other processes wrote."""


class Readiness:
    """One per application."""

    def __init__(self, lifecycle: Lifecycle) -> None:
        self._lifecycle = lifecycle
        self._lock = asyncio.Lock()
        self._checked = float("-inf")
        self._refusal: Overloaded | None = None

    async def check(self) -> None:
        """Return when ready, raise `Overloaded` with a `reason` otherwise."""
        self._check_state()
        async with self._lock:
            if time.monotonic() - self._checked > KEPT_SECONDS:
                self._refusal = await asyncio.to_thread(self._probe)
                self._checked = time.monotonic()
        self._check_state()
        if self._refusal is not None:
            raise self._refusal

    def _check_state(self) -> None:
        if self._lifecycle.state != "ready":
            raise Overloaded(self._lifecycle.why_not_ready(), reason=self._lifecycle.state)

    def _probe(self) -> Overloaded | None:
        try:
            runtime = self._lifecycle.runtime
            try:
                runtime.database.ping()
            except StorageFailed as error:
                return Overloaded(str(error), reason="database")
            if (lag := runtime.upkeep.lag) > STALE_SECONDS:
                return Overloaded(f"The index has not followed the database for {lag:.0f} s.", reason="stale")
            if (trouble := runtime.spaces.trouble) is not None:
                return Overloaded(trouble, reason="space")
            runtime.pipeline.canary(runtime.settings.canary_timeout)
        except Exception as error:  # noqa: BLE001  # whatever fails the canary makes the process unfit
            detail = describe(error).detail
            return Overloaded(f"The canary picture did not come through: {detail}", reason="canary")
        return None
