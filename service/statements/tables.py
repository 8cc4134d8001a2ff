"""The table `statements`. A row is written once and never changed; a case's go with the case."""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

STATEMENTS = sa.Table(
    "statements",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("puid", sa.String(64), nullable=False, unique=True),
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), index=True),
    sa.Column("entry", sa.Integer),  # the number of the move in the case's audit
    sa.Column("restriction_id", sa.String(40), index=True),
    sa.Column("measure", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("record", Json),  # null where the database takes none, for a mere warning
    sa.Column("created_at", UtcDateTime, nullable=False, index=True),
    sa.UniqueConstraint("case_pk", "entry"),
    sqlite_autoincrement=True,
)
