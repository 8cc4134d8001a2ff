"""The reference embeddings in SQL: the truth the vector indexes are made from.

Owns the table `reference_embeddings`, one row per reference and space. Written by `indexes.catalog` in the
transaction of the reference; read here by `indexes.gallery`. Holds no index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from indexes.database import METADATA, Database, Json
from indexes.errors import SpaceMismatch
from indexes.references import REFERENCES
from vision.embedding import MAX_REFERENCE_VECTORS, Kind, Regions, Space, Vectors

SLOTS = 8
"""Ids kept for each reference in an index: vector `ordinal` of reference `pk` has the id `pk * SLOTS + ordinal`."""

EMBEDDINGS = sa.Table(
    "reference_embeddings",
    METADATA,
    sa.Column("reference_pk", sa.ForeignKey(REFERENCES.c.pk, ondelete="CASCADE"), primary_key=True),
    sa.Column("space", sa.String(80), primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("d", sa.Integer, nullable=False),
    sa.Column("boxes", Json, nullable=False),
    sa.Column("vectors", sa.LargeBinary, nullable=False),  # little-endian float32, row-major [n, d]
    sa.Index("ix_reference_embeddings_count", "space", "reference_pk", "n"),
)

_CHUNK = 500  # bound parameters in one statement stay far below every database's limit


@dataclass(frozen=True, slots=True)
class Rows:
    """Embeddings of several references of one kind, one row per vector.

    `ids` and `brands` (primary keys) are int64 `[n]`, `vectors` is float32 `[n, d]`.
    """

    ids: NDArray[np.int64]
    brands: NDArray[np.int64]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.ids)


def embedding_row(reference_pk: int, kind: Kind, space: Space, regions: Regions) -> dict[str, Any]:
    """The row that stores `regions`; `SpaceMismatch` where they cannot be vectors of that kind and space."""
    vectors = np.ascontiguousarray(regions.vectors, dtype="<f4")
    if vectors.ndim != 2 or vectors.shape[1] != space.dim(kind) or not 1 <= len(vectors) <= MAX_REFERENCE_VECTORS:
        raise SpaceMismatch(
            f"A {kind} reference of space {space.id} has 1 to {MAX_REFERENCE_VECTORS} vectors of {space.dim(kind)} "
            f"numbers, not {vectors.shape}."
        )
    if len(regions.boxes) != len(vectors) or not np.isfinite(vectors).all():
        raise SpaceMismatch("Every vector of a reference is finite and has its box.")
    return {
        "reference_pk": reference_pk,
        "space": space.id,
        "n": vectors.shape[0],
        "d": vectors.shape[1],
        "boxes": [box.as_list(6) for box in regions.boxes],
        "vectors": vectors.tobytes(),
    }


class Embeddings:
    """Reading the embeddings of one space, of active references only."""

    def __init__(self, database: Database, space: Space) -> None:
        self._database = database
        self._space = space

    def of(self, kind: Kind, reference_pks: Collection[int]) -> Rows:
        """Embeddings of those of `reference_pks` that are active and of `kind`."""
        pks = sorted(reference_pks)
        found: list[Any] = []
        with self._database.read() as connection:
            for start in range(0, len(pks), _CHUNK):
                chunk = pks[start : start + _CHUNK]
                found += connection.execute(self._select(kind).where(REFERENCES.c.pk.in_(chunk)))
        return self._rows(kind, found)

    def stream(self, kind: Kind, chunk: int = 2_000) -> Iterator[Rows]:
        """All embeddings of `kind` in the order of references, `chunk` references at a time, each read by itself."""
        after = 0
        while True:
            query = self._select(kind).where(REFERENCES.c.pk > after).order_by(REFERENCES.c.pk).limit(chunk)
            with self._database.read() as connection:
                found = list(connection.execute(query))
            if found:
                yield self._rows(kind, found)
            if len(found) < chunk:
                return
            after = found[-1].pk

    def sample(self, kind: Kind, count: int) -> Vectors:
        """About `count` vectors spread evenly over the catalogue (fewer where there are fewer), float32 `[n, d]`."""
        step = max(1, self.count(kind) // max(count, 1))
        with self._database.read() as connection:
            found = list(connection.execute(self._select(kind).where(REFERENCES.c.pk % step == 0).limit(count)))
        return self._rows(kind, found).vectors[:count]

    def count(self, kind: Kind) -> int:
        """Number of vectors of `kind` that an index of this space should hold."""
        query = sa.select(sa.func.coalesce(sa.func.sum(EMBEDDINGS.c.n), 0)).select_from(self._joined())
        with self._database.read() as connection:
            return int(connection.execute(query.where(*self._wanted(kind))).scalar_one())

    def missing(self) -> int:
        """Number of active references that have no vectors in this space: made by another model, and not matched."""
        here = sa.and_(EMBEDDINGS.c.reference_pk == REFERENCES.c.pk, EMBEDDINGS.c.space == self._space.id)
        query = sa.select(sa.func.count()).select_from(REFERENCES.outerjoin(EMBEDDINGS, here))
        with self._database.read() as connection:
            wanted = query.where(REFERENCES.c.status == "active", EMBEDDINGS.c.n.is_(None))
            return connection.execute(wanted).scalar_one()

    def _select(self, kind: Kind) -> sa.Select[Any]:
        columns = (REFERENCES.c.pk, REFERENCES.c.brand_pk, EMBEDDINGS.c.n, EMBEDDINGS.c.d, EMBEDDINGS.c.vectors)
        return sa.select(*columns).select_from(self._joined()).where(*self._wanted(kind))

    def _joined(self) -> sa.Join:
        return EMBEDDINGS.join(REFERENCES, EMBEDDINGS.c.reference_pk == REFERENCES.c.pk)

    def _wanted(self, kind: Kind) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            EMBEDDINGS.c.space == self._space.id,
            REFERENCES.c.kind == kind,
            REFERENCES.c.status == "active",
        )

    def _rows(self, kind: Kind, found: list[Any]) -> Rows:
        dim = self._space.dim(kind)
        if any(row.d != dim or len(row.vectors) != row.n * dim * 4 for row in found):
            raise SpaceMismatch(f"SQL holds {kind} vectors of space {self._space.id} that are not {dim} numbers long.")
        counts = np.array([row.n for row in found], dtype=np.int64)
        ordinals = np.concatenate([np.arange(n) for n in counts]) if found else np.empty(0, np.int64)
        pks = np.repeat(np.array([row.pk for row in found], dtype=np.int64), counts)
        brands = np.repeat(np.array([row.brand_pk for row in found], dtype=np.int64), counts)
        vectors = np.frombuffer(b"".join(row.vectors for row in found), dtype="<f4").reshape(-1, dim)
        return Rows(pks * SLOTS + ordinals, brands, np.asarray(vectors, dtype=np.float32))
