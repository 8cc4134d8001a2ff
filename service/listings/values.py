"""The values around a listing: what comes in, what was found, what is answered."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from service.policies.decisions import Decision
from service.stamps import stamp
from vision.boxes import Box

VerdictWord: TypeAlias = Literal["infringing", "authorised", "not_a_match"]


@dataclass(frozen=True, slots=True)
class ImageSource:
    """One picture of a listing: its bytes, a URL to fetch it from, or the error that getting it already met."""

    data: bytes | None = None
    url: str | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """A decimal amount as written, and an ISO 4217 currency."""

    amount: str
    currency: str


@dataclass(frozen=True, slots=True)
class ListingInput:
    """A listing as a marketplace sends it. `(marketplace, listing_id)` names it."""

    listing_id: str
    images: tuple[ImageSource, ...]
    marketplace: str = "default"
    seller_id: str | None = None
    title: str | None = None
    url: str | None = None
    price: Price | None = None
    gtin: str | None = None
    category: str | None = None
    territories: tuple[str, ...] = ()
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What became of one picture: `problem` is None and the size is known, or the other way round."""

    index: int
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    problem: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """As the HTTP interface shows it."""
        if self.problem is not None:
            return {"index": self.index, "status": "error", "problem": self.problem}
        size = {"width": self.width, "height": self.height, "sha256": self.sha256}
        return {"index": self.index, "status": "ok", **size}


@dataclass(frozen=True, slots=True)
class ListedMatch:
    """A match of a listing. Boxes are fractions of the submitted and of the reference picture."""

    id: str
    kind: str
    brand_id: str
    brand: str
    reference_id: str
    external_id: str | None
    image_index: int
    confidence: float
    score: float
    box: Box
    reference_box: Box
    reasons: tuple[str, ...]
    null_shift: float = 0.0
    suppressed_by: str | None = None
    decision: Decision = "clear"
    """What this match asks for."""
    policy_version: int = 0
    proof_required: bool = False
    because: tuple[str, ...] = ()
    """Why this was decided, for who reviews it."""
    case_id: str | None = None
    features: Mapping[str, float] = field(default_factory=dict, repr=False)
    """What score and confidence were made of, kept so that they can be derived again."""

    def as_json(self) -> dict[str, Any]:
        """As the HTTP interface shows it."""
        document = {entry.name: getattr(self, entry.name) for entry in dataclasses.fields(self)}
        del document["features"]
        document |= {"confidence": round(self.confidence, 6), "score": round(self.score, 6)}
        document |= {"box": self.box.as_list(), "reference_box": self.reference_box.as_list()}
        return document | {"reasons": list(self.reasons), "because": list(self.because)}


@dataclass(frozen=True, slots=True)
class ListingResult:
    """The last judgement of a listing, with all that was sent with it."""

    listing: ListingInput
    """Without its pictures."""
    decision: Decision
    matches: tuple[ListedMatch, ...]
    images: tuple[ImageResult, ...]
    space: str
    index_generation: int
    calibration: str
    nulls: str
    elapsed_ms: int
    evidence_version: int
    judged_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As the HTTP interface shows it."""
        listing = self.listing
        return {
            "listing_id": listing.listing_id,
            "marketplace": listing.marketplace,
            "decision": self.decision,
            "matches": [match.as_json() for match in self.matches],
            "images": [image.as_json() for image in self.images],
            "space": self.space,
            "index_generation": self.index_generation,
            "calibration": self.calibration,
            "nulls": self.nulls or None,
            "elapsed_ms": self.elapsed_ms,
            "evidence_version": self.evidence_version,
            "judged_at": stamp(self.judged_at),
            "seller_id": listing.seller_id,
            "title": listing.title,
            "url": listing.url,
            "price": dataclasses.asdict(listing.price) if listing.price else None,
            "gtin": listing.gtin,
            "category": listing.category,
            "territories": list(listing.territories),
            "listed_at": stamp(listing.listed_at) if listing.listed_at else None,
        }


@dataclass(frozen=True, slots=True)
class BrandMatch:
    """A match as its brand sees it, with the listing it was found in."""

    pk: int
    marketplace: str
    listing_id: str
    title: str | None
    url: str | None
    seller_id: str | None
    found_at: datetime
    match: ListedMatch

    def as_json(self) -> dict[str, Any]:
        """As the HTTP interface shows it."""
        names = ("marketplace", "listing_id", "title", "url", "seller_id")
        listing = {name: getattr(self, name) for name in names}
        return {**self.match.as_json(), **listing, "found_at": stamp(self.found_at)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person said about a match; it outlives the match, so that training can learn from it."""

    pk: int
    id: str
    match_id: str
    verdict: VerdictWord
    note: str | None
    marketplace: str
    listing_id: str
    image_index: int
    image_sha256: str | None
    kind: str
    brand_id: str
    reference_id: str
    confidence: float
    score: float
    space: str
    calibration: str
    given_by: str
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        """As the HTTP interface shows it."""
        document = dataclasses.asdict(self)
        del document["pk"]
        return document | {"created_at": stamp(self.created_at)}
