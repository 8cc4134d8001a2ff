"""Notices in SQL, each on the caller's transaction."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.notices.tables import NOTICE_URLS, NOTICES
from service.notices.values import Named, NewNotice, Notice, NoticeState, Outcome

ERASED: Final = "(erased)"
_PLAIN: Final = tuple(NOTICES.c[field.name] for field in dataclasses.fields(Notice) if field.name != "urls")
_NAMED: Final = tuple(NOTICE_URLS.c[field.name] for field in dataclasses.fields(Named))


def insert(
    connection: sa.Connection,
    new: NewNotice,
    *,
    brand_id: str | None,
    sent_by: str | None,
    trusted: bool,
    at: datetime,
) -> Notice:
    """Keep a notice with every address it names, once each."""
    same = ("brand", "explanation", "name", "email", "signature", "work", "accuracy")
    values = {name: getattr(new, name) for name in same} | {"id": new_id("not"), "brand_id": brand_id}
    values |= {"sent_by": sent_by, "trusted": trusted, "received_at": at, "state": "received"}
    pk = connection.scalar(sa.insert(NOTICES).values(values).returning(NOTICES.c.pk))
    urls = [{"notice_pk": pk, "position": place, "url": url} for place, url in enumerate(dict.fromkeys(new.urls))]
    connection.execute(sa.insert(NOTICE_URLS), urls)
    return _read(connection, [int(pk or 0)])[0]


def find(connection: sa.Connection, notice_id: str, *, lock: bool = False) -> Notice | None:
    """The notice, held until the transaction ends where that is asked for."""
    query = sa.select(NOTICES.c.pk).where(NOTICES.c.id == notice_id)
    pk = connection.scalar(query.with_for_update() if lock else query)
    return None if pk is None else _read(connection, [pk])[0]


def page(
    connection: sa.Connection, *, state: NoticeState | None, brand_id: str | None, limit: int, cursor: str | None
) -> Page[Notice]:
    """Notices, newest first."""
    query = sa.select(NOTICES.c.pk).order_by(NOTICES.c.pk.desc()).limit(limit + 1)
    if state is not None:
        query = query.where(NOTICES.c.state == state)
    if brand_id is not None:
        query = query.where(NOTICES.c.brand_id == brand_id)
    if cursor is not None:
        query = query.where(NOTICES.c.pk < decode_cursor(cursor))
    pks = list(connection.scalars(query))
    return Page(_read(connection, pks[:limit]), encode_cursor(pks[limit - 1]) if len(pks) > limit else None)


def left(connection: sa.Connection, before: datetime, limit: int) -> list[str]:
    """Notices received before a moment with an address that nobody looked at yet."""
    unseen = sa.select(NOTICE_URLS.c.notice_pk).where(NOTICE_URLS.c.outcome.is_(None))
    query = sa.select(NOTICES.c.id).where(NOTICES.c.pk.in_(unseen), NOTICES.c.received_at <= before)
    return list(connection.scalars(query.order_by(NOTICES.c.pk).limit(limit)))


def settle(
    connection: sa.Connection,
    notice: Notice,
    position: int,
    outcome: Outcome,
    *,
    listing: tuple[str, str] | None = None,
    case_id: str | None = None,
) -> None:
    """Note what became of an address."""
    marketplace, listing_id = listing or (None, None)
    values = {"outcome": outcome, "marketplace": marketplace, "listing_id": listing_id, "case_id": case_id}
    named = sa.and_(NOTICE_URLS.c.notice_pk == notice.pk, NOTICE_URLS.c.position == position)
    connection.execute(sa.update(NOTICE_URLS).where(named).values(values))


def of_case(connection: sa.Connection, case_id: str, by: str) -> list[Notice]:
    """The notices that joined a case and were not decided but `by` their cases."""
    joined = sa.select(NOTICE_URLS.c.notice_pk).where(NOTICE_URLS.c.case_id == case_id)
    open_still = sa.or_(NOTICES.c.decided_at.is_(None), NOTICES.c.decided_by == by)
    query = sa.select(NOTICES.c.pk).where(NOTICES.c.pk.in_(joined), open_still)
    return _read(connection, list(connection.scalars(query.order_by(NOTICES.c.pk).with_for_update())))


def move(connection: sa.Connection, notice: Notice, state: NoticeState) -> None:
    """Note where a notice stands."""
    connection.execute(sa.update(NOTICES).where(NOTICES.c.pk == notice.pk).values(state=state))


def decide(
    connection: sa.Connection, notice: Notice, state: NoticeState, *, by: str, reason: str, at: datetime
) -> None:
    """Note how a notice was decided."""
    values = {"state": state, "decided_at": at, "decided_by": by, "decision_reason": reason}
    connection.execute(sa.update(NOTICES).where(NOTICES.c.pk == notice.pk).values(values))


def forget(connection: sa.Connection, before: datetime) -> int:
    """Erase who sent the notices that were decided before a moment; how many."""
    due = sa.and_(NOTICES.c.decided_at < before, NOTICES.c.email != ERASED)
    gone = {"name": ERASED, "email": ERASED, "signature": None}
    return connection.execute(sa.update(NOTICES).where(due).values(gone)).rowcount


def unfounded_of(connection: sa.Connection, email: str) -> tuple[int, int]:
    """How many notices came from a mail address, and how many of those were unfounded."""
    sender = sa.func.lower(NOTICES.c.email) == email.lower()
    unfounded = sa.func.sum(sa.case((NOTICES.c.state == "unfounded", 1), else_=0))
    row = connection.execute(sa.select(sa.func.count(), unfounded).select_from(NOTICES).where(sender)).one()
    return row[0], row[1] or 0


def _read(connection: sa.Connection, pks: Collection[int]) -> list[Notice]:
    if not pks:
        return []
    rows = {row.pk: row for row in connection.execute(sa.select(*_PLAIN).where(NOTICES.c.pk.in_(pks)))}
    urls: dict[int, list[Named]] = defaultdict(list)
    query = sa.select(NOTICE_URLS.c.notice_pk, *_NAMED).where(NOTICE_URLS.c.notice_pk.in_(pks))
    for row in connection.execute(query.order_by(NOTICE_URLS.c.notice_pk, NOTICE_URLS.c.position)):
        urls[row.notice_pk].append(Named(**{column.name: row._mapping[column.name] for column in _NAMED}))
    return [_notice(rows[pk], urls[pk]) for pk in pks]


def _notice(row: Any, urls: Sequence[Named]) -> Notice:
    return Notice(**row._mapping, urls=tuple(urls))
