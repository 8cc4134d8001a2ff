"""Negatives on record: pictures a brand wants never to be flagged, each with its vector in every space in use.

Place in the flow: a brand sends them through the interface; `service.authorised.recognition` looks for them in
pictures that matched. The picture is kept, so that a new model can embed it anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from indexes.brands import BRANDS
from indexes.database import Database, utc_now
from indexes.errors import Conflict, NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.authorised.tables import NEGATIVE_VECTORS, NEGATIVES
from service.errors import StateConflict
from vision.embedding import Vectors

MOST = 1_000
"""Negatives of one brand."""


@dataclass(frozen=True, slots=True)
class NewNegative:
    """A picture that is stored already, and the vector of the whole of it in one space."""

    sha256: str
    width: int
    height: int
    media_type: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Negative(NewNegative):
    """A negative on record."""

    pk: int = 0
    id: str = ""
    brand_id: str = ""
    created_by: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """A negative as it is looked for: its vector `[d]` in the space asked about, None while it has none there."""

    id: str
    sha256: str
    vector: Vectors | None


_COLUMNS = tuple(NEGATIVES.c[field.name] for field in dataclasses.fields(Negative))
State = tuple[int, int, int]
"""How many negatives a brand has, the newest of them, and how many have a vector: changes with every change."""


class Negatives:
    """The tables of negatives. Thread-safe."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._clock = database, clock

    def add(self, brand_id: str, new: NewNegative, *, space: str, vector: Vectors, created_by: str) -> Negative:
        """Record a picture; `NotFound`, or `Conflict` with the id of the one the brand has of the same bytes."""
        values = {**dataclasses.asdict(new), "id": new_id("neg"), "brand_id": brand_id, "created_by": created_by}
        try:
            with self._database.write() as connection:
                _check_room(connection, brand_id)
                insert = sa.insert(NEGATIVES).values(**values, created_at=self._clock())
                made = Negative(**connection.execute(insert.returning(*_COLUMNS)).one()._mapping)
                connection.execute(sa.insert(NEGATIVE_VECTORS).values(_vector_row(made.pk, space, vector)))
        except IntegrityError as error:
            raise self._explain(brand_id, new.sha256) from error
        return made

    def list(self, brand_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Negative]:
        """Negatives of a brand in the order they were added."""
        query = sa.select(*_COLUMNS).where(NEGATIVES.c.brand_id == brand_id).order_by(NEGATIVES.c.pk).limit(limit + 1)
        if cursor is not None:
            query = query.where(NEGATIVES.c.pk > decode_cursor(cursor))
        with self._database.read() as connection:
            found = [Negative(**row._mapping) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def get(self, brand_id: str, negative_id: str) -> Negative:
        """One by its id; `NotFound`, also for another's."""
        mine = sa.and_(NEGATIVES.c.id == negative_id, NEGATIVES.c.brand_id == brand_id)
        with self._database.read() as connection:
            row = connection.execute(sa.select(*_COLUMNS).where(mine)).one_or_none()
        if row is None:
            raise NotFound("The brand has no such picture.")
        return Negative(**row._mapping)

    def delete(self, brand_id: str, negative_id: str) -> str:
        """Forget one; `NotFound`, also for another's. Returns the SHA-256 of its picture, for the caller to release."""
        mine = sa.and_(NEGATIVES.c.id == negative_id, NEGATIVES.c.brand_id == brand_id)
        with self._database.write() as connection:
            sha256 = connection.scalar(sa.delete(NEGATIVES).where(mine).returning(NEGATIVES.c.sha256))
        if sha256 is None:
            raise NotFound("The brand has no such picture.")
        return str(sha256)

    def pictures(self, brand_id: str) -> frozenset[str]:
        """The SHA-256 of every negative of a brand."""
        with self._database.read() as connection:
            return frozenset(connection.scalars(sa.select(NEGATIVES.c.sha256).where(NEGATIVES.c.brand_id == brand_id)))

    def states(self, brand_ids: Collection[str], space: str) -> dict[str, State]:
        """The state of those brands that have negatives at all, in one short query."""
        count, newest, embedded = (
            sa.func.count(NEGATIVES.c.pk),
            sa.func.max(NEGATIVES.c.pk),
            sa.func.count(NEGATIVE_VECTORS.c.negative_pk),
        )
        query = sa.select(NEGATIVES.c.brand_id, count, newest, embedded).select_from(_with_vectors(space))
        query = query.where(NEGATIVES.c.brand_id.in_(brand_ids)).group_by(NEGATIVES.c.brand_id)
        with self._database.read() as connection:
            return {row[0]: (row[1], row[2], row[3]) for row in connection.execute(query)}

    def known(self, brand_id: str, space: str) -> Sequence[Known]:
        """Every negative of a brand with its vector in `space`."""
        columns = (NEGATIVES.c.id, NEGATIVES.c.sha256, NEGATIVE_VECTORS.c.vector)
        query = sa.select(*columns).select_from(_with_vectors(space)).where(NEGATIVES.c.brand_id == brand_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(NEGATIVES.c.pk)).all()
        return [Known(row.id, row.sha256, _vector(row.vector)) for row in rows]

    def lacking(self, space: str, limit: int) -> Sequence[tuple[int, str]]:
        """Some negatives `(pk, sha256)` without a vector in `space`."""
        query = sa.select(NEGATIVES.c.pk, NEGATIVES.c.sha256).select_from(_with_vectors(space))
        query = query.where(NEGATIVE_VECTORS.c.negative_pk.is_(None)).order_by(NEGATIVES.c.pk).limit(limit)
        with self._database.read() as connection:
            return [(row.pk, row.sha256) for row in connection.execute(query)]

    def embed(self, pk: int, space: str, vector: Vectors) -> None:
        """Give a negative its vector in another space; nothing happens when it is gone, or has one by now."""
        with self._database.write() as connection:
            alive = connection.scalar(sa.select(NEGATIVES.c.pk).where(NEGATIVES.c.pk == pk).with_for_update())
            mine = sa.and_(NEGATIVE_VECTORS.c.negative_pk == pk, NEGATIVE_VECTORS.c.space == space)
            if alive is not None and connection.scalar(sa.select(NEGATIVE_VECTORS.c.space).where(mine)) is None:
                connection.execute(sa.insert(NEGATIVE_VECTORS).values(_vector_row(pk, space, vector)))

    def forget_spaces_but(self, spaces: Collection[str]) -> None:
        """Drop the vectors of spaces that are no more."""
        with self._database.write() as connection:
            connection.execute(sa.delete(NEGATIVE_VECTORS).where(NEGATIVE_VECTORS.c.space.not_in(spaces)))

    def _explain(self, brand_id: str, sha256: str) -> Exception:
        same = sa.and_(NEGATIVES.c.brand_id == brand_id, NEGATIVES.c.sha256 == sha256)
        with self._database.read() as connection:
            existing = connection.scalar(sa.select(NEGATIVES.c.id).where(same))
        if existing is None:
            return NotFound("There is no such brand.")
        return Conflict("The brand has this picture already.", existing_id=existing)


def _check_room(connection: sa.Connection, brand_id: str) -> None:
    connection.execute(sa.select(BRANDS.c.pk).where(BRANDS.c.id == brand_id).with_for_update(key_share=True))
    count = sa.select(sa.func.count()).select_from(NEGATIVES).where(NEGATIVES.c.brand_id == brand_id)
    if (connection.scalar(count) or 0) >= MOST:
        raise StateConflict(f"A brand names at most {MOST} pictures; delete some that are no longer needed.")


def _with_vectors(space: str) -> sa.Join:
    here = sa.and_(NEGATIVE_VECTORS.c.negative_pk == NEGATIVES.c.pk, NEGATIVE_VECTORS.c.space == space)
    return NEGATIVES.outerjoin(NEGATIVE_VECTORS, here)


def _vector_row(pk: int, space: str, vector: Vectors) -> dict[str, Any]:
    return {"negative_pk": pk, "space": space, "vector": np.ascontiguousarray(vector, dtype="<f4").tobytes()}


def _vector(stored: bytes | None) -> Vectors | None:
    return None if stored is None else np.frombuffer(stored, dtype="<f4")
