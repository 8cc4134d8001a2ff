"""Standings and their events in SQL, each on the caller's transaction."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from indexes.brands import BRANDS
from service.standing.tables import STANDING_EVENTS, STANDINGS
from service.standing.values import Event, Figures, Standing, StandingEvent

EVENTS_SHOWN: Final = 50
_STALE: Final = timedelta(hours=1)
_COUNTS: Final = tuple(field.name for field in dataclasses.fields(Figures))


def lock(connection: sa.Connection, brand_id: str) -> None:
    """Let nobody else work out this brand's standing until the transaction ends."""
    connection.execute(sa.select(BRANDS.c.pk).where(BRANDS.c.id == brand_id).with_for_update(key_share=True))


def of_brand(connection: sa.Connection, brand_id: str) -> list[Standing]:
    """The brand's standings as they were last worked out."""
    rows = connection.execute(sa.select(STANDINGS).where(STANDINGS.c.brand_id == brand_id))
    return [_standing(row) for row in rows]


def write(connection: sa.Connection, brand_id: str, standing: Standing, now: datetime) -> None:
    """Keep a standing; the brand is held."""
    values = {
        "lane": standing.lane,
        "since": standing.since,
        "until": standing.until,
        "figures": standing.figures.as_json(),
        "computed_at": now,
    }
    named = sa.and_(STANDINGS.c.brand_id == brand_id, STANDINGS.c.reason == standing.reason)
    if connection.execute(sa.update(STANDINGS).where(named).values(values)).rowcount == 0:
        connection.execute(sa.insert(STANDINGS).values(**values, brand_id=brand_id, reason=standing.reason))


def due(connection: sa.Connection, now: datetime, limit: int) -> list[str]:
    """Brands whose standing was not worked out for an hour, longest ago first."""
    last = sa.func.min(STANDINGS.c.computed_at)
    query = sa.select(STANDINGS.c.brand_id).group_by(STANDINGS.c.brand_id).having(last <= now - _STALE)
    return list(connection.scalars(query.order_by(last).limit(limit)))


def note(connection: sa.Connection, event: StandingEvent) -> None:
    """Keep what happened."""
    connection.execute(sa.insert(STANDING_EVENTS).values(dataclasses.asdict(event)))


def events(connection: sa.Connection, brand_id: str | None, limit: int = EVENTS_SHOWN) -> list[StandingEvent]:
    """What happened last to a brand, or to any; newest first."""
    query = sa.select(STANDING_EVENTS).order_by(STANDING_EVENTS.c.pk.desc()).limit(limit)
    if brand_id is not None:
        query = query.where(STANDING_EVENTS.c.brand_id == brand_id)
    return [_event(row) for row in connection.execute(query)]


def last(connection: sa.Connection, brand_id: str, event: Event) -> datetime | None:
    """When `event` last happened to a brand."""
    query = sa.select(STANDING_EVENTS.c.at).where(
        STANDING_EVENTS.c.brand_id == brand_id, STANDING_EVENTS.c.event == event
    )
    return connection.scalar(query.order_by(STANDING_EVENTS.c.pk.desc()).limit(1))


def _standing(row: Any) -> Standing:
    figures = Figures(**{name: row.figures[name] for name in _COUNTS})
    return Standing(row.reason, row.lane, row.since, row.until, figures)


def _event(row: Any) -> StandingEvent:
    return StandingEvent(row.brand_id, row.reason, row.event, row.at, row.until, row.figures)
