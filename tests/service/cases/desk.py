"""A desk to work cases at: a brand, judged listings, and a clock that goes when it is told to."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from indexes.brands import Brands
from service.cases import Acting, Cases
from service.listings.values import ImageResult, ListedMatch, ListingInput, ListingResult
from service.marketplaces import Marketplaces
from vision.boxes import Box

MONDAY = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
REVIEWER, OTHER = Acting("reviewer", "key_rose"), Acting("reviewer", "key_olaf")
OPERATOR, SYSTEM = Acting("operator", "key_boss"), Acting("system", "clock")
BRAND, SELLER = Acting("brand", "key_acme"), Acting("seller", "tok_seller")
ACTING = {acting.role: acting for acting in (REVIEWER, OPERATOR, SYSTEM, BRAND, SELLER)}


class Clock:
    """A time that passes when told."""

    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now

    def go(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


class Desk:
    """`cases` on `database`, with one verified brand, and listings as if they were judged."""

    def __init__(self, database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.brands, self.marketplaces = Brands(database), Marketplaces(database)
        self.marketplaces.ensure_default()
        self.brand = self.brands.create("Acme").id
        self.lane = "standard"
        self.cases = self.another()

    def another(self, **options) -> Cases:
        """The cases of another process on the same database."""
        return Cases(self.database, lane=lambda *_: self.lane, clock=self.clock, **options)

    def match(self, match_id="mat_1", **changes) -> ListedMatch:
        made = ListedMatch(
            id=match_id,
            kind="stolen_photo",
            brand_id=self.brand,
            brand="Acme",
            reference_id="ref_1",
            external_id="SKU-1",
            image_index=0,
            confidence=0.9,
            score=0.8,
            box=Box(0.0, 0.0, 1.0, 1.0),
            reference_box=Box(0.0, 0.0, 1.0, 1.0),
            reasons=("the same picture",),
            decision="review",
            features={"exact": 0.5},
        )
        return dataclasses.replace(made, **changes)

    def result(self, *matches: ListedMatch, listing_id="A-1", version=1, pictures=("aa",), **changes) -> ListingResult:
        images = tuple(ImageResult(index, 8, 8, sha256=sha * 32) for index, sha in enumerate(pictures))
        listing = ListingInput(listing_id, (), seller_id="s-9", title="Cup", **changes)
        return ListingResult(
            listing=listing,
            decision="review",
            matches=matches,
            images=images,
            space="spc_test",
            index_generation=version,
            calibration="cal",
            nulls="",
            elapsed_ms=3,
            evidence_version=version,
            judged_at=self.clock(),
        )

    def judge(self, *matches: ListedMatch, **changes) -> dict[str, str]:
        """Judge a listing: the case of each match."""
        with self.database.write() as connection:
            return self.cases.open_for(connection, self.result(*matches, **changes))

    def open(self, listing_id="A-1", **changes):
        """A case on a listing of its own."""
        match = self.match(f"mat_{listing_id}", **changes)
        return self.cases.get(self.judge(match, listing_id=listing_id)[match.id])

    def act(self, case, acting, action, **said):
        there = self.cases.get(case.id).evidence_version
        return self.cases.act(case.id, acting, action, **{"reason": "because", "evidence_version": there, **said})

    def bring(self, case, steps: Iterable[tuple[Acting, str]]):
        """Do each of `steps`."""
        for acting, action in steps:
            case = self.act(case, acting, action)
        return case
