"""The tables of proofs: `proofs`, `proof_vectors` (their first pages, embedded) and `proof_twins` (who looks alike).

A proof goes with its case: the row stays behind without one until its files are erased from the picture store too.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, UtcDateTime

PROOFS = sa.Table(
    "proofs",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="SET NULL"), index=True),  # without one it is to be erased
    sa.Column("brand_id", sa.String(40), nullable=False),
    sa.Column("marketplace", sa.String(64), nullable=False),
    sa.Column("seller", sa.String(200), nullable=False),  # the seller's id; the listing's where the seller has none
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("number", sa.String(100), nullable=False),
    sa.Column("number_key", sa.String(100), nullable=False),  # its letters and digits alone, in one case
    sa.Column("valid_until", sa.Date),
    sa.Column("media_type", sa.String(40), nullable=False),
    sa.Column("pages", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),  # as it was sent
    sa.Column("sha256", sa.String(64), nullable=False, index=True),  # as it was sent
    sa.Column("stored_sha256", sa.String(64), nullable=False, index=True),
    sa.Column("preview_sha256", sa.String(64), nullable=False, index=True),
    sa.Column("compared", sa.Boolean, nullable=False),  # whether its first page was compared with the others'
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Index(None, "brand_id", "number_key"),
    sa.Index(
        "ix_proofs_not_compared",
        "pk",
        sqlite_where=sa.text("compared = 0"),
        postgresql_where=sa.text("compared = false"),
    ),
    sqlite_autoincrement=True,
)

PROOF_VECTORS = sa.Table(
    "proof_vectors",
    METADATA,
    sa.Column("proof_pk", sa.ForeignKey("proofs.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("space", sa.String(100), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # float16, of the whole first page
    sa.Index(None, "space", "proof_pk"),
)

PROOF_TWINS = sa.Table(
    "proof_twins",
    METADATA,
    sa.Column("proof_pk", sa.ForeignKey("proofs.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column(
        "twin_pk", sa.ForeignKey("proofs.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False, index=True
    ),
    sa.Column("grade", sa.String(8), nullable=False),  # `page` or `nearly`
)
