"""Conflicts and checks in SQL.

Place in the flow: `service.conflicts.checking` claims references that were not compared yet and records what it finds;
an operator lists and resolves through the interface. What was released is not raised again for the same picture.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from indexes.references import COLUMNS, REFERENCES, Reference, as_reference
from service.conflicts.tables import CHECKS, CONFLICTS
from service.conflicts.values import Conflict, ConflictState, Finding
from service.errors import StateConflict

_LEASE = timedelta(seconds=120)
_CHUNK = 500
_OTHERS = BRANDS.alias("other_brands")
_OWN = {
    "reference_id": REFERENCES.c.id,
    "reference_status": REFERENCES.c.status,
    "kind": REFERENCES.c.kind,
    "external_id": REFERENCES.c.external_id,
    "brand_id": BRANDS.c.id,
    "brand": BRANDS.c.name,
    "other_brand": _OTHERS.c.name,
}
_COLUMNS = tuple(
    _OWN[field.name].label(field.name) if field.name in _OWN else CONFLICTS.c[field.name]
    for field in dataclasses.fields(Conflict)
)
_OF_FINDING = ("cause", "agreement", "confidence", "seen_at", "other_reference_id", "other_brand_id")
_OF_LISTING = ("marketplace", "listing_id", "image_index")


class Conflicts:
    """The tables of conflicts. Thread-safe, and safe among processes."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._clock = database, clock

    def unchecked(self) -> Sequence[int]:
        """Primary keys of active references whose picture was not compared yet, or by a process that died over it."""
        with self._database.read() as connection:
            return list(connection.scalars(self._due(REFERENCES.c.pk)))

    def claim(self, pks: Collection[int]) -> Sequence[Reference]:
        """Those of `pks` that are due, as references; nobody else gets them for two minutes."""
        with self._database.read() as connection:
            due = list(connection.scalars(self._due(REFERENCES.c.pk).where(REFERENCES.c.pk.in_(pks))))
        if not due:
            return []
        until = self._clock() + _LEASE
        with self._database.write() as connection:
            mine = self._due(*COLUMNS).where(REFERENCES.c.pk.in_(due))
            claimed = [as_reference(row) for row in connection.execute(mine.with_for_update(of=REFERENCES))]
            _forget_checks(connection, [one.pk for one in claimed])
            if claimed:
                rows = [{"reference_pk": one.pk, "sha256": one.sha256, "claimed_until": until} for one in claimed]
                connection.execute(sa.insert(CHECKS), rows)
        return claimed

    def done(self, references: Sequence[Reference]) -> None:
        """These were compared."""
        pks = [one.pk for one in references]
        with self._database.write() as connection:
            mine = sa.update(CHECKS).where(CHECKS.c.reference_pk.in_(pks))
            connection.execute(mine.values(checked_at=self._clock()))

    def record(self, finding: Finding) -> bool:
        """Write a finding down, once; whether it is open, and its reference to be held."""
        reference = finding.reference
        names = ("other_reference_id", *_OF_LISTING)
        same = [CONFLICTS.c[name].is_not_distinct_from(getattr(finding, name)) for name in names]
        known = sa.select(CONFLICTS.c.state).where(
            CONFLICTS.c.reference_pk == reference.pk, CONFLICTS.c.sha256 == reference.sha256, *same
        )
        values = {name: getattr(finding, name) for name in (*_OF_FINDING, *_OF_LISTING)}
        values |= {"reference_pk": reference.pk, "sha256": reference.sha256, "id": new_id("cfl"), "state": "open"}
        with self._database.write() as connection:
            held = sa.select(REFERENCES.c.pk).where(REFERENCES.c.pk == reference.pk).with_for_update()
            if connection.scalar(held) is None:
                return False
            state = connection.scalar(known)
            if state is None:
                connection.execute(sa.insert(CONFLICTS).values(**values, found_at=self._clock()))
        return state in (None, "open")

    def get(self, conflict_id: str) -> Conflict:
        """One conflict; `NotFound`."""
        with self._database.read() as connection:
            row = connection.execute(_select().where(CONFLICTS.c.id == conflict_id)).one_or_none()
        if row is None:
            raise NotFound("There is no such conflict.")
        return Conflict(**row._mapping)

    def list(
        self,
        *,
        state: ConflictState | None = None,
        brand_id: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Conflict]:
        """Conflicts in the order they were found."""
        query = _select().order_by(CONFLICTS.c.pk).limit(limit + 1)
        if state is not None:
            query = query.where(CONFLICTS.c.state == state)
        if brand_id is not None:
            query = query.where(sa.or_(BRANDS.c.id == brand_id, CONFLICTS.c.other_brand_id == brand_id))
        if cursor is not None:
            query = query.where(CONFLICTS.c.pk > decode_cursor(cursor))
        with self._database.read() as connection:
            found = [Conflict(**row._mapping) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def resolve(self, conflict_id: str, state: ConflictState, *, reason: str, by: str) -> tuple[Conflict, bool]:
        """Close one; `StateConflict` when it is closed already. Also whether the reference has no other open one."""
        values = {"state": state, "reason": reason, "resolved_by": by, "resolved_at": self._clock()}
        with self._database.write() as connection:
            named = sa.select(CONFLICTS.c.reference_pk, CONFLICTS.c.state).where(CONFLICTS.c.id == conflict_id)
            row = connection.execute(named.with_for_update()).one_or_none()
            if row is None:
                raise NotFound("There is no such conflict.")
            if row.state != "open":
                raise StateConflict(f"This conflict was {row.state} already.")
            connection.execute(sa.update(CONFLICTS).where(CONFLICTS.c.id == conflict_id).values(**values))
            against = sa.and_(CONFLICTS.c.reference_pk == row.reference_pk, CONFLICTS.c.state != "released")
            left = connection.scalar(sa.select(sa.func.count()).select_from(CONFLICTS).where(against))
        return self.get(conflict_id), not left

    def _due(self, *columns: Any) -> sa.Select[Any]:
        done = sa.or_(CHECKS.c.checked_at.is_not(None), CHECKS.c.claimed_until > self._clock())
        covered = sa.and_(CHECKS.c.sha256 == REFERENCES.c.sha256, done)
        joined = REFERENCES.join(BRANDS).outerjoin(CHECKS, CHECKS.c.reference_pk == REFERENCES.c.pk)
        query = sa.select(*columns).select_from(joined).where(REFERENCES.c.status == "active")
        return query.where(sa.or_(CHECKS.c.reference_pk.is_(None), sa.not_(covered))).order_by(REFERENCES.c.pk)


def _forget_checks(connection: sa.Connection, pks: Sequence[int]) -> None:
    if pks:
        connection.execute(sa.delete(CHECKS).where(CHECKS.c.reference_pk.in_(pks)))


def _select() -> sa.Select[Any]:
    joined = CONFLICTS.join(REFERENCES, REFERENCES.c.pk == CONFLICTS.c.reference_pk).join(BRANDS)
    return sa.select(*_COLUMNS).select_from(joined.outerjoin(_OTHERS, _OTHERS.c.id == CONFLICTS.c.other_brand_id))
