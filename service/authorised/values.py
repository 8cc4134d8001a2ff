"""What is known of a listing beside its pictures, and an authorisation that may permit it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from service import territories as places
from service.authorised.naming import same_gtin, same_url


@dataclass(frozen=True, slots=True)
class ListingFacts:
    """A listing as policies and authorisations see it. `territories` fall back to the marketplace's; none: everywhere.

    `price_amount` is None where no price was sent.
    """

    marketplace: str
    seller_id: str | None = None
    url: str | None = None
    gtin: str | None = None
    category: str | None = None
    price_amount: Decimal | None = None
    price_currency: str | None = None
    territories: tuple[str, ...] = ()
    listed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class NewAuthorisation:
    """What a brand allows. At least one of `seller_id`, `url` and `gtin` is there; what is None is not asked about.

    No territories is everywhere. It holds from `valid_from` to `valid_until`, both included.
    """

    seller_id: str | None = None
    marketplace: str | None = None
    url: str | None = None
    gtin: str | None = None
    territories: tuple[str, ...] = ()
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Authorisation(NewAuthorisation):
    """An authorisation on record."""

    pk: int = 0
    id: str = ""
    brand_id: str = ""
    created_by: str = ""
    """The key id of who made it."""
    created_at: datetime | None = None

    def in_force(self, on: datetime) -> bool:
        """Whether it holds at `on`."""
        begun = self.valid_from is None or self.valid_from <= on
        return begun and (self.valid_until is None or on <= self.valid_until)

    def permits(self, facts: ListingFacts, on: datetime) -> bool:
        """Whether the listing is allowed at `on`: everything that is named here agrees with it.

        A listing that does not say what is asked about is not permitted, and neither is one that is offered
        anywhere outside the territories.
        """
        named = (
            self.seller_id is None or self.seller_id == facts.seller_id,
            self.marketplace is None or self.marketplace == facts.marketplace,
            self.url is None or same_url(self.url, facts.url),
            self.gtin is None or same_gtin(self.gtin, facts.gtin),
        )
        anything = not (self.seller_id is None and self.url is None and self.gtin is None)
        return anything and all(named) and self.in_force(on) and places.hold(self.territories, facts.territories)
