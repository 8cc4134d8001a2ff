"""Which picture listing number n shows: new ones, every fiftieth a copy of a reference, now and then a broken one.

Place in the flow: between the supply of pictures and whoever sends them, over HTTP or inside a process. The same number
of the same mixture is always the same picture.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed.supply import MIXED, Supply

COPY_EVERY = 50


@dataclass(frozen=True, slots=True)
class Sent:
    """One picture and what it is: a kind of the supply, or `corrupt`; `copy_of` names the reference it shows."""

    kind: str
    data: bytes
    copy_of: str = ""


class Mixture:
    """`mix` is a kind of picture, or `mixed`; every `COPY_EVERY`th listing is a copy unless all are of one kind."""

    def __init__(self, supply: Path, mix: str, corrupt_every: int = 0) -> None:
        self._supply, self._mix, self._corrupt_every = Supply(supply), mix, corrupt_every

    def sent(self, number: int) -> Sent:
        """What listing `number` shows."""
        if self._corrupt_every and number % self._corrupt_every == 7:
            return self._broken(number)
        kind, turn = self._choose(number)
        data, reference = self._supply.picture(kind, turn)
        return Sent(kind, data, reference)

    def _choose(self, number: int) -> tuple[str, int]:
        if self._mix in ("plain", "mixed") and number % COPY_EVERY == COPY_EVERY - 1:
            return "copy", number // COPY_EVERY
        if self._mix != "mixed":
            return self._mix, number
        if number % COPY_EVERY == COPY_EVERY // 2:
            return "large", number // COPY_EVERY
        lap, slot = divmod(number, len(MIXED))
        kind = MIXED[slot]
        return kind, lap * MIXED.count(kind) + MIXED[:slot].count(kind)

    def _broken(self, number: int) -> Sent:
        """Cut off in the middle, or noise that claims to be a JPEG."""
        if number % 2:
            data, _ = self._supply.picture("plain", number)
            return Sent("corrupt", data[: len(data) // 2])
        noise = random.Random(number).randbytes(20_000)  # noqa: S311 - no secret
        return Sent("corrupt", b"\xff\xd8\xff\xe0" + noise)
