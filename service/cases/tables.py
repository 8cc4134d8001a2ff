"""The tables of cases: the case, its audit (`case_entries`), what it stands on (`case_evidence`), and what hangs on it.

An entry is never changed and never deleted while its case stands, and neither is evidence. `case_pictures` names the
pictures a case needs, the listing's and the reference's, whatever becomes of those: see `service.retention`.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

CASES = sa.Table(
    "cases",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("marketplace", sa.String(64), nullable=False),
    sa.Column("listing_id", sa.String(200), nullable=False),
    sa.Column("seller_id", sa.String(200)),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("match_id", sa.String(40), nullable=False),
    sa.Column("reference_id", sa.String(40), nullable=False),
    sa.Column("image_sha256", sa.String(64)),  # of the listing's picture that the match is in
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("evidence_version", sa.Integer, nullable=False),
    sa.Column("clock", sa.String(24)),
    sa.Column("whose_turn", sa.String(8)),
    sa.Column("deadline", UtcDateTime, index=True),
    sa.Column("on_silence", sa.String(24)),
    sa.Column("reviewer", sa.String(40)),
    sa.Column("proof_required", sa.Boolean, nullable=False),
    sa.Column("proofs", sa.Integer, nullable=False),
    sa.Column("appealed", sa.Boolean, nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("moved_at", UtcDateTime, nullable=False),
    sa.Index(None, "marketplace", "listing_id"),
    sa.Index(None, "brand_id", "state"),
    sa.Index(None, "state", "pk"),
    sqlite_autoincrement=True,
)

CASE_ENTRIES = sa.Table(
    "case_entries",
    METADATA,
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor_role", sa.String(16), nullable=False),
    sa.Column("actor_id", sa.String(60), nullable=False),
    sa.Column("action", sa.String(24), nullable=False),
    sa.Column("source", sa.String(16)),
    sa.Column("target", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("evidence_version", sa.Integer, nullable=False),
    sa.Column("details", Json, nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)

CASE_MESSAGES = sa.Table(
    "case_messages",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("author_role", sa.String(16), nullable=False),
    sa.Column("author_id", sa.String(60), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sqlite_autoincrement=True,
)

CASE_EVIDENCE = sa.Table(
    "case_evidence",
    METADATA,
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),  # in force until the next one
    sa.Column("document", Json, nullable=False),  # `service.cases.evidence` says what it holds
)

CASE_PICTURES = sa.Table(
    "case_pictures",
    METADATA,
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    sa.Column("sha256", sa.String(64), primary_key=True, index=True),
)

CASE_TOKENS = sa.Table(
    "case_tokens",
    METADATA,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("case_pk", sa.ForeignKey("cases.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("secret_sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
)
