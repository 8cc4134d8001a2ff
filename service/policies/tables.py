"""The tables of policies: every version there ever was, and the bounds an operator set for a brand.

A version is never changed: a result names the one it was ruled by.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

POLICIES = sa.Table(
    "policies",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.Column("proof_required", Json, nullable=False),
    sa.Column("made_by", sa.String(60), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("brand_id", "version"),
)

POLICY_BOUNDS = sa.Table(
    "policy_bounds",
    METADATA,
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("hold", sa.Float),  # None is the installation's
    sa.Column("takedown", sa.Float),
    sa.Column("set_by", sa.String(60), nullable=False),
    sa.Column("set_at", UtcDateTime, nullable=False),
)
