"""The outbox: what happened is written down for every endpoint that listens, in the transaction in which it happened.

Place in the flow: called by whoever writes a listing, a case or a reference; `service.webhooks.sender` takes it from
here. What is rolled back is never told, and what is committed is told at least once, whatever happens to the process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from indexes.database import utc_now
from indexes.ids import new_id
from service.sealing import Sealer
from service.webhooks.rows import listening
from service.webhooks.tables import DELIVERIES
from service.webhooks.values import Webhook

Payload: TypeAlias = dict[str, Any] | Callable[[], dict[str, Any]]
PATIENCE: Final = timedelta(hours=72)
"""How long a delivery is tried before it is dead."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that happened: where, what is told of it, what was decided, and what it is about."""

    marketplace: str | None
    payload: Payload
    decision: str | None = None
    subject: str | None = None


class Outbox:
    """Puts messages into other people's transactions. `on_put` hears of each: it may be about to be committed."""

    def __init__(
        self,
        sealer: Sealer,
        *,
        on_put: Callable[[], object] = lambda: None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sealer, self._on_put, self._clock = sealer, on_put, clock

    def put(
        self,
        connection: sa.Connection,
        event: str,
        marketplace: str | None,
        payload: Payload,
        *,
        decision: str | None = None,
        subject: str | None = None,
    ) -> int:
        """One delivery for each endpoint that wants `event`; how many. `payload` is asked for only if there is one.

        `subject` names what is told of, so that `forget` finds it when that is erased.
        """
        return self.put_each(connection, event, [Message(marketplace, payload, decision, subject)])

    def put_all(
        self, connection: sa.Connection, event: str, marketplace: str | None, payloads: Iterable[Payload]
    ) -> int:
        """As `put`, for the same thing happening to many."""
        return self.put_each(connection, event, (Message(marketplace, payload) for payload in payloads))

    def put_each(self, connection: sa.Connection, event: str, messages: Iterable[Message]) -> int:
        """As `put`, for many; the endpoints are read once."""
        hooks = listening(connection)
        if not hooks:
            return 0
        now = self._clock()
        rows = [row for message in messages for row in self._rows(hooks, event, message, now)]
        if rows:
            connection.execute(sa.insert(DELIVERIES), rows)
            self._on_put()
        return len(rows)

    def forget(self, connection: sa.Connection, subject: str) -> None:
        """Erase what was told of `subject`, and what is still to be told, but for the moves of cases."""
        over = sa.or_(DELIVERIES.c.state != "pending", ~DELIVERIES.c.event.startswith("case."))
        connection.execute(sa.delete(DELIVERIES).where(DELIVERIES.c.subject == subject, over))

    def _rows(self, hooks: Sequence[Webhook], event: str, message: Message, now: datetime) -> list[dict[str, Any]]:
        wanting = [hook for hook in hooks if hook.wants(event, message.marketplace, message.decision)]
        if not wanting:
            return []
        body = _body(event, message.payload, now)
        return [self._row(hook.pk, event, message.subject, body, now) for hook in wanting]

    def _row(self, webhook_pk: int, event: str, subject: str | None, body: bytes, now: datetime) -> dict[str, Any]:
        delivery_id = new_id("msg")
        return {
            "id": delivery_id,
            "webhook_pk": webhook_pk,
            "event": event,
            "subject": subject,
            "payload": self._sealer.seal(body, delivery_id),
            "state": "pending",
            "attempts": 0,
            "round": 0,
            "next_attempt_at": now,
            "give_up_at": now + PATIENCE,
            "created_at": now,
        }


def _body(event: str, payload: Payload, now: datetime) -> bytes:
    data = payload() if callable(payload) else payload
    message = {"type": event, "timestamp": now.isoformat().replace("+00:00", "Z"), "data": data}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
