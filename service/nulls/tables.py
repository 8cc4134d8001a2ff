"""The tables of nulls: the scores they are learned from, and the frozen versions.

A score goes with its listing and with its brand. A version is never changed; what was judged with it can be judged
again to the same number.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, UtcDateTime

NULL_SCORES = sa.Table(
    "null_scores",
    METADATA,
    sa.Column("listing_pk", sa.ForeignKey("listings.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("log_odds", sa.Float, nullable=False),  # the best of the listing, before any shift
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Index(None, "brand_id"),
)

NULL_VERSIONS = sa.Table(
    "null_versions",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("calibration", sa.String(100), nullable=False),
    sa.Column("votes", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)

NULL_SHIFTS = sa.Table(
    "null_shifts",
    METADATA,
    sa.Column("version_pk", sa.ForeignKey("null_versions.pk", ondelete="CASCADE"), primary_key=True),
    sa.Column("marketplace", sa.String(64), primary_key=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("votes", sa.Integer, nullable=False),
    sa.Column("location", sa.Float, nullable=False),
    sa.Column("scale", sa.Float, nullable=False),
    sa.Column("shift", sa.Float, nullable=False),
    sa.Index(None, "brand_id"),
)
