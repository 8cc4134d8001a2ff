"""The catalogue: references and their embeddings in SQL, every write in one transaction with its index change.

Place in the flow: enrolment puts the picture's bytes into `indexes.blobs`, then adds here; `indexes.gallery` follows
the changes; `indexes.search` joins candidates back to these rows. Knows no pictures, roles or HTTP.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from indexes import changes
from indexes.brands import BRANDS, Brand
from indexes.changes import Change
from indexes.database import Database, utc_now
from indexes.embeddings import EMBEDDINGS, Embeddings, embedding_row
from indexes.errors import Conflict, NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from indexes.references import COLUMNS, REFERENCES, NewReference, Reference, ReferenceStatus, as_reference
from vision.embedding import KINDS, Kind, Regions, Space

__all__ = ["Catalog", "NewReference", "Reference", "ReferenceStatus"]

_JOINED = REFERENCES.join(BRANDS)
_CHANGEABLE = frozenset({"title", "gtin", "status", "right_id"})
_CHUNK = 500
_BRAND_FIELDS = tuple(field.name for field in dataclasses.fields(Brand))
_BRAND_COLUMNS = tuple(BRANDS.c[name].label(f"brand__{name}") for name in _BRAND_FIELDS)


OnChange: TypeAlias = Callable[[sa.Connection, Sequence[Reference], bool], None]
"""Told of references as they are after a write, in its transaction; with True of references that were erased."""


def _ignore(_connection: sa.Connection, _references: Sequence[Reference], _erased: bool) -> None:
    pass


class Catalog:
    """The references of all brands. Every write is durable when its method returns."""

    def __init__(self, database: Database, *, on_change: OnChange = _ignore) -> None:
        self._database, self._on_change = database, on_change

    def add(self, new: NewReference, space: Space, regions: Regions) -> Reference:
        """Add one active reference with its embedding.

        `NotFound` for an unknown brand; `Conflict` (with `existing_id`) when the brand has that `external_id` for
        that kind already; `SpaceMismatch` when `regions` do not belong to `space`.
        """
        return self.add_many([(new, regions)], space)[0]

    def add_many(self, items: Sequence[tuple[NewReference, Regions]], space: Space) -> list[Reference]:
        """Add several references in one transaction, all or none; errors as in `add`. Keeps the order."""
        try:
            with self._database.write() as connection:
                added = _insert(connection, items, space)
                self._on_change(connection, added, False)
                return added
        except IntegrityError as error:
            raise self._explain(items, error) from error

    def replace_image(
        self,
        reference_id: str,
        *,
        sha256: str,
        width: int,
        height: int,
        media_type: str,
        space: Space,
        regions: Regions,
    ) -> Reference:
        """Give the reference another picture; embeddings of the old one go, in every space.

        It becomes active, unless it was quarantined for this very picture.
        """
        values = {"sha256": sha256, "width": width, "height": height, "media_type": media_type, "status": "active"}
        with self._database.write() as connection:
            old = _one(connection, REFERENCES.c.id == reference_id)
            if old.status == "quarantined" and old.sha256 == sha256:
                values["status"] = "quarantined"
            connection.execute(sa.delete(EMBEDDINGS).where(EMBEDDINGS.c.reference_pk == old.pk))
            connection.execute(sa.insert(EMBEDDINGS).values(embedding_row(old.pk, old.kind, space, regions)))
            changed = _change(connection, old, values)
            self._on_change(connection, [changed], False)
        return changed

    def embed(self, items: Sequence[tuple[Reference, Regions]], space: Space) -> int:
        """Give references their vectors in `space`, beside those of other spaces; returns how many got them.

        One that was erased, or given another picture since it was read, is passed over.
        """
        rows = {ref.pk: embedding_row(ref.pk, ref.kind, space, regions) for ref, regions in items}
        with self._database.write() as connection:
            same = sa.select(REFERENCES.c.pk, REFERENCES.c.sha256).where(REFERENCES.c.pk.in_(rows)).with_for_update()
            pictures = {row.pk: row.sha256 for row in connection.execute(same)}
            kept = [ref for ref, _ in items if pictures.get(ref.pk) == ref.sha256]
            if kept:
                pks = [ref.pk for ref in kept]
                mine = sa.and_(EMBEDDINGS.c.reference_pk.in_(pks), EMBEDDINGS.c.space == space.id)
                connection.execute(sa.delete(EMBEDDINGS).where(mine))
                connection.execute(sa.insert(EMBEDDINGS), [rows[pk] for pk in pks])
                changes.record(connection, [Change(ref.brand_pk, ref.pk, space.id) for ref in kept])
        return len(kept)

    def forget(self, space_id: str) -> int:
        """Delete every vector of a space that nothing serves any more, a stretch at a time; returns how many rows."""
        gone = 0
        while True:
            some = sa.select(EMBEDDINGS.c.reference_pk).where(EMBEDDINGS.c.space == space_id).limit(_CHUNK)
            mine = sa.and_(EMBEDDINGS.c.space == space_id, EMBEDDINGS.c.reference_pk.in_(some))
            with self._database.write() as connection:
                count = connection.execute(sa.delete(EMBEDDINGS).where(mine)).rowcount
            if not count:
                return gone
            gone += count

    def without_vectors(self, space: Space, after_pk: int, limit: int) -> list[Reference]:
        """The next `limit` active references after `after_pk` that have no vectors in `space`."""
        here = sa.select(EMBEDDINGS.c.n).where(
            EMBEDDINGS.c.reference_pk == REFERENCES.c.pk, EMBEDDINGS.c.space == space.id
        )
        query = sa.select(*COLUMNS).select_from(_JOINED).where(REFERENCES.c.status == "active", ~here.exists())
        query = query.where(REFERENCES.c.pk > after_pk).order_by(REFERENCES.c.pk).limit(limit)
        with self._database.read() as connection:
            return [as_reference(row) for row in connection.execute(query)]

    def pictures(self, after_pk: int, limit: int) -> list[tuple[int, Kind, str]]:
        """Key, kind and SHA-256 of the next `limit` active references after `after_pk`."""
        query = sa.select(REFERENCES.c.pk, REFERENCES.c.kind, REFERENCES.c.sha256)
        query = query.where(REFERENCES.c.status == "active", REFERENCES.c.pk > after_pk)
        with self._database.read() as connection:
            found = connection.execute(query.order_by(REFERENCES.c.pk).limit(limit))
            return [(row.pk, row.kind, row.sha256) for row in found]

    def pictures_of_brand(self, brand_id: str) -> frozenset[str]:
        """The SHA-256 of every reference of a brand."""
        query = sa.select(REFERENCES.c.sha256).join(BRANDS).where(BRANDS.c.id == brand_id)
        with self._database.read() as connection:
            return frozenset(connection.scalars(query))

    def lacking(self, space: Space) -> int:
        """How many active references have no vectors in `space`."""
        return Embeddings(self._database, space).missing()

    def update(self, reference_id: str, **changed: Any) -> Reference:
        """Change `title`, `gtin`, `right_id` or `status`; `NotFound`."""
        if unknown := set(changed) - _CHANGEABLE:
            raise ValueError(f"a reference has no changeable field {', '.join(sorted(unknown))}")
        with self._database.write() as connection:
            old = _one(connection, REFERENCES.c.id == reference_id)
            if not changed:
                return old
            new = _change(connection, old, changed)
            self._on_change(connection, [new], False)
        return new

    def delete(self, reference_id: str) -> Reference:
        """Remove the reference and its embeddings; returns what it was. Its blob is the caller's (see `uses`)."""
        with self._database.write() as connection:
            old = _one(connection, REFERENCES.c.id == reference_id)
            connection.execute(sa.delete(REFERENCES).where(REFERENCES.c.pk == old.pk))
            changes.record(connection, [Change(old.brand_pk, old.pk)])
            self._on_change(connection, [old], True)
        return old

    def disable_missing(self, brand_id: str, keep_ids: Collection[str], kinds: Collection[Kind] = KINDS) -> int:
        """Disable the brand's active references of `kinds` whose id is not in `keep_ids`; returns how many."""
        keep = frozenset(keep_ids)
        query = sa.select(*COLUMNS).select_from(_JOINED)
        query = query.where(BRANDS.c.id == brand_id, REFERENCES.c.kind.in_(kinds), REFERENCES.c.status == "active")
        with self._database.write() as connection:
            gone = [as_reference(row) for row in connection.execute(query) if row.id not in keep]
            now = utc_now()
            for start in range(0, len(gone), _CHUNK):
                pks = [one.pk for one in gone[start : start + _CHUNK]]
                values = {"status": "disabled", "updated_at": now}
                connection.execute(sa.update(REFERENCES).where(REFERENCES.c.pk.in_(pks)).values(values))
            if gone:
                changes.record(connection, [Change(one.brand_pk, one.pk) for one in gone])
                disabled = [dataclasses.replace(one, status="disabled", updated_at=now) for one in gone]
                self._on_change(connection, disabled, False)
        return len(gone)

    def get(self, reference_id: str) -> Reference:
        """The reference with the public id `reference_id`; `NotFound`."""
        with self._database.read() as connection:
            return _one(connection, REFERENCES.c.id == reference_id)

    def find_external(self, brand_id: str, kind: Kind, external_id: str) -> Reference | None:
        """The brand's reference of `kind` with its own name for it."""
        conditions = (BRANDS.c.id == brand_id, REFERENCES.c.kind == kind, REFERENCES.c.external_id == external_id)
        with self._database.read() as connection:
            row = connection.execute(sa.select(*COLUMNS).select_from(_JOINED).where(*conditions)).one_or_none()
        return None if row is None else as_reference(row)

    def named(
        self,
        brand_id: str,
        words: Sequence[str],
        *,
        kind: Kind | None = None,
        status: ReferenceStatus | None = None,
        limit: int = 50,
    ) -> list[Reference]:
        """A brand's references whose title, external_id or gtin holds any of `words`, those with the most first."""
        fields = (REFERENCES.c.title, REFERENCES.c.external_id, REFERENCES.c.gtin)
        held = [sa.or_(*(field.icontains(word, autoescape=True) for field in fields)) for word in words]
        hits = sum((sa.case((one, 1), else_=0) for one in held), start=sa.literal(0))
        query = sa.select(*COLUMNS).select_from(_JOINED).where(*_filters(brand_id, kind, status), sa.or_(*held))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(hits.desc(), REFERENCES.c.pk).limit(limit))
            return [as_reference(row) for row in rows]

    def same_picture(self, reference: Reference) -> Reference | None:
        """The oldest other active reference of the brand and kind with the same bytes, if it came before this one."""
        same = (REFERENCES.c[name] == getattr(reference, name) for name in ("sha256", "brand_pk", "kind"))
        query = sa.select(*COLUMNS).select_from(_JOINED).where(*same, REFERENCES.c.pk < reference.pk)
        query = query.where(REFERENCES.c.status == "active").order_by(REFERENCES.c.pk).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else as_reference(row)

    def list(
        self,
        brand_id: str | None = None,
        kind: Kind | None = None,
        status: ReferenceStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
        *,
        newest_first: bool = False,
    ) -> Page[Reference]:
        """References in the order they were added, or the other way round, of one brand or of all."""
        query = sa.select(*COLUMNS).select_from(_JOINED).where(*_filters(brand_id, kind, status))
        if cursor is not None:
            last = decode_cursor(cursor)
            query = query.where(REFERENCES.c.pk < last if newest_first else REFERENCES.c.pk > last)
        query = query.order_by(REFERENCES.c.pk.desc() if newest_first else REFERENCES.c.pk).limit(limit + 1)
        with self._database.read() as connection:
            found = [as_reference(row) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def count(
        self, brand_id: str | None = None, kind: Kind | None = None, status: ReferenceStatus | None = None
    ) -> int:
        """How many references there are."""
        query = sa.select(sa.func.count()).select_from(_JOINED).where(*_filters(brand_id, kind, status))
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def uses(self, sha256: str) -> bool:
        """Whether a reference of any brand names that picture."""
        with self._database.read() as connection:
            query = sa.select(REFERENCES.c.pk).where(REFERENCES.c.sha256 == sha256).limit(1)
            return connection.execute(query).first() is not None

    def matchable(
        self, reference_pks: Collection[int], brand_pks: Collection[int] | None = None
    ) -> dict[int, tuple[Reference, Brand]]:
        """Those of `reference_pks` that may be matched now, by primary key, in one query.

        That is: still there, active, of a brand that is not suspended and, where given, is one of `brand_pks`.
        """
        query = sa.select(*COLUMNS, *_BRAND_COLUMNS).select_from(_JOINED)
        query = query.where(REFERENCES.c.pk.in_(reference_pks), REFERENCES.c.status == "active")
        query = query.where(BRANDS.c.status != "suspended")
        if brand_pks is not None:
            query = query.where(REFERENCES.c.brand_pk.in_(brand_pks))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {row.pk: (as_reference(row), _brand_of(row)) for row in rows}

    def titles(self, kind: Kind) -> Sequence[tuple[int, int, str, str | None]]:
        """Primary key, its brand's, the brand's name and the title of every active reference of `kind`."""
        columns = (REFERENCES.c.pk, REFERENCES.c.brand_pk, BRANDS.c.name, REFERENCES.c.title)
        query = sa.select(*columns).select_from(_JOINED).where(REFERENCES.c.kind == kind)
        query = query.where(REFERENCES.c.status == "active", BRANDS.c.status != "suspended").order_by(REFERENCES.c.pk)
        with self._database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(query)]

    def _explain(self, items: Sequence[tuple[NewReference, Regions]], error: IntegrityError) -> Exception:
        """Why a batch was refused, found out after its transaction is gone."""
        for new, _ in items:
            if new.external_id is None:
                continue
            if existing := self.find_external(new.brand_id, new.kind, new.external_id):
                message = f"The external_id {new.external_id!r} is taken by {existing.id}; update that one instead."
                return Conflict(message, existing_id=existing.id)
        if len({(new.brand_id, new.kind, new.external_id) for new, _ in items}) < len(items):
            return Conflict("One batch names the same external_id twice; send it once.")
        return NotFound("The brand is gone.") if "foreign key" in str(error.orig).lower() else error


