"""From confidences to the machine's decision.

Place in the flow: after scoring, before anything is stored or answered. Without a brand policy the thresholds here
hold and nothing goes beyond `review`: a machine alone neither holds nor takes down a listing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from indexes.brands import Brand

Decision: TypeAlias = Literal["clear", "monitor", "review", "hold", "takedown"]
DECISIONS: Final[tuple[Decision, ...]] = ("clear", "monitor", "review", "hold", "takedown")
"""From the mildest to the strongest."""

Suppression: TypeAlias = Literal["unverified_brand"]
"""Why a match is shown but does not count."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Confidences from which a match is monitored or reviewed."""

    monitor: float = 0.20
    review: float = 0.50

    def decide(self, confidence: float) -> Decision:
        """The decision one match asks for."""
        if confidence >= self.review:
            return "review"
        return "monitor" if confidence >= self.monitor else "clear"


DEFAULT_THRESHOLDS: Final = Thresholds()


def suppression(brand: Brand) -> Suppression | None:
    """Why matches of `brand` do not count, or None when they do."""
    return "unverified_brand" if brand.status == "unverified" else None


def strongest(decisions: Iterable[Decision]) -> Decision:
    """The strongest of `decisions`; `clear` when there is none."""
    return max(decisions, key=DECISIONS.index, default="clear")
