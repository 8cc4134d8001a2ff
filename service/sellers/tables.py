"""The tables of sellers: `sellers`, `seller_strikes`, `seller_restrictions`, `seller_actions` and `seller_pictures`.

A seller is known by its marketplace and the id it has there. Strikes, restrictions and actions are kept; a picture's
row goes with its listing (the database cascades), and with it what it said about who shares it.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

SELLERS = sa.Table(
    "sellers",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("marketplace", sa.String(64), nullable=False),
    sa.Column("seller_id", sa.String(200), nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("marketplace", "seller_id"),
    sqlite_autoincrement=True,
)

SELLER_STRIKES = sa.Table(
    "seller_strikes",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("seller_pk", sa.ForeignKey("sellers.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("case_id", sa.String(40), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("points", sa.Float, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("taken_back_at", UtcDateTime),
    sa.Column("taken_back_for", sa.String(40)),
    sqlite_autoincrement=True,
)

SELLER_RESTRICTIONS = sa.Table(
    "seller_restrictions",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("seller_pk", sa.ForeignKey("sellers.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("points", sa.Float, nullable=False),
    sa.Column("by_hand", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("began_at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime),
    sa.Column("appealed_at", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("ended_because", sa.String(24)),
    sqlite_autoincrement=True,
)

SELLER_ACTIONS = sa.Table(
    "seller_actions",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("seller_pk", sa.ForeignKey("sellers.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor_role", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.String(60), nullable=False),
    sa.Column("action", sa.String(24), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("details", Json, nullable=False),
    sqlite_autoincrement=True,
)

SELLER_PICTURES = sa.Table(
    "seller_pictures",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("listing_pk", sa.ForeignKey("listings.pk", ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("seller_pk", sa.ForeignKey("sellers.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("picture", sa.String(64), nullable=False),  # the first picture of its kind, by its SHA-256
    sa.Column("similarity", sa.Float, nullable=False),  # to that one
    sa.Column("space", sa.String(100), nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("listing_pk", "position"),
    sa.Index(None, "picture", "seller_pk"),
    sqlite_autoincrement=True,
)