def _insert(connection: sa.Connection, items: Sequence[tuple[NewReference, Regions]], space: Space) -> list[Reference]:
    brand_ids = {new.brand_id for new, _ in items}
    found = connection.execute(sa.select(BRANDS.c.id, BRANDS.c.pk).where(BRANDS.c.id.in_(brand_ids)))
    brand_pks: dict[str, int] = {row.id: row.pk for row in found}
    if missing := brand_ids - brand_pks.keys():
        raise NotFound(f"There is no brand {min(missing)}.")
    now = utc_now()
    rows = [_reference_row(new, brand_pks[new.brand_id]) | {"created_at": now, "updated_at": now} for new, _ in items]
    made = connection.execute(sa.insert(REFERENCES).returning(REFERENCES.c.id, REFERENCES.c.pk), rows)
    pks: dict[str, int] = {row.id: row.pk for row in made}
    added = [
        Reference(pk=pks[row["id"]], brand_id=new.brand_id, **row) for row, (new, _) in zip(rows, items, strict=True)
    ]
    embedded = [
        embedding_row(reference.pk, reference.kind, space, regions)
        for reference, (_, regions) in zip(added, items, strict=True)
    ]
    connection.execute(sa.insert(EMBEDDINGS), embedded)
    changes.record(connection, [Change(reference.brand_pk, reference.pk) for reference in added])
    return added


