"""The five decisions, and their order.

Place in the flow: below everything else of policies. Knows no thresholds and no brands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

Decision: TypeAlias = Literal["clear", "monitor", "review", "hold", "takedown"]
DECISIONS: Final[tuple[Decision, ...]] = ("clear", "monitor", "review", "hold", "takedown")
"""From the mildest to the strongest."""
_RANKS: Final = {decision: rank for rank, decision in enumerate(DECISIONS)}


def rank(decision: Decision) -> int:
    """Its place in `DECISIONS`."""
    return _RANKS[decision]


def strongest(decisions: Iterable[Decision]) -> Decision:
    """The strongest of `decisions`; `clear` when there is none."""
    return max(decisions, key=rank, default="clear")
