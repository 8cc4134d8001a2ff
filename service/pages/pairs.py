"""A case as the templates show it: its document, its two pictures, and which parts of them match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from service.cases import acting_as
from service.keys import Principal
from service.runtime import Runtime

_OF_PROOFS: Final = ("accept_proof", "reject_proof")


@dataclass(frozen=True, slots=True)
class Pair:
    """Addresses of the listing's picture and of the reference, and a box `[x0, y0, x1, y1]` in fractions of each."""

    listing: str
    reference: str
    box: list[float]
    reference_box: list[float]
    kind: str
    mirrored: bool


def pair_of(document: dict[str, Any]) -> Pair:
    """From a case as the interface shows it."""
    match, base = document["match"], f"/v1/cases/{document['id']}"
    return Pair(
        listing=f"{base}/images/{match['image_index']}",
        reference=f"{base}/reference",
        box=match["box"],
        reference_box=match["reference_box"],
        kind=match["kind"],
        mirrored=any("mirror" in reason for reason in match["reasons"]),
    )


def document_of(runtime: Runtime, principal: Principal, case_id: str) -> dict[str, Any]:
    """The case as the interface shows it to `principal`; `NotFound` where they may not see it."""
    case = runtime.cases.find_for(principal, case_id)
    return runtime.cases.documents([case], acting_as(principal))[0]


def offered(document: dict[str, Any], action: str) -> bool:
    """Whether a person is shown `action`: what the table allows, and of proofs only where one was sent."""
    return action in document["allowed_actions"] and (bool(document["proofs"]) or action not in _OF_PROOFS)


def facts_of(document: dict[str, Any]) -> list[tuple[str, str]]:
    """What is known of the listing, as terms and values; what was not sent is left out."""
    listing, match = document["listing"], document["match"]
    price = listing.get("price")
    told = (
        ("Marketplace", listing["marketplace"]),
        ("Listing", listing["listing_id"]),
        ("Seller", listing.get("seller_id")),
        ("Title", listing.get("title")),
        ("Price", f"{price['amount']} {price['currency']}" if price else None),
        ("Category", listing.get("category")),
        ("Territories", ", ".join(listing.get("territories") or ())),
        ("GTIN", listing.get("gtin")),
        ("Reference", match.get("external_id") or match["reference_id"]),
        ("Score", f"{match['score']:.3f}"),
    )
    return [(term, str(value)) for term, value in told if value]


def address_of(url: str | None) -> str | None:
    """The listing's address when a browser may follow it."""
    return url if url and urlsplit(url).scheme in ("http", "https") else None
