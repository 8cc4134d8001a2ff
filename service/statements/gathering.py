"""What a statement about a case goes by: read from the case, its audit, its evidence, the brand and its rights.

Place in the flow: inside the transaction of the move, so that the statement says what was true when it was made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from indexes.brands import BRANDS
from service.cases import evidence, records
from service.cases.values import Case, Entry
from service.marketplaces import MARKETPLACES
from service.rights import Right, Rights
from service.statements.values import Automation, Grounds, Listed, Measure, Source

NOTICED: Final = "noticed"
"""The entry that a notice leaves in the audit of the case it joins; its details may hold `trusted`."""
_PUBLIC: Final = re.compile(r"[^A-Za-z0-9 ./-]")
_PEOPLE: Final = frozenset({"reviewer", "operator", "brand"})
_RESTRICTING: Final = frozenset({"hold", "confirm", "remove", "reject_proof"})


class Gathering:
    """Reads what statements say."""

    def __init__(self, rights: Rights) -> None:
        self._rights = rights

    def of_case(self, connection: sa.Connection, case: Case, entry: Entry, measure: Measure, puid: str) -> Grounds:
        """What `entry` did to the listing of `case`, and why."""
        audit = records.entries(connection, [case]).get(case.pk, [])
        listing = evidence.read(connection, [case])[case.pk]["listing"]
        territories = tuple(listing["territories"]) or self.places(connection, case.marketplace)
        return Grounds(
            puid=puid,
            measure=measure,
            applied_at=entry.at,
            marketplace=case.marketplace,
            territories=territories,
            reason=entry.reason,
            seller_id=case.seller_id,
            kind=case.kind,
            brand=connection.scalar(sa.select(BRANDS.c.name).where(BRANDS.c.id == case.brand_id)),
            right=_named(self._rights.of_brand(connection, case.brand_id), case.kind, entry.at),
            confidence=case.confidence,
            listing=_listed(listing),
            source=_source(audit),
            detected=not audit or audit[0].action != NOTICED,
            decided=_decided(audit, entry),
            until=case.clock.deadline if case.clock else None,
        )

    def places(self, connection: sa.Connection, marketplace: str) -> tuple[str, ...]:
        """Where a marketplace sells."""
        query = sa.select(MARKETPLACES.c.territories).where(MARKETPLACES.c.slug == marketplace)
        return tuple(connection.scalar(query) or ())


def _listed(listing: dict[str, Any]) -> Listed:
    when = listing["listed_at"] or listing["judged_at"]
    names = ("listing_id", "title", "url", "gtin")
    return Listed(**{name: listing[name] for name in names}, listed_on=datetime.fromisoformat(when))


def _named(rights: Sequence[Right], kind: str, on: datetime) -> str | None:
    """The registered right that stands behind the kind, by office and number."""
    for right in rights:
        if right.is_for(kind) and right.in_force(on) and right.registration_number:
            return _PUBLIC.sub("", f"{right.type} {right.office or ''} {right.registration_number}")
    return None


def _source(audit: Sequence[Entry]) -> Source:
    notices = [entry for entry in audit if entry.action == NOTICED]
    if any(entry.details.get("trusted") for entry in notices):
        return "trusted_flagger"
    return "notice" if notices else "voluntary"


def _decided(audit: Sequence[Entry], entry: Entry) -> Automation:
    """By a reviewer alone, by terms alone, or by what a person said and terms that follow from it."""
    if entry.actor.role in ("reviewer", "operator"):
        return "not"
    said = [one for one in (*audit, entry) if one.action in _RESTRICTING and one.actor.role in _PEOPLE]
    return "partially" if said else "fully"
