"""The tables of standing: `claims`, `standings` and `standing_events`.

A claim is what a brand said of one case or in one notice, with what became of it. A standing is derived from claims,
by brand and reason code; an event is never changed.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

CLAIMS = sa.Table(
    "claims",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("subject_id", sa.String(40), nullable=False, unique=True),  # the case's id, or the notice's
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("outcome", sa.String(16)),  # null while it is not decided
    sa.Column("countered", sa.Boolean, nullable=False),
    sa.Column("counts_from", UtcDateTime),
    sa.Index(None, "brand_id", "reason", "counts_from"),
    sqlite_autoincrement=True,
)

STANDINGS = sa.Table(
    "standings",
    METADATA,
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("reason", sa.String(16), primary_key=True),
    sa.Column("lane", sa.String(16), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime),
    sa.Column("figures", Json, nullable=False),
    sa.Column("computed_at", UtcDateTime, nullable=False, index=True),
)

STANDING_EVENTS = sa.Table(
    "standing_events",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),  # empty where it is about the brand as a whole
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime),
    sa.Column("figures", Json, nullable=False),
    sa.Index(None, "brand_id", "pk"),
    sqlite_autoincrement=True,
)
