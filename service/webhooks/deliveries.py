"""Deliveries in SQL: who may send what now, what became of it, and the way back for what is dead.

A process that sends holds a lease on the row. The lease outlives every attempt, so that two processes never send one
message at once; it ends by itself, so that a killed process keeps nothing: what it held is sent again, with its id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from indexes.database import Database
from indexes.errors import NotFound
from indexes.paging import Page, decode_cursor, encode_cursor
from service.webhooks.outbox import PATIENCE
from service.webhooks.tables import DELIVERIES, WEBHOOKS
from service.webhooks.values import Delivery, DeliveryState

LEASE: Final = timedelta(seconds=30)
_AT_ONCE: Final = 500
_NAMES = (
    "pk",
    "id",
    "event",
    "state",
    "attempts",
    "next_attempt_at",
    "response_status",
    "last_error",
    "created_at",
    "finished_at",
)
_COLUMNS = (*(DELIVERIES.c[name] for name in _NAMES), WEBHOOKS.c.id.label("webhook_id"))
_JOINED = DELIVERIES.join(WEBHOOKS)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process may send now."""

    pk: int
    id: str
    webhook_pk: int
    payload: bytes
    """Sealed."""
    round: int
    """Which attempt this is, from 1, since it was made or sent again by hand."""
    give_up_at: datetime
    lease: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt."""

    claimed: Claimed
    state: DeliveryState
    at: datetime
    next_attempt_at: datetime
    response_status: int | None
    error: str | None
    gone: bool = False
    """The endpoint wants to hear nothing more."""


class DeliveryRows:
    """Every statement on the table, but for the outbox's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim(self, places: Mapping[int, int], lease: str, now: datetime) -> Sequence[Claimed]:
        """Lease what is due: for each endpoint (by primary key) at most as many as it has places."""
        if not (due := self._due(places, now)):
            return []
        found: list[Claimed] = []
        with self._database.write() as connection:
            for webhook_pk in due:
                oldest = _due_of(webhook_pk, now).limit(places[webhook_pk]).with_for_update(skip_locked=True)
                pks = list(connection.scalars(oldest))
                found += _lease(connection, pks, lease, now)
        return found

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write down what became of attempts; of those whose lease is somebody else's by now, nothing."""
        with self._database.write() as connection:
            for outcome in outcomes:
                claimed = outcome.claimed
                mine = sa.and_(DELIVERIES.c.pk == claimed.pk, DELIVERIES.c.lease == claimed.lease)
                connection.execute(sa.update(DELIVERIES).where(mine).values(_values(outcome)))

    def release(self, lease: str, now: datetime) -> None:
        """Give back what this lease still holds, to be sent by the next process at once."""
        values = {"lease": None, "leased_until": None, "next_attempt_at": now}
        with self._database.write() as connection:
            connection.execute(sa.update(DELIVERIES).where(DELIVERIES.c.lease == lease).values(values))

    def retry(self, webhook_pk: int, delivery_id: str, now: datetime) -> Delivery:
        """Send once more, from the first step of the schedule on; `NotFound`. One being sent now is left alone."""
        mine = sa.and_(DELIVERIES.c.webhook_pk == webhook_pk, DELIVERIES.c.id == delivery_id)
        free = sa.or_(DELIVERIES.c.leased_until.is_(None), DELIVERIES.c.leased_until < now)
        values = {
            "state": "pending",
            "round": 0,
            "next_attempt_at": now,
            "give_up_at": now + PATIENCE,
            "finished_at": None,
        }
        with self._database.write() as connection:
            connection.execute(sa.update(DELIVERIES).where(mine, free).values(values))
            row = connection.execute(sa.select(*_COLUMNS).select_from(_JOINED).where(mine)).first()
        if row is None:
            raise NotFound("There is no such delivery.")
        return _delivery(row)

    def list(self, webhook_pk: int, *, state: DeliveryState | None, limit: int, cursor: str | None) -> Page[Delivery]:
        """Of one endpoint, newest first."""
        query = sa.select(*_COLUMNS).select_from(_JOINED).where(DELIVERIES.c.webhook_pk == webhook_pk)
        if state is not None:
            query = query.where(DELIVERIES.c.state == state)
        if cursor is not None:
            query = query.where(DELIVERIES.c.pk < decode_cursor(cursor))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(DELIVERIES.c.pk.desc()).limit(limit + 1))
            found = [_delivery(row) for row in rows]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def purge(self, before: datetime) -> int:
        """Forget what was delivered or given up before then; how many. Small transactions, resumable."""
        old = sa.and_(DELIVERIES.c.state != "pending", DELIVERIES.c.finished_at < before)
        some = sa.select(DELIVERIES.c.pk).where(old).limit(_AT_ONCE)
        gone = 0
        while True:
            with self._database.write() as connection:
                count = connection.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.pk.in_(some))).rowcount
            if not count:
                return gone
            gone += count

    def counts(self) -> dict[str, int]:
        """How many deliveries there are in each state that has any."""
        query = sa.select(DELIVERIES.c.state, sa.func.count()).group_by(DELIVERIES.c.state)
        with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def oldest_pending(self) -> datetime | None:
        """When the oldest message was put that is still to be delivered."""
        query = sa.select(DELIVERIES.c.created_at).where(DELIVERIES.c.state == "pending")
        with self._database.read() as connection:
            found: datetime | None = connection.scalar(query.order_by(DELIVERIES.c.pk).limit(1))
        return found

    def _due(self, places: Mapping[int, int], now: datetime) -> Sequence[int]:
        """Which of the endpoints have something due; a look that takes no lock."""
        with self._database.read() as connection:
            return [pk for pk in places if connection.execute(_due_of(pk, now).limit(1)).first() is not None]


def _due_of(webhook_pk: int, now: datetime) -> sa.Select[Any]:
    return (
        sa.select(DELIVERIES.c.pk)
        .where(DELIVERIES.c.webhook_pk == webhook_pk, DELIVERIES.c.state == "pending")
        .where(DELIVERIES.c.next_attempt_at <= now)
        .where(sa.or_(DELIVERIES.c.leased_until.is_(None), DELIVERIES.c.leased_until < now))
        .order_by(DELIVERIES.c.next_attempt_at)
    )


def _lease(connection: sa.Connection, pks: Sequence[int], lease: str, now: datetime) -> list[Claimed]:
    counted = {"attempts": DELIVERIES.c.attempts + 1, "round": DELIVERIES.c.round + 1}
    names = ("pk", "id", "webhook_pk", "payload", "round", "give_up_at", "lease")
    taken = (
        sa.update(DELIVERIES)
        .where(DELIVERIES.c.pk.in_(pks))
        .values(**counted, lease=lease, leased_until=now + LEASE)
        .returning(*(DELIVERIES.c[name] for name in names))
    )
    return [Claimed(**row._mapping) for row in connection.execute(taken)]


def _values(outcome: Outcome) -> dict[str, Any]:
    return {
        "state": outcome.state,
        "next_attempt_at": outcome.next_attempt_at,
        "response_status": outcome.response_status,
        "last_error": outcome.error,
        "lease": None,
        "leased_until": None,
        "finished_at": None if outcome.state == "pending" else outcome.at,
    }


def _delivery(row: Any) -> Delivery:
    return Delivery(webhook_id=row.webhook_id, **{name: getattr(row, name) for name in _NAMES})
