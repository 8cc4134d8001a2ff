"""What the interface answers about listings, for the OpenAPI document; the values write this JSON themselves."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from service.listings import VerdictWord
from service.policies.decisions import Decision

BoxOut = Annotated[list[float], Field(min_length=4, max_length=4, description="`[x0, y0, x1, y1]` as fractions.")]


class FoundOut(BaseModel):
    """A match as `/v1/search` shows it."""

    kind: Literal["stolen_photo", "logo_use"]
    brand_id: str
    brand: str
    reference_id: str
    external_id: str | None
    confidence: float = Field(description="Calibrated probability that the match is real.")
    score: float = Field(description="Ranks; higher is stronger.")
    box: BoxOut
    reference_box: BoxOut
    reasons: list[str]


class MatchOut(FoundOut):
    """A match of a listing."""

    id: str
    image_index: int
    null_shift: float = Field(description="Log-odds the score was lowered by for the brand's null; 0 for most.")
    suppressed_by: str | None = Field(description="Why the match does not count towards the decision.")
    decision: Decision = Field(description="What this match asks for; `clear` for one that is suppressed.")
    policy_version: int = Field(description="Of its brand's policy that decided; 0 where there is none.")
    proof_required: bool = Field(description="Whether the seller has to show where the goods come from.")
    because: list[str] = Field(description="Why this was decided, in words.")
    case_id: str | None


class ImageOut(BaseModel):
    """What became of one picture: `ok` with its size, or `error` with a problem."""

    index: int
    status: Literal["ok", "error"]
    width: int | None = None
    height: int | None = None
    sha256: str | None = None
    problem: dict[str, Any] | None = None


class PriceOut(BaseModel):
    """A price."""

    amount: str
    currency: str


class ListingOut(BaseModel):
    """The last judgement of a listing."""

    listing_id: str
    marketplace: str
    decision: Decision
    matches: list[MatchOut]
    images: list[ImageOut]
    space: str
    index_generation: int
    calibration: str
    nulls: str | None = Field(description="Version of the brands' nulls, see docs/operations.md.")
    elapsed_ms: int
    evidence_version: int = Field(description="Counts up each time the listing is judged.")
    judged_at: datetime
    seller_id: str | None
    title: str | None
    url: str | None
    price: PriceOut | None
    gtin: str | None
    category: str | None
    territories: list[str]
    listed_at: datetime | None


class ListingPage(BaseModel):
    """A page of listings in the order they were judged."""

    items: list[ListingOut]
    next_cursor: str | None


class BrandMatchOut(MatchOut):
    """A match as its brand sees it."""

    marketplace: str
    listing_id: str
    title: str | None
    url: str | None
    seller_id: str | None
    found_at: datetime


class BrandMatchPage(BaseModel):
    """A page of matches, newest first."""

    items: list[BrandMatchOut]
    next_cursor: str | None


class VerdictOut(BaseModel):
    """What a person said about a match."""

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


class VerdictPage(BaseModel):
    """A page of verdicts in the order they were given."""

    items: list[VerdictOut]
    next_cursor: str | None


class SearchOut(BaseModel):
    """What a picture was found to show, by falling score."""

    matches: list[FoundOut]
    space: str
    index_generation: int
    calibration: str
