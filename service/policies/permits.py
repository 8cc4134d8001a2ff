"""The authorisations of one brand, arranged so that a listing is held against the few that could mean it.

Place in the flow: inside a rulebook. A brand may allow thousands of sellers, and a replay asks for
a hundred thousand listings. What an authorisation permits is its own business; this only finds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from service.authorised import Authorisation, ListingFacts
from service.authorised.naming import plain_gtin, plain_url


class Permits:
    """Authorisations by the first of seller, GTIN and URL that they name. Never changed."""

    def __init__(self, authorisations: Iterable[Authorisation]) -> None:
        self._sellers: defaultdict[str, list[Authorisation]] = defaultdict(list)
        self._gtins: defaultdict[str, list[Authorisation]] = defaultdict(list)
        self._urls: defaultdict[str, list[Authorisation]] = defaultdict(list)
        for one in authorisations:
            if one.seller_id is not None:
                self._sellers[one.seller_id].append(one)
            elif one.gtin is not None:
                self._gtins[plain_gtin(one.gtin)].append(one)
            elif one.url is not None:
                self._urls[plain_url(one.url)].append(one)

    def find(self, facts: ListingFacts, on: datetime) -> Authorisation | None:
        """The oldest authorisation that permits the listing at `on`."""
        likely: list[Authorisation] = []
        if facts.seller_id is not None and facts.seller_id in self._sellers:
            likely += self._sellers[facts.seller_id]
        if facts.gtin is not None and self._gtins:
            likely += self._gtins.get(plain_gtin(facts.gtin), ())
        if facts.url is not None and self._urls:
            likely += self._urls.get(plain_url(facts.url), ())
        return min((one for one in likely if one.permits(facts, on)), key=lambda one: one.pk, default=None)
