"""The tables of the portal: `case_managers`, `brand_messages`. Both go with their brand."""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, UtcDateTime

CASE_MANAGERS = sa.Table(
    "case_managers",
    METADATA,
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("key_id", sa.String(40)),  # the key the manager signs in with, where it is known
    sa.Column("since", UtcDateTime, nullable=False),
)

BRAND_MESSAGES = sa.Table(
    "brand_messages",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("author_role", sa.String(16), nullable=False),
    sa.Column("author_id", sa.String(40), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index(None, "brand_id", "pk"),
    sqlite_autoincrement=True,
)
