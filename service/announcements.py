"""What is told to webhooks: the names of the events, and what becomes of a change when somebody listens.

Place in the flow: between those to whom things happen and `service.webhooks`, which knows neither. Listings are
announced where they are stored (`service.listings.store`).
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, get_args

import sqlalchemy as sa

from indexes.references import Reference, ReferenceStatus
from service.cases import Acting, Case, Cases, Entry
from service.cases.states import STATES
from service.stamps import stamp
from service.webhooks import Outbox

_REFERENCE_STATUSES: Final = (*get_args(ReferenceStatus), "deleted")
EVENTS: Final[tuple[str, ...]] = (
    "listing.decided",
    *(f"case.{state}" for state in STATES),
    *(f"reference.{status}" for status in _REFERENCE_STATUSES),
)
"""Every event there is."""
_READER: Final = Acting("operator", "webhook")
_INVITER: Final = Acting("system", "webhook")
_NOT_SHOWN: Final = frozenset({"pk", "brand_pk"})


class ReferenceAnnouncer:
    """Tells of references that were added, changed, set aside or erased (`indexes.catalog.OnChange`)."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def changed(self, connection: sa.Connection, references: Sequence[Reference], erased: bool) -> None:
        """In the transaction of the change."""
        for event, changed in _by_event(references, erased=erased).items():
            payloads = (partial(reference_json, reference) for reference in changed)
            self._outbox.put_all(connection, event, None, payloads)


class CaseAnnouncer:
    """Tells of cases that were opened or moved (`service.cases.Watcher`). The last of the watchers: it shows the rest.

    A case that has just been held carries a link for the seller, made in the same transaction and only where an
    endpoint hears of it: the marketplace passes it on.
    """

    def __init__(self, outbox: Outbox, cases: Cases, public_url: str) -> None:
        self._outbox, self._cases, self._public_url = outbox, cases, public_url.rstrip("/")

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """In the transaction of the move."""
        subject = f"{case.marketplace}/{case.listing_id}"
        document = partial(self._document, connection, case, entry)
        self._outbox.put(connection, f"case.{case.state}", case.marketplace, document, subject=subject)

    def _document(self, connection: sa.Connection, case: Case, entry: Entry) -> dict[str, Any]:
        invited = case.state == "held" and entry.source != "held"
        link = self._link(connection, case) if invited else {}
        return {**self._cases.documents_on(connection, [case], _READER)[0], **link}

    def _link(self, connection: sa.Connection, case: Case) -> dict[str, Any]:
        token, expires_at = self._cases.tokens.make_on(connection, case, _INVITER)
        url = f"{self._public_url}/seller/{token}"
        return {"seller_link": {"url": url, "token": token, "expires_at": stamp(expires_at)}}


def _by_event(references: Sequence[Reference], *, erased: bool) -> dict[str, list[Reference]]:
    found: dict[str, list[Reference]] = defaultdict(list)
    for reference in references:
        found[f"reference.{'deleted' if erased else reference.status}"].append(reference)
    return found


def reference_json(reference: Reference) -> dict[str, Any]:
    """A reference as the HTTP interface shows it."""
    values = {
        field.name: getattr(reference, field.name)
        for field in dataclasses.fields(reference)
        if field.name not in _NOT_SHOWN
    }
    times = {name: stamp(values[name]) for name in ("created_at", "updated_at")}
    return values | times
