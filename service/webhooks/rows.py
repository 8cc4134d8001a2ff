"""Endpoints in SQL: the statements on the table `webhooks`. Knows no secrets in the clear and no HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from indexes.database import Database
from indexes.errors import NotFound
from indexes.paging import Page, decode_cursor, encode_cursor
from service.webhooks.tables import DELIVERIES, WEBHOOKS
from service.webhooks.values import Webhook

_NAMES = ("pk", "id", "url", "events", "marketplace", "decisions", "created_at", "disabled_at", "disabled_because")
_COLUMNS = tuple(WEBHOOKS.c[name] for name in _NAMES)

_LISTENING = sa.select(*_COLUMNS).where(WEBHOOKS.c.disabled_at.is_(None)).order_by(WEBHOOKS.c.pk)


def listening(connection: sa.Connection) -> Sequence[Webhook]:
    """Every endpoint that is not disabled."""
    return [as_webhook(row) for row in connection.execute(_LISTENING)]


def as_webhook(row: Any) -> Webhook:
    """The value of a row of the table; further columns are passed over."""
    values = {name: getattr(row, name) for name in _NAMES}
    decisions = None if row.decisions is None else tuple(row.decisions)
    return Webhook(**{**values, "events": tuple(row.events), "decisions": decisions})


class WebhookRows:
    """Makes, reads and forgets endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, values: dict[str, Any], *, most: int) -> Webhook | None:
        """A new endpoint; None where there are `most` already."""
        with self._database.write() as connection:
            if connection.execute(sa.select(sa.func.count()).select_from(WEBHOOKS)).scalar_one() >= most:
                return None
            return as_webhook(connection.execute(sa.insert(WEBHOOKS).values(values).returning(*_COLUMNS)).one())

    def get(self, webhook_id: str) -> Webhook:
        """`NotFound` when there is none."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(WEBHOOKS.c.id == webhook_id)).first()
        if row is None:
            raise NotFound(f"There is no webhook {webhook_id}.")
        return as_webhook(row)

    def list(self, *, limit: int, cursor: str | None) -> Page[Webhook]:
        """Newest first."""
        query = sa.select(*_COLUMNS).order_by(WEBHOOKS.c.pk.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(WEBHOOKS.c.pk < decode_cursor(cursor))
        with self._database.read() as connection:
            found = [as_webhook(row) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def delete(self, webhook_id: str) -> None:
        """Forget an endpoint with its deliveries; `NotFound`."""
        with self._database.write() as connection:
            if connection.execute(sa.delete(WEBHOOKS).where(WEBHOOKS.c.id == webhook_id)).rowcount == 0:
                raise NotFound(f"There is no webhook {webhook_id}.")

    def disable(self, webhook_pk: int, because: str, at: datetime) -> None:
        """Tell an endpoint nothing more; what waits for it is dead."""
        waiting = sa.and_(DELIVERIES.c.webhook_pk == webhook_pk, DELIVERIES.c.state == "pending")
        with self._database.write() as connection:
            values = {"disabled_at": at, "disabled_because": because}
            connection.execute(sa.update(WEBHOOKS).where(WEBHOOKS.c.pk == webhook_pk).values(values))
            connection.execute(
                sa.update(DELIVERIES).where(waiting).values(state="dead", finished_at=at, last_error=because)
            )

    def targets(self) -> dict[int, tuple[Webhook, bytes]]:
        """Every endpoint that is not disabled with its sealed secret, by primary key."""
        query = sa.select(*_COLUMNS, WEBHOOKS.c.secret).where(WEBHOOKS.c.disabled_at.is_(None))
        with self._database.read() as connection:
            return {row.pk: (as_webhook(row), row.secret) for row in connection.execute(query)}
