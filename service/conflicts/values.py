"""A conflict: two claim one picture, and one of them is held until an operator has looked. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from indexes.brands import Brand
from indexes.references import Reference

Cause: TypeAlias = Literal["reference", "listing"]
"""What was there first: another brand's reference, or a picture of a listing."""
Agreement: TypeAlias = Literal["bytes", "pixels", "vectors"]
"""The same file, pixels that agree, or, where no pixels were kept, vectors that can hardly be told apart."""
ConflictState: TypeAlias = Literal["open", "released", "rejected"]
Resolution: TypeAlias = Literal["release", "reject"]

Side: TypeAlias = tuple[Reference, Brand]


@dataclass(frozen=True, slots=True)
class Finding:
    """Somebody else has the picture of `reference`, which is the one to be held."""

    reference: Reference
    cause: Cause
    agreement: Agreement
    confidence: float
    seen_at: datetime
    """When the other side was first seen here."""
    other_reference_id: str | None = None
    other_brand_id: str | None = None
    marketplace: str | None = None
    listing_id: str | None = None
    image_index: int | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """A finding on record, with both sides as they are now, and what an operator made of it."""

    pk: int
    id: str
    state: ConflictState
    cause: Cause
    agreement: Agreement
    confidence: float
    seen_at: datetime
    found_at: datetime
    reference_id: str
    reference_status: str
    kind: str
    external_id: str | None
    brand_id: str
    brand: str
    other_reference_id: str | None
    other_brand_id: str | None
    other_brand: str | None
    marketplace: str | None
    listing_id: str | None
    image_index: int | None
    reason: str | None
    resolved_by: str | None
    resolved_at: datetime | None


def held_of(one: Side, other: Side) -> tuple[Side, Side]:
    """Of two references of different brands with one picture: the one to hold, and the one that goes on.

    The brand that is not verified is held, or else the newer reference: what somebody uploads who has shown nothing
    never takes away a verified brand's match.
    """
    held, stays = sorted((one, other), key=lambda side: (side[1].status == "verified", -side[0].pk))
    return held, stays
