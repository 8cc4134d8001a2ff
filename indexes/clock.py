"""Seconds that a search spends, by tier: what the metrics and the benchmarks say each step costs.

Place in the flow: `indexes.search` takes a lap after every step. It measures the wall, of one picture in one thread.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from indexes.verifiers import ReadsWords
from vision.embedding import Pixels
from vision.verification.wording import Word

TIERS: Final = ("search", "glances", "photos", "marks", "words", "score")
"""Steps of a search. `glances` are first looks at photos, `photos` and `marks` verify on pixels."""


class Clock:
    """Seconds spent by tier; a lap goes to the tier it is named after, without what was spent apart."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(TIERS, 0.0)
        self._last = time.perf_counter()

    def apart(self, tier: str, read: ReadsWords) -> ReadsWords:
        """The same reader, its seconds counted for `tier` whichever lap it runs in."""

        def timed(pixels: Pixels) -> Sequence[Word]:
            started = time.perf_counter()
            found = read(pixels)
            spent = time.perf_counter() - started
            self.seconds[tier] += spent
            self._last += spent
            return found

        return timed

    def lap(self, tier: str) -> None:
        """Count what was spent since the last lap for `tier`."""
        now = time.perf_counter()
        self.seconds[tier] += now - self._last
        self._last = now
