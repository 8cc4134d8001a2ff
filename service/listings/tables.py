"""The tables of listings: `listings`, `listing_images`, `listing_matches` and `verdicts`.

A listing's pictures and matches go with it (the database cascades), and a brand's matches with the brand. Verdicts
stand alone: they keep what training needs after the listing is forgotten, and no picture.
"""

from __future__ import annotations

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Json, UtcDateTime

LISTINGS = sa.Table(
    "listings",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("marketplace", sa.String(64), nullable=False),
    sa.Column("listing_id", sa.String(200), nullable=False),
    sa.Column("seller_id", sa.String(200)),
    sa.Column("title", sa.Text),
    sa.Column("url", sa.Text),
    sa.Column("price_amount", sa.String(40)),
    sa.Column("price_currency", sa.String(3)),
    sa.Column("gtin", sa.String(40)),
    sa.Column("category", sa.Text),
    sa.Column("territories", Json, nullable=False),
    sa.Column("listed_at", UtcDateTime),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("evidence_version", sa.Integer, nullable=False),
    sa.Column("space", sa.String(100), nullable=False),
    sa.Column("index_generation", sa.BigInteger, nullable=False),
    sa.Column("calibration", sa.String(100), nullable=False),
    sa.Column("nulls", sa.String(40), nullable=False),  # the version of the brands' nulls, empty for none
    sa.Column("elapsed_ms", sa.Integer, nullable=False),
    sa.Column("judged_at", UtcDateTime, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False, unique=True),
    sa.UniqueConstraint("marketplace", "listing_id"),
    sa.Index(None, "judged_at"),
    sa.Index(None, "marketplace", "seller_id"),
    sa.Index(None, "url", postgresql_using="hash"),  # an address may be longer than an ordered index takes
    sqlite_autoincrement=True,
)

LISTING_IMAGES = sa.Table(
    "listing_images",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("listing_pk", sa.ForeignKey("listings.pk", ondelete="CASCADE"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("width", sa.Integer),
    sa.Column("height", sa.Integer),
    sa.Column("sha256", sa.String(64)),
    sa.Column("kept", sa.Boolean, nullable=False),  # whether the picture itself is in the blob store
    sa.Column("photo_vectors", sa.LargeBinary),  # float16, row-major [n, d]
    sa.Column("logo_vectors", sa.LargeBinary),
    sa.Column("regions", Json),  # {"photo": [[x0, y0, x1, y1], …], "logo": …}, one box for each vector
    sa.Column("problem", Json),
    sa.Column("first_seen_at", UtcDateTime),  # when this very file first came with the listing
    sa.UniqueConstraint("listing_pk", "position"),
    sa.Index(None, "sha256"),
)

LISTING_MATCHES = sa.Table(
    "listing_matches",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("listing_pk", sa.ForeignKey("listings.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("image_index", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("brand_id", sa.ForeignKey("brands.id", ondelete="CASCADE"), nullable=False),
    sa.Column("reference_id", sa.String(40), nullable=False),  # no foreign key: a finding outlives its reference
    sa.Column("external_id", sa.Text),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("box", Json, nullable=False),
    sa.Column("reference_box", Json, nullable=False),
    sa.Column("reasons", Json, nullable=False),
    sa.Column("features", Json, nullable=False),  # what score and confidence were made of, by name
    sa.Column("null_shift", sa.Float, nullable=False),  # log-odds the score was lowered by for the brand's null
    sa.Column("suppressed_by", sa.String(40)),
    sa.Column("negative_id", sa.String(40)),  # the brand's harmless picture it was found in, whatever was decided
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("policy_version", sa.Integer, nullable=False),  # of its brand's policy, 0 for none
    sa.Column("proof_required", sa.Boolean, nullable=False),
    sa.Column("because", Json, nullable=False),
    sa.Column("case_id", sa.String(40)),
    sa.UniqueConstraint("listing_pk", "kind", "reference_id"),
    sa.Index(None, "brand_id", "pk"),
    sqlite_autoincrement=True,
)

VERDICTS = sa.Table(
    "verdicts",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("match_id", sa.String(40), nullable=False, index=True),
    sa.Column("verdict", sa.String(16), nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("marketplace", sa.String(64), nullable=False),
    sa.Column("listing_id", sa.String(200), nullable=False),
    sa.Column("image_index", sa.Integer, nullable=False),
    sa.Column("image_sha256", sa.String(64)),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("brand_id", sa.String(40), nullable=False),
    sa.Column("reference_id", sa.String(40), nullable=False),
    sa.Column("confidence", sa.Float, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("space", sa.String(100), nullable=False),
    sa.Column("calibration", sa.String(100), nullable=False),
    sa.Column("given_by", sa.String(40), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Index(None, "brand_id"),
    sqlite_autoincrement=True,
)
