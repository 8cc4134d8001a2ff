"""The values of statements: what is stated, as facts, and the statement made of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from service.stamps import stamp

Measure: TypeAlias = Literal["hold", "removal", "warning", "restriction", "closure", "ban"]
Source: TypeAlias = Literal["voluntary", "notice", "trusted_flagger"]
Automation: TypeAlias = Literal["fully", "partially", "not"]


@dataclass(frozen=True, slots=True)
class Listed:
    """The listing concerned, as it was judged."""

    listing_id: str
    title: str | None
    url: str | None
    gtin: str | None
    listed_on: datetime
    """When it was put up, or first seen."""


@dataclass(frozen=True, slots=True)
class Grounds:
    """Everything a statement says, before it is put into words."""

    puid: str
    measure: Measure
    applied_at: datetime
    marketplace: str
    territories: tuple[str, ...]
    reason: str
    """In the words of whoever decided."""
    seller_id: str | None
    kind: str | None = None
    brand: str | None = None
    right: str | None = None
    """The brand's right, by office and number."""
    confidence: float | None = None
    listing: Listed | None = None
    source: Source = "voluntary"
    detected: bool = True
    """Found by automated means."""
    decided: Automation = "not"
    until: datetime | None = None
    """When the seller's time to answer is over, or the restriction ends."""
    points: float | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of reasons."""

    pk: int
    id: str
    puid: str
    measure: Measure
    text: str
    record: dict[str, Any] | None
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As the interface shows it."""
        same = ("id", "puid", "measure", "text", "record")
        return {**{name: getattr(self, name) for name in same}, "created_at": stamp(self.created_at)}
