"""The tables of notices: `notices` and `notice_urls`, one row for each address a notice names.

Name and mail of who sent it are kept as long as the notice may be asked about; see `service.retention`.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, UtcDateTime

NOTICES = sa.Table(
    "notices",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), index=True),  # whose key sent it
    sa.Column("sent_by", sa.String(40)),  # the key; null for anybody
    sa.Column("trusted", sa.Boolean, nullable=False),
    sa.Column("brand", sa.Text, nullable=False),
    sa.Column("explanation", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("email", sa.Text, nullable=False),
    sa.Column("signature", sa.Text),
    sa.Column("work", sa.Text),
    sa.Column("accuracy", sa.Boolean, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("decided_at", UtcDateTime, index=True),
    sa.Column("decided_by", sa.String(60)),
    sa.Column("decision_reason", sa.Text),
    sa.Index(None, "state", "pk"),
    sqlite_autoincrement=True,
)

NOTICE_URLS = sa.Table(
    "notice_urls",
    METADATA,
    sa.Column("notice_pk", sa.ForeignKey("notices.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("outcome", sa.String(20)),  # null until it was looked at
    sa.Column("marketplace", sa.String(64)),
    sa.Column("listing_id", sa.String(200)),
    sa.Column("case_id", sa.String(40), index=True),
    sa.Index(None, "outcome", "notice_pk"),
)
