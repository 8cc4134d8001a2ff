"""Which listing an address names, and what was found in it for a brand: read on the caller's transaction.

Addresses are compared as authorisations compare them: scheme, capitals of the host, a last slash and what follows `#`
make no difference. The variants that differ in those are asked for by the index on `listings.url`.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urldefrag, urlsplit, urlunsplit

import sqlalchemy as sa

from service.authorised.naming import same_url
from service.listings.reading import images_of, matches_of, result
from service.listings.tables import LISTINGS
from service.listings.values import ListedMatch, ListingResult


def find_listing(connection: sa.Connection, url: str) -> ListingResult | None:
    """The listing at an address, the one judged last where several are; None when it is not known.

    It is held until the transaction ends, so that two notices do not open a case each.
    """
    query = sa.select(LISTINGS.c.pk, LISTINGS.c.url).where(LISTINGS.c.url.in_(variants(url)))
    named = connection.execute(query.order_by(LISTINGS.c.judged_at.desc()).limit(20))
    pk = next((one.pk for one in named if same_url(url, one.url)), None)
    row = connection.execute(sa.select(LISTINGS).where(LISTINGS.c.pk == pk).with_for_update()).one_or_none()
    if row is None:
        return None
    images, matches = images_of(connection, [row.pk]), matches_of(connection, [row.pk])
    return result(row, images.get(row.pk, []), matches.get(row.pk, []))


def variants(url: str) -> Collection[str]:
    """Ways to write the same address."""
    parts = urlsplit(urldefrag(url).url)
    hosts = {parts.netloc, parts.netloc.lower()}
    paths = {parts.path, parts.path.rstrip("/"), parts.path.rstrip("/") + "/"}
    return {
        url,
        *(
            urlunsplit((scheme, host, path, parts.query, ""))
            for scheme in ("http", "https")
            for host in hosts
            for path in paths
        ),
    }


def of_brand(found: ListingResult, *, brand_id: str | None, name: str) -> ListedMatch | None:
    """The strongest match for a brand that nothing suppresses; by its name where no key says who it is."""
    for match in found.matches:
        theirs = match.brand_id == brand_id if brand_id else match.brand.casefold() == name.strip().casefold()
        if theirs and match.suppressed_by is None:
            return match
    return None
