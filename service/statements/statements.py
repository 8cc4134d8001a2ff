"""Statements: the way in. Written with every restriction, read by case or restriction, exported in order.

Place in the flow: a watcher of cases, and told of restrictions of sellers, in the transaction of what restricts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import sqlalchemy as sa

from indexes.database import Database
from indexes.errors import NotFound
from indexes.ids import new_id
from service.cases.values import Case, Entry
from service.statements.gathering import Gathering
from service.statements.record import make_record
from service.statements.tables import STATEMENTS
from service.statements.values import Grounds, Measure, Statement
from service.statements.wording import make_text

_MEASURES: Final[dict[str, Measure]] = {"held": "hold", "taken_down": "removal"}
_COLUMNS: Final = tuple(STATEMENTS.c[field.name] for field in dataclasses.fields(Statement))
_AT_ONCE: Final = 500


class OfSeller(Protocol):
    """What is needed of a seller."""

    @property
    def marketplace(self) -> str:
        """Where."""
        ...

    @property
    def seller_id(self) -> str:
        """Its id there."""
        ...


class Restricted(Protocol):
    """What is needed of a seller's restriction."""

    @property
    def id(self) -> str:
        """Its id."""
        ...

    @property
    def level(self) -> Measure:
        """What it takes from the seller."""
        ...

    @property
    def points(self) -> float:
        """The points of the seller at that moment."""
        ...

    @property
    def by_hand(self) -> bool:
        """A person's decision, not the points'."""
        ...

    @property
    def reason(self) -> str:
        """Why."""
        ...

    @property
    def began_at(self) -> datetime:
        """Since when."""
        ...

    @property
    def until(self) -> datetime | None:
        """Until when, where that is fixed."""
        ...


class Statements:
    """The table of statements. `gather` finds what a statement says about a case."""

    def __init__(self, database: Database, gather: Gathering) -> None:
        self._database, self._gather = database, gather

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """A case moved: stated when that restricts the listing."""
        measure = _MEASURES.get(entry.target)
        if measure is not None and entry.source != entry.target:
            grounds = self._gather.of_case(connection, case, entry, measure, new_id("sor"))
            self._write(connection, grounds, case_pk=case.pk, entry=entry.number)

    def restricted(self, connection: sa.Connection, seller: OfSeller, made: Restricted) -> None:
        """A seller was warned or restricted."""
        grounds = Grounds(
            puid=new_id("sor"),
            measure=made.level,
            applied_at=made.began_at,
            marketplace=seller.marketplace,
            territories=self._gather.places(connection, seller.marketplace),
            reason=made.reason,
            seller_id=seller.seller_id,
            decided="not" if made.by_hand else "fully",
            until=made.until,
            points=round(made.points, 2),
        )
        self._write(connection, grounds, restriction_id=made.id)

    def of_case(self, case: Case) -> Sequence[Statement]:
        """The statements of a case, the last one first; `NotFound` when nothing was ever restricted."""
        found = self._read(STATEMENTS.c.case_pk == case.pk)
        if not found:
            raise NotFound("There is no statement: the listing was not restricted.")
        return found

    def of_restrictions(self, ids: Collection[str]) -> dict[str, Statement]:
        """The statement of each restriction, by the restriction's id."""
        named = STATEMENTS.c.restriction_id.in_(ids)
        with self._database.read() as connection:
            rows = connection.execute(sa.select(STATEMENTS.c.restriction_id, *_COLUMNS).where(named))
            return {row.restriction_id: _statement(row) for row in rows}

    def export(self, since: datetime | None = None) -> Iterator[Statement]:
        """Every statement that has a record, in the order they were made, read piece by piece."""
        after = 0
        while True:
            query = sa.select(*_COLUMNS).where(STATEMENTS.c.pk > after, STATEMENTS.c.measure != "warning")
            if since is not None:
                query = query.where(STATEMENTS.c.created_at >= since)
            with self._database.read() as connection:
                found = [_statement(row) for row in connection.execute(query.order_by(STATEMENTS.c.pk).limit(_AT_ONCE))]
            yield from found
            if len(found) < _AT_ONCE:
                return
            after = found[-1].pk

    def _write(self, connection: sa.Connection, grounds: Grounds, **of: Any) -> None:
        record = make_record(grounds)
        values = {
            "id": grounds.puid,
            "puid": grounds.puid,
            "measure": grounds.measure,
            "created_at": grounds.applied_at,
        }
        values |= {"text": make_text(grounds), "record": sa.null() if record is None else record}
        connection.execute(sa.insert(STATEMENTS).values(**values, **of))

    def _read(self, condition: sa.ColumnElement[bool]) -> list[Statement]:
        with self._database.read() as connection:
            query = sa.select(*_COLUMNS).where(condition).order_by(STATEMENTS.c.pk.desc())
            return [_statement(row) for row in connection.execute(query)]


def _statement(row: Any) -> Statement:
    return Statement(**{field.name: row._mapping[field.name] for field in dataclasses.fields(Statement)})
