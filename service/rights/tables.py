"""The tables `brand_rights` and `brand_verifications`.

Both go with their brand. A verification names its right without a foreign key: what was decided on it stays on record
when the right is gone.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

RIGHTS = sa.Table(
    "brand_rights",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("office", sa.String(100)),
    sa.Column("registration_number", sa.String(100)),
    sa.Column("nice_classes", Json, nullable=False),
    sa.Column("vienna_codes", Json, nullable=False),
    sa.Column("territories", Json, nullable=False),
    sa.Column("valid_until", UtcDateTime),
    sa.Column("document_sha256", sa.String(64), index=True),
    sa.Column("document_media_type", sa.String(64)),
    sa.Column("created_by", sa.String(60), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "brand_id", "pk"),
    sqlite_autoincrement=True,
)

VERIFICATIONS = sa.Table(
    "brand_verifications",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("before", sa.String(16), nullable=False),
    sa.Column("right_id", sa.String(40)),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("decided_by", sa.String(60), nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Index(None, "brand_id", "pk"),
    sqlite_autoincrement=True,
)
