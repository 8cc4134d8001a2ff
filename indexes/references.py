"""References: the values and the table of catalogue items.

Owns the table `catalog_references`. `indexes.catalog` reads and writes it together with the embeddings.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.database import METADATA, BigKey, UtcDateTime
from vision.embedding import Kind

ReferenceStatus: TypeAlias = Literal["active", "disabled", "quarantined"]

REFERENCES = sa.Table(
    "catalog_references",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("brand_pk", sa.ForeignKey(BRANDS.c.pk, ondelete="CASCADE"), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("gtin", sa.String(32)),
    sa.Column("right_id", sa.String(40)),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("media_type", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("brand_pk", "kind", "external_id"),
    sa.Index("ix_catalog_references_brand_page", "brand_pk", "pk"),
    sqlite_autoincrement=True,  # a primary key names vectors in the indexes and is never given out twice
)


@dataclass(frozen=True, slots=True)
class NewReference:
    """What a caller knows of a reference before it is in the catalogue; its picture is already in the blob store."""

    brand_id: str
    kind: Kind
    external_id: str | None
    title: str | None
    gtin: str | None
    right_id: str | None
    sha256: str
    width: int
    height: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Reference:
    """A catalogue item: one picture of a brand, its upright size in pixels, and whether it is matched."""

    pk: int
    id: str
    brand_pk: int
    brand_id: str
    kind: Kind
    external_id: str | None
    title: str | None
    gtin: str | None
    right_id: str | None
    sha256: str
    width: int
    height: int
    media_type: str
    status: ReferenceStatus
    created_at: datetime
    updated_at: datetime


COLUMNS = tuple(
    BRANDS.c.id.label("brand_id") if field.name == "brand_id" else REFERENCES.c[field.name]
    for field in dataclasses.fields(Reference)
)
"""What `as_reference` reads; select it from `REFERENCES.join(BRANDS)`."""

_FIELDS = tuple(field.name for field in dataclasses.fields(Reference))


def as_reference(row: Any) -> Reference:
    """The value of one row of `COLUMNS`; further columns are passed over."""
    return Reference(**{name: row._mapping[name] for name in _FIELDS})
