"""Registration: anybody may bring a brand. It begins unverified, seen in shadow, and with a key of its own.

Place in the flow: called without a key, so an address may do it a few times an hour only. Names are taken as they
are: whether a name is somebody else's is for the operator who verifies the brand to see.
"""

from __future__ import annotations

from dataclasses import dataclass

from indexes.brands import Brands, BrandStatus
from service.brakes import Brake
from service.errors import TooManyRequests
from service.keys import Keys

_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Registered:
    """A new brand and the secret of its key, which nobody can read again."""

    brand_id: str
    key: str
    status: BrandStatus


class Registration:
    """Takes brands in. `brake` counts what one address does."""

    def __init__(self, brands: Brands, keys: Keys, brake: Brake) -> None:
        self._brands, self._keys, self._brake = brands, keys, brake

    @classmethod
    def hourly(cls, brands: Brands, keys: Keys, limit: int) -> Registration:
        """At most `limit` registrations an hour from one address."""
        return cls(brands, keys, Brake(limit=limit, window=_HOUR))

    def register(self, name: str, contact_email: str, *, address: str) -> Registered:
        """Make the brand and its key; `TooManyRequests` with the seconds to wait for an address that did so often."""
        if wait := self._brake.take(address):
            detail = "Too many brands were registered from this address; try again later, or ask the operator."
            raise TooManyRequests(detail, retry_after=wait)
        brand = self._brands.create(name, "unverified", contact_email)
        _, secret = self._keys.create("brand", "made at registration", brand_id=brand.id)
        return Registered(brand.id, secret, brand.status)
