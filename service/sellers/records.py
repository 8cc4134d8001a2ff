"""Sellers, strikes and restrictions in SQL, each on the caller's transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from indexes.ids import new_id
from service.cases.values import Acting
from service.marketplaces import MARKETPLACES
from service.sellers.points import Level, StrikeTerms
from service.sellers.tables import SELLER_ACTIONS, SELLER_RESTRICTIONS, SELLER_STRIKES, SELLERS
from service.sellers.values import Action, Ending, Restriction, Seller, Strike

ACTIONS_SHOWN: Final = 100
_ACTION: Final = tuple(SELLER_ACTIONS.c[field.name] for field in dataclasses.fields(Action))
_STRIKE: Final = tuple(SELLER_STRIKES.c[field.name] for field in dataclasses.fields(Strike))
_RESTRICTION: Final = tuple(SELLER_RESTRICTIONS.c[field.name] for field in dataclasses.fields(Restriction))


def hold(connection: sa.Connection, marketplace: str, seller_id: str, now: datetime) -> Seller:
    """The seller, made where it is new; nobody else works on it until the transaction ends."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = insert(SELLERS).values(marketplace=marketplace, seller_id=seller_id, seen_at=now)
    again = row.on_conflict_do_update(index_elements=["marketplace", "seller_id"], set_={"seen_at": now})
    return Seller(int(connection.scalar(again.returning(SELLERS.c.pk)) or 0), marketplace, seller_id)


def lock(connection: sa.Connection, seller: Seller) -> None:
    """Let nobody else work on the seller until the transaction ends."""
    connection.execute(sa.select(SELLERS.c.pk).where(SELLERS.c.pk == seller.pk).with_for_update())


def find(connection: sa.Connection, marketplace: str, seller_id: str) -> Seller | None:
    """The seller, where anything is known of it."""
    named = sa.and_(SELLERS.c.marketplace == marketplace, SELLERS.c.seller_id == seller_id)
    pk = connection.scalar(sa.select(SELLERS.c.pk).where(named))
    return None if pk is None else Seller(pk, marketplace, seller_id)


def terms(connection: sa.Connection, marketplace: str) -> StrikeTerms:
    """The marketplace's terms; the defaults for one that is gone."""
    query = sa.select(MARKETPLACES.c.strike_points).where(MARKETPLACES.c.slug == marketplace)
    return StrikeTerms.of(connection.scalar(query) or {})


def strike(connection: sa.Connection, seller_pk: int, case_id: str, *, kind: str, points: float, at: datetime) -> bool:
    """Give the seller a strike for a case, or give back one that was taken back; False when it stands already."""
    known = connection.execute(sa.select(*_STRIKE).where(SELLER_STRIKES.c.case_id == case_id)).one_or_none()
    if known is None:
        values = {"id": new_id("str"), "seller_pk": seller_pk, "case_id": case_id, "kind": kind}
        connection.execute(sa.insert(SELLER_STRIKES).values(**values, points=points, at=at))
        return True
    if known.taken_back_at is None:
        return False
    again = {"points": points, "at": at, "taken_back_at": None, "taken_back_for": None}
    connection.execute(sa.update(SELLER_STRIKES).where(SELLER_STRIKES.c.case_id == case_id).values(again))
    return True


def take_back(connection: sa.Connection, case_id: str, because: str, at: datetime) -> bool:
    """Take back the strike of a case; False when there is none that stands."""
    stands = sa.and_(SELLER_STRIKES.c.case_id == case_id, SELLER_STRIKES.c.taken_back_at.is_(None))
    values = {"taken_back_at": at, "taken_back_for": because}
    return connection.execute(sa.update(SELLER_STRIKES).where(stands).values(values)).rowcount > 0


def strikes(connection: sa.Connection, seller_pk: int) -> list[Strike]:
    """Every strike of a seller, newest first, those taken back too."""
    query = sa.select(*_STRIKE).where(SELLER_STRIKES.c.seller_pk == seller_pk).order_by(SELLER_STRIKES.c.pk.desc())
    return [Strike(**row._mapping) for row in connection.execute(query)]


def restrictions(connection: sa.Connection, seller_pk: int) -> list[Restriction]:
    """Every restriction a seller ever had, newest first."""
    named = SELLER_RESTRICTIONS.c.seller_pk == seller_pk
    query = sa.select(*_RESTRICTION).where(named).order_by(SELLER_RESTRICTIONS.c.pk.desc())
    return [Restriction(**row._mapping) for row in connection.execute(query)]


def restrict(
    connection: sa.Connection,
    seller_pk: int,
    level: Level,
    *,
    points: float,
    reason: str,
    at: datetime,
    by_hand: bool = False,
    until: datetime | None = None,
) -> Restriction:
    """Begin a restriction."""
    values: dict[str, Any] = {"id": new_id("rst"), "seller_pk": seller_pk, "level": level, "points": points}
    values |= {"by_hand": by_hand, "reason": reason, "began_at": at, "until": until}
    row = connection.execute(sa.insert(SELLER_RESTRICTIONS).values(values).returning(*_RESTRICTION)).one()
    return Restriction(**row._mapping)


def end(connection: sa.Connection, restriction: Restriction, because: Ending, at: datetime) -> None:
    """End a restriction."""
    stands = sa.and_(SELLER_RESTRICTIONS.c.pk == restriction.pk, SELLER_RESTRICTIONS.c.ended_at.is_(None))
    values = {"ended_at": at, "ended_because": because}
    connection.execute(sa.update(SELLER_RESTRICTIONS).where(stands).values(values))


def mark_appealed(connection: sa.Connection, restrictions: Sequence[Restriction], at: datetime) -> None:
    """Note that the seller appealed against these; the first time counts."""
    named = SELLER_RESTRICTIONS.c.pk.in_([one.pk for one in restrictions if one.appealed_at is None])
    connection.execute(sa.update(SELLER_RESTRICTIONS).where(named).values(appealed_at=at))


def note(
    connection: sa.Connection,
    seller: Seller,
    acting: Acting,
    action: str,
    *,
    reason: str,
    details: dict[str, Any],
    at: datetime,
) -> None:
    """Keep who did what about a seller, and why."""
    values = {"id": new_id("act"), "seller_pk": seller.pk, "action": action, "reason": reason, "details": details}
    values |= {"actor_role": acting.role, "actor_id": acting.id, "at": at}
    connection.execute(sa.insert(SELLER_ACTIONS).values(values))


def actions(
    connection: sa.Connection, seller_pk: int, *, action: str | None = None, limit: int = ACTIONS_SHOWN
) -> list[Action]:
    """What people did about a seller, newest first."""
    query = sa.select(*_ACTION).where(SELLER_ACTIONS.c.seller_pk == seller_pk)
    if action is not None:
        query = query.where(SELLER_ACTIONS.c.action == action)
    query = query.order_by(SELLER_ACTIONS.c.pk.desc()).limit(limit)
    return [Action(**row._mapping) for row in connection.execute(query)]


def in_force(connection: sa.Connection, after: int, limit: int) -> list[Seller]:
    """Sellers under a restriction, by primary key after `after`."""
    under = sa.select(SELLER_RESTRICTIONS.c.seller_pk).where(SELLER_RESTRICTIONS.c.ended_at.is_(None))
    query = sa.select(SELLERS.c.pk, SELLERS.c.marketplace, SELLERS.c.seller_id)
    query = query.where(SELLERS.c.pk > after, SELLERS.c.pk.in_(under)).order_by(SELLERS.c.pk).limit(limit)
    return [Seller(row.pk, row.marketplace, row.seller_id) for row in connection.execute(query)]
