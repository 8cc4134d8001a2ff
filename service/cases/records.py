"""Cases, entries and messages in SQL: rows made into values and back, each on the caller's transaction.

Decides nothing: `moves` knows what is allowed, `Cases` is the way in.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.cases.audit import sealed
from service.cases.clocks import Length
from service.cases.tables import CASE_ENTRIES, CASE_MESSAGES, CASES
from service.cases.values import Acting, Case, Entry, Filters, Message, Running
from service.marketplaces import MARKETPLACES

_CLOCK = tuple(field.name for field in dataclasses.fields(Running))
_PLAIN = tuple(field.name for field in dataclasses.fields(Case) if field.name != "clock")


_NAME = (CASES.c.marketplace, CASES.c.listing_id)
_AMONG = sa.select(*_NAME).where(sa.tuple_(*_NAME).in_(sa.bindparam("names", expanding=True)))


def find(connection: sa.Connection, case_id: str) -> Case | None:
    """The case, as it stands."""
    row = connection.execute(sa.select(CASES).where(CASES.c.id == case_id)).one_or_none()
    return None if row is None else _case(row)


def lock(connection: sa.Connection, case_id: str) -> Case | None:
    """The case, held until the transaction ends."""
    row = connection.execute(sa.select(CASES).where(CASES.c.id == case_id).with_for_update()).one_or_none()
    return None if row is None else _case(row)


def lock_due(connection: sa.Connection, pk: int, now: datetime) -> Case | None:
    """The case when its clock has run out and nobody else is at it; held until the transaction ends."""
    due = sa.select(CASES).where(CASES.c.pk == pk, CASES.c.deadline <= now).with_for_update(skip_locked=True)
    row = connection.execute(due).one_or_none()
    return None if row is None else _case(row)


def of_listing(connection: sa.Connection, marketplace: str, listing_id: str) -> list[Case]:
    """Every case of a listing, oldest first, held until the transaction ends."""
    named = sa.select(CASES).where(CASES.c.marketplace == marketplace, CASES.c.listing_id == listing_id)
    return [_case(row) for row in connection.execute(named.order_by(CASES.c.pk).with_for_update())]


def listings_among(connection: sa.Connection, names: Collection[tuple[str, str]]) -> frozenset[tuple[str, str]]:
    """Those of the listings, marketplace and listing id, that have a case."""
    if not names:
        return frozenset()
    found = connection.execute(_AMONG, {"names": list(names)})
    return frozenset((row.marketplace, row.listing_id) for row in found)


def page(connection: sa.Connection, filters: Filters, limit: int, cursor: str | None) -> Page[Case]:
    """Cases, newest first."""
    query = sa.select(CASES).order_by(CASES.c.pk.desc()).limit(limit + 1)
    for field in dataclasses.fields(Filters):
        if (wanted := getattr(filters, field.name)) is not None:
            column = "id" if field.name == "case_id" else field.name
            query = query.where(CASES.c[column] == wanted)
    if cursor is not None:
        query = query.where(CASES.c.pk < decode_cursor(cursor))
    found = [_case(row) for row in connection.execute(query)]
    return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)


def insert(connection: sa.Connection, case: Case) -> Case:
    """Write a new case; it comes back with its primary key."""
    pk = connection.scalar(sa.insert(CASES).values(**_values(case)).returning(CASES.c.pk))
    return dataclasses.replace(case, pk=int(pk or 0))


def update(connection: sa.Connection, case: Case) -> None:
    """Write `case` as it is now."""
    connection.execute(sa.update(CASES).where(CASES.c.pk == case.pk).values(**_values(case)))


def append(connection: sa.Connection, case: Case, entry: Entry) -> Entry:
    """Add `entry` to the chain of a case that is held; it comes back sealed."""
    last = sa.select(CASE_ENTRIES).where(CASE_ENTRIES.c.case_pk == case.pk)
    row = connection.execute(last.order_by(CASE_ENTRIES.c.number.desc()).limit(1)).one_or_none()
    written = sealed(entry, None if row is None else _entry(row, case.id))
    values = {field.name: getattr(written, field.name) for field in dataclasses.fields(Entry)}
    actor: Acting = values.pop("actor")
    del values["case_id"]
    row_values = {**values, "case_pk": case.pk, "actor_role": actor.role, "actor_id": actor.id}
    connection.execute(sa.insert(CASE_ENTRIES).values(row_values))
    return written


def entries(connection: sa.Connection, cases: Sequence[Case]) -> dict[int, list[Entry]]:
    """The audit of each case, oldest first, by the case's primary key."""
    ids = {case.pk: case.id for case in cases}
    query = sa.select(CASE_ENTRIES).where(CASE_ENTRIES.c.case_pk.in_(ids))
    found: dict[int, list[Entry]] = defaultdict(list)
    for row in connection.execute(query.order_by(CASE_ENTRIES.c.case_pk, CASE_ENTRIES.c.number)):
        found[row.case_pk].append(_entry(row, ids[row.case_pk]))
    return found


