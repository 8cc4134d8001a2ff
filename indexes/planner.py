"""Which shape an index takes: chosen from how many vectors there are, what they may occupy and what must be found.

Place in the flow: `indexes.vectors` asks when it builds, and afterwards whether what it built is outgrown. Knows no
vector and no file. The sizes are where measured costs cross (`docs/decisions/0011-an-index-for-every-size.md`).
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Shape: TypeAlias = Literal["exact", "packed"]
"""Everything compared in float32, or packed codes in inverted lists, refined from a mapped file."""

EXACT_LIMIT: Final = 8_192
"""Vectors up to which comparing everything costs no more than lists do: 1 to 2 core-ms for a picture's vectors."""
MOST_LISTS: Final = 16_384
"""More would make finding the nearest lists, and building, dearer than what shorter lists save."""
OUTGROWN: Final = 3


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an index of one kind is held to.

    `recall` is the share of the true ten nearest that search is to find, 1 for comparing everything as far as `memory`
    reaches. `memory` is in bytes, by default a quarter of the machine's.
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


def plan(total: int, dim: int, allowance: Allowance) -> Plan:
    """The shape for `total` vectors of `dim` numbers."""
    everything = allowance.recall >= 1.0 and total * (4 * dim + 8) <= allowance.bytes()
    if total <= EXACT_LIMIT or everything:
        return Plan("exact", 0, 1.0)
    return Plan("packed", min(MOST_LISTS, 1 << round(math.log2(2.8 * math.sqrt(total)))), allowance.recall)


def outgrown(shape: Shape, built_for: int, total: int, dim: int, allowance: Allowance) -> bool:
    """Whether an index of `shape`, built for so many vectors, should be built anew for the `total` there are now.

    Growing is answered at once, shrinking when twice as many would still ask for the smaller shape.
    """
    if shape == "exact":
        return plan(total, dim, allowance).shape != "exact"
    return plan(2 * total, dim, allowance).shape == "exact" or total > OUTGROWN * built_for


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
