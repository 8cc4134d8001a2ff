"""Which shape an index takes: chosen from how many vectors there are, what they may occupy and what must be found.

Place in the flow: `indexes.vectors` asks when it builds, and afterwards whether what it built is outgrown. Knows no
vector and no file. The sizes are where measured costs cross (`docs/decisions/0011-an-index-for-every-size.md`).
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Shape: TypeAlias = Literal["exact", "halves", "bytes"]
"""Everything compared in float32; inverted lists of half floats in memory; lists of bytes, refined from a map."""

SHAPES: Final[tuple[Shape, ...]] = ("exact", "halves", "bytes")
EXACT_LIMIT: Final = 8_192
"""Vectors up to which comparing everything costs no more than lists do: 1 to 2 core-ms for a picture's vectors."""
HALVES_LIMIT: Final = 200_000
"""Vectors up to which lists of half floats are little memory, and need no file beside the snapshot."""
MOST_LISTS: Final = 4_096
"""More would make finding the nearest lists, and building, dearer than what shorter lists save."""
OUTGROWN: Final = 3


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an index of one kind is held to.

    `recall` is the share of the true ten nearest that search is to find, 1 for comparing everything wherever
    `memory` allows it. `memory` is in bytes, by default a quarter of the machine's.
    """

    recall: float = 0.99
    memory: int | None = None

    def bytes(self) -> int:
        """The memory in bytes."""
        return self.memory if self.memory is not None else _machine_memory() // 4


@dataclass(frozen=True, slots=True)
class Plan:
    """A shape, its number of lists (0 where there are none), and the recall its searches are planned for."""

    shape: Shape
    lists: int
    recall: float


def plan(total: int, dim: int, allowance: Allowance, *, disk: int | None = None) -> Plan:
    """The shape for `total` vectors of `dim` numbers, with `disk` bytes free for its files (None: enough).

    Up to `HALVES_LIMIT` lists are planned for a tenth of the misses that are allowed: there is time for it.
    """
    room = allowance.bytes()
    everything = allowance.recall >= 1.0 and total * (4 * dim + 8) <= room
    if total <= EXACT_LIMIT or everything:
        return Plan("exact", 0, 1.0)
    lists = min(MOST_LISTS, 1 << round(math.log2(2.8 * math.sqrt(total))))
    on_disk = total * (3 * dim + 16)
    no_room_for_files = disk is not None and disk < 2 * on_disk
    if no_room_for_files or (total <= HALVES_LIMIT and total * (2 * dim + 8) <= room):
        return Plan("halves", lists, 1.0 - (1.0 - allowance.recall) / 10)
    return Plan("bytes", lists, allowance.recall)


def outgrown(shape: Shape, built_for: int, total: int, dim: int, allowance: Allowance) -> bool:
    """Whether an index of `shape`, built for so many vectors, should be built anew for the `total` there are now.

    Growing is answered at once, shrinking when half as many again would still ask for the smaller shape.
    """
    here = SHAPES.index(shape)
    if SHAPES.index(plan(total, dim, allowance).shape) > here:
        return True
    if SHAPES.index(plan(2 * total, dim, allowance).shape) < here:
        return True
    return shape != "exact" and total > OUTGROWN * built_for


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