def add_message(connection: sa.Connection, case: Case, author: Acting, text: str, at: datetime) -> Message:
    """Write a message."""
    message = Message(new_id("msg"), author, text, at)
    values = {"id": message.id, "case_pk": case.pk, "text": text, "at": at}
    connection.execute(
        sa.insert(CASE_MESSAGES).values(**values, author_role=author.role, author_id=author.id),
    )
    return message


def count_messages(connection: sa.Connection, case: Case, author: Acting) -> int:
    """How many messages a case has of people in the author's role."""
    theirs = sa.and_(CASE_MESSAGES.c.case_pk == case.pk, CASE_MESSAGES.c.author_role == author.role)
    return connection.scalar(sa.select(sa.func.count()).select_from(CASE_MESSAGES).where(theirs)) or 0


def messages(connection: sa.Connection, cases: Sequence[Case]) -> dict[int, list[Message]]:
    """The messages of each case, oldest first, by the case's primary key."""
    query = sa.select(CASE_MESSAGES).where(CASE_MESSAGES.c.case_pk.in_([case.pk for case in cases]))
    found: dict[int, list[Message]] = defaultdict(list)
    for row in connection.execute(query.order_by(CASE_MESSAGES.c.pk)):
        author = Acting(row.author_role, row.author_id)
        found[row.case_pk].append(Message(row.id, author, row.text, row.at))
    return found


def lengths_of(connection: sa.Connection, marketplace: str) -> dict[str, Length]:
    """The lengths of a marketplace's clocks; none where it has none, or was never made."""
    query = sa.select(MARKETPLACES.c.clocks).where(MARKETPLACES.c.slug == marketplace)
    return dict(connection.scalar(query) or {})


def due(connection: sa.Connection, now: datetime, *, after: int, limit: int) -> Sequence[int]:
    """Primary keys above `after` of cases whose clock has run out, rising.

    While a brand is not verified, no case of its acts on a listing: what silence would remove waits.
    """
    verified = sa.select(BRANDS.c.id).where(BRANDS.c.status == "verified")
    may = sa.or_(CASES.c.on_silence != "remove", CASES.c.brand_id.in_(verified))
    query = sa.select(CASES.c.pk).where(CASES.c.deadline <= now, CASES.c.pk > after, may).order_by(CASES.c.pk)
    return connection.scalars(query.limit(limit)).all()


def _case(row: Any) -> Case:
    clock = None if row.clock is None else Running(**{name: getattr(row, name) for name in _CLOCK})
    return Case(**{name: getattr(row, name) for name in _PLAIN}, clock=clock)


def _values(case: Case) -> dict[str, Any]:
    clock = {name: None if case.clock is None else getattr(case.clock, name) for name in _CLOCK}
    return {name: getattr(case, name) for name in _PLAIN if name != "pk"} | clock


def _entry(row: Any, case_id: str) -> Entry:
    same = ("number", "at", "action", "source", "target", "reason", "evidence_version", "details", "previous", "digest")
    actor = Acting(row.actor_role, row.actor_id)
    return Entry(case_id=case_id, actor=actor, **{name: getattr(row, name) for name in same})
