"""Rows of the listing tables made into values again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.paging import decode_cursor
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS
from service.listings.values import BrandMatch, ImageResult, ListedMatch, ListingInput, ListingResult, Price
from vision.boxes import Box

_OF_LISTING = ("marketplace", "listing_id", "title", "url", "seller_id", "judged_at")
SHOWN = sa.or_(LISTING_MATCHES.c.decision != "clear", LISTING_MATCHES.c.suppressed_by.is_not(None))
"""Matches anybody is told of; the others are kept so that another policy can be tried on them."""


def images_of(connection: sa.Connection, pks: Sequence[int]) -> dict[int, list[ImageResult]]:
    """The pictures of listings, in the order they were sent, by the listing's primary key."""
    names = ("listing_pk", "position", "width", "height", "sha256", "problem")
    query = sa.select(*(LISTING_IMAGES.c[name] for name in names)).where(LISTING_IMAGES.c.listing_pk.in_(pks))
    found: dict[int, list[ImageResult]] = defaultdict(list)
    for row in connection.execute(query.order_by(LISTING_IMAGES.c.position)):
        found[row.listing_pk].append(ImageResult(row.position, row.width, row.height, row.sha256, row.problem))
    return found


def matches_of(connection: sa.Connection, pks: Sequence[int]) -> dict[int, list[ListedMatch]]:
    """The matches of listings by falling confidence, by the listing's primary key."""
    query = (
        sa.select(LISTING_MATCHES, BRANDS.c.name.label("brand"))
        .join(BRANDS, BRANDS.c.id == LISTING_MATCHES.c.brand_id)
        .where(LISTING_MATCHES.c.listing_pk.in_(pks), SHOWN)
        .order_by(LISTING_MATCHES.c.confidence.desc(), LISTING_MATCHES.c.score.desc(), LISTING_MATCHES.c.pk)
    )
    found: dict[int, list[ListedMatch]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.listing_pk].append(_match(row))
    return found


def brand_matches(brand_id: str, limit: int, cursor: str | None) -> sa.Select[Any]:
    """The query for what was found for a brand, newest first."""
    query = (
        sa.select(LISTING_MATCHES, BRANDS.c.name.label("brand"), *(LISTINGS.c[name] for name in _OF_LISTING))
        .join(LISTINGS, LISTINGS.c.pk == LISTING_MATCHES.c.listing_pk)
        .join(BRANDS, BRANDS.c.id == LISTING_MATCHES.c.brand_id)
        .where(LISTING_MATCHES.c.brand_id == brand_id, SHOWN)
        .order_by(LISTING_MATCHES.c.pk.desc())
        .limit(limit)
    )
    return query if cursor is None else query.where(LISTING_MATCHES.c.pk < decode_cursor(cursor))


def brand_match(row: Any) -> BrandMatch:
    """A row of `brand_matches`."""
    listing = {name: getattr(row, name) for name in _OF_LISTING if name != "judged_at"}
    return BrandMatch(pk=row.pk, found_at=row.judged_at, match=_match(row), **listing)


def result(row: Any, images: Sequence[ImageResult], matches: Sequence[ListedMatch]) -> ListingResult:
    """A row of `listings` with its pictures and matches."""
    return ListingResult(
        listing=_listing(row),
        decision=row.decision,
        matches=tuple(matches),
        images=tuple(images),
        space=row.space,
        index_generation=row.index_generation,
        calibration=row.calibration,
        nulls=row.nulls,
        elapsed_ms=row.elapsed_ms,
        evidence_version=row.evidence_version,
        judged_at=row.judged_at,
    )


def _listing(row: Any) -> ListingInput:
    same = ("listing_id", "marketplace", "seller_id", "title", "url", "gtin", "category", "listed_at")
    price = Price(row.price_amount, row.price_currency) if row.price_amount is not None else None
    plain = {name: getattr(row, name) for name in same}
    return ListingInput(images=(), price=price, territories=tuple(row.territories), **plain)


def _match(row: Any) -> ListedMatch:
    same = ("id", "kind", "brand_id", "brand", "reference_id", "external_id", "image_index", "confidence", "score")
    return ListedMatch(
        **{name: getattr(row, name) for name in same},
        box=Box(*row.box),
        reference_box=Box(*row.reference_box),
        reasons=tuple(row.reasons),
        null_shift=row.null_shift,
        suppressed_by=row.suppressed_by,
        decision=row.decision,
        policy_version=row.policy_version,
        proof_required=row.proof_required,
        because=tuple(row.because),
        case_id=row.case_id,
        features=row.features,
    )
