"""The tables of webhooks: who is told (`webhooks`), and what is still to be told or was (`webhook_deliveries`).

A delivery is one message to one endpoint; its id is the `webhook-id` the endpoint sees, at every attempt. Secrets and
payloads are sealed (`service.sealing`): a payload may carry a seller's link.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

WEBHOOKS = sa.Table(
    "webhooks",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("events", Json, nullable=False),
    sa.Column("marketplace", sa.String(64)),
    sa.Column("decisions", Json),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("disabled_at", UtcDateTime),
    sa.Column("disabled_because", sa.String(200)),
    sqlite_autoincrement=True,
)

DELIVERIES = sa.Table(
    "webhook_deliveries",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("webhook_pk", sa.ForeignKey("webhooks.pk", ondelete="CASCADE"), nullable=False),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(300), index=True),  # whose erasure takes this message along
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),  # attempts since it was made or sent again by hand
    sa.Column("next_attempt_at", UtcDateTime, nullable=False),
    sa.Column("give_up_at", UtcDateTime, nullable=False),
    sa.Column("lease", sa.String(40)),
    sa.Column("leased_until", UtcDateTime),
    sa.Column("response_status", sa.Integer),
    sa.Column("last_error", sa.String(300)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Index(None, "webhook_pk", "state", "next_attempt_at"),
    sa.Index(None, "state", "finished_at"),
    sqlite_autoincrement=True,
)
