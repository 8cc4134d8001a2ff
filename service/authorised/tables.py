"""The tables `authorisations`, `negatives` and `negative_vectors`. All go with their brand."""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

AUTHORISATIONS = sa.Table(
    "authorisations",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("seller_id", sa.String(200)),
    sa.Column("marketplace", sa.String(64)),
    sa.Column("url", sa.Text),
    sa.Column("gtin", sa.String(40)),
    sa.Column("territories", Json, nullable=False),
    sa.Column("valid_from", UtcDateTime),
    sa.Column("valid_until", UtcDateTime),
    sa.Column("note", sa.Text),
    sa.Column("created_by", sa.String(60), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "brand_id", "pk"),
    sqlite_autoincrement=True,
)

NEGATIVES = sa.Table(
    "negatives",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("created_by", sa.String(60), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("brand_id", "sha256"),
    sa.Index(None, "brand_id", "pk"),
    sqlite_autoincrement=True,
)

NEGATIVE_VECTORS = sa.Table(
    "negative_vectors",
    METADATA,
    sa.Column("negative_pk", sa.ForeignKey("negatives.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("space", sa.String(80), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # of the whole picture, little-endian float32 [d]
)
