"""The tables of spaces: `spaces`, one row for each model that was ever tried, and `space_events`, who did what when.

At most one row is `active`; its `previous` names the space that a rollback returns to. `setting` is the model setting
that was in force when it became active: a process that starts with another one was reconfigured by hand.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

SPACES = sa.Table(
    "spaces",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(80), nullable=False, unique=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("photo_dim", sa.Integer, nullable=False),
    sa.Column("logo_dim", sa.Integer, nullable=False),
    sa.Column("calibration", sa.String(100), nullable=False),
    sa.Column("calibrated", sa.Boolean, nullable=False),
    sa.Column("setting", sa.Text),
    sa.Column("previous", sa.String(80)),
    sa.Column("job_id", sa.String(40)),
    sa.Column("problem", Json),
    sa.Column("gate", Json),
    sa.Column("share", sa.Float, nullable=False, default=0.0),  # of the listings that it judges in shadow
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("fill_token", sa.String(40)),
    sa.Column("fill_until", UtcDateTime),
    sa.Index(
        "uq_spaces_active",
        "status",
        unique=True,
        sqlite_where=sa.text("status = 'active'"),
        postgresql_where=sa.text("status = 'active'"),
    ),
)

SPACE_EVENTS = sa.Table(
    "space_events",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("space_pk", sa.ForeignKey("spaces.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("by", sa.String(64), nullable=False),  # a key's id, or what the process did by itself
    sa.Column("reason", sa.Text),
    sa.Column("at", UtcDateTime, nullable=False),
)

SHADOW_TOTALS = sa.Table(
    "shadow_totals",
    METADATA,
    sa.Column("space_pk", sa.ForeignKey("spaces.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("listings", "pictures", "same", "shed", "failed")),
    *(sa.Column(name, sa.Float, nullable=False) for name in ("current_seconds", "candidate_seconds", "embed_seconds")),
)

SHADOW_CHANGES = sa.Table(
    "shadow_changes",
    METADATA,
    sa.Column("space_pk", sa.ForeignKey("spaces.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("before", sa.String(16), primary_key=True),
    sa.Column("after", sa.String(16), primary_key=True),
    sa.Column("listings", sa.BigInteger, nullable=False),
)

SHADOW_BRANDS = sa.Table(
    "shadow_brands",
    METADATA,
    sa.Column("space_pk", sa.ForeignKey("spaces.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), primary_key=True),
    *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("both", "only_current", "only_candidate")),
)

SHADOW_EXAMPLES = sa.Table(
    "shadow_examples",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("space_pk", sa.ForeignKey("spaces.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("listing_pk", sa.ForeignKey("listings.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("before", sa.String(16), nullable=False),
    sa.Column("after", sa.String(16), nullable=False),
    sa.Column("before_confidence", sa.Float, nullable=False),
    sa.Column("after_confidence", sa.Float, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
