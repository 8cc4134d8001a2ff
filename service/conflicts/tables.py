"""The tables `reference_checks` and `conflicts`.

A check says that a reference with this very picture was compared with what was there before it; both go with the
reference. The other side is named without a foreign key: what was found stays on record when it is gone.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, UtcDateTime
from indexes.references import REFERENCES

CHECKS = sa.Table(
    "reference_checks",
    METADATA,
    sa.Column(
        "reference_pk", sa.ForeignKey(REFERENCES.c.pk, ondelete="CASCADE"), primary_key=True, autoincrement=False
    ),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("claimed_until", UtcDateTime, nullable=False),
    sa.Column("checked_at", UtcDateTime),  # null while a process is at it, or died over it
)

CONFLICTS = sa.Table(
    "conflicts",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("reference_pk", sa.ForeignKey(REFERENCES.c.pk, ondelete="CASCADE"), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),  # of the reference's picture when it was found
    sa.Column("cause", sa.String(16), nullable=False),
    sa.Column("other_reference_id", sa.String(40)),
    sa.Column("other_brand_id", sa.String(40)),
    sa.Column("marketplace", sa.String(64)),
    sa.Column("listing_id", sa.String(200)),
    sa.Column("image_index", sa.Integer),
    sa.Column("seen_at", UtcDateTime, nullable=False),  # when the other side was first seen here
    sa.Column("agreement", sa.String(16), nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("found_at", UtcDateTime, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("resolved_by", sa.String(60)),
    sa.Column("resolved_at", UtcDateTime),
    sa.Index(None, "reference_pk"),
    sa.Index(None, "state", "pk"),
    sqlite_autoincrement=True,
)