def _reference_row(new: NewReference, brand_pk: int) -> dict[str, Any]:
    fields = ("kind", "external_id", "title", "gtin", "right_id", "sha256", "width", "height", "media_type")
    given = {name: getattr(new, name) for name in fields}
    return {"id": new_id("ref"), "brand_pk": brand_pk, "status": "active", **given}


def _change(connection: sa.Connection, old: Reference, values: dict[str, Any]) -> Reference:
    statement = sa.update(REFERENCES).where(REFERENCES.c.pk == old.pk).values(**values, updated_at=utc_now())
    connection.execute(statement)
    if values.keys() & {"status", "sha256"}:
        changes.record(connection, [Change(old.brand_pk, old.pk)])
    changes.touch(connection)
    return _one(connection, REFERENCES.c.pk == old.pk)


def _one(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Reference:
    row = connection.execute(sa.select(*COLUMNS).select_from(_JOINED).where(condition)).one_or_none()
    if row is None:
        raise NotFound("There is no such reference.")
    return as_reference(row)


def _filters(brand_id: str | None, kind: Kind | None, status: ReferenceStatus | None) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if brand_id is not None:
        wanted.append(BRANDS.c.id == brand_id)
    if kind is not None:
        wanted.append(REFERENCES.c.kind == kind)
    if status is not None:
        wanted.append(REFERENCES.c.status == status)
    return wanted


def _brand_of(row: Any) -> Brand:
    values = row._mapping
    return Brand(**{name: values[f"brand__{name}"] for name in _BRAND_FIELDS})
