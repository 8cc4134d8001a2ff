"""Claims in SQL: made, decided, counted, each on the caller's transaction."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from service.standing.tables import CLAIMS
from service.standing.values import Figures, Outcome


def make(connection: sa.Connection, brand_id: str, reason: str, subject_id: str, at: datetime) -> None:
    """Note that the brand claims this; once for each subject."""
    known = connection.scalar(sa.select(CLAIMS.c.pk).where(CLAIMS.c.subject_id == subject_id))
    if known is None:
        values = {"brand_id": brand_id, "reason": reason, "subject_id": subject_id, "made_at": at, "countered": False}
        connection.execute(sa.insert(CLAIMS).values(values))


def decide(
    connection: sa.Connection, subject_id: str, outcome: Outcome | None, counts_from: datetime, *, countered: bool
) -> bool:
    """Note what became of a claim, None for open again; whether there is such a claim."""
    values = {"outcome": outcome, "counts_from": None if outcome is None else counts_from, "countered": countered}
    return connection.execute(sa.update(CLAIMS).where(CLAIMS.c.subject_id == subject_id).values(values)).rowcount > 0


def count(connection: sa.Connection, brand_id: str, now: datetime, window: timedelta) -> dict[str, Figures]:
    """The figures of a brand by reason code: claims that began to count within `window` before `now`."""
    reason, outcome, countered = CLAIMS.c.reason, CLAIMS.c.outcome, CLAIMS.c.countered
    counts = sa.and_(CLAIMS.c.counts_from > now - window, CLAIMS.c.counts_from <= now)
    settled = sa.case((counts, outcome), else_=None).label("settled")
    still = sa.or_(counts, outcome.is_(None), CLAIMS.c.counts_from > now)
    query = sa.select(reason, settled, countered, sa.func.count()).where(CLAIMS.c.brand_id == brand_id, still)
    found: dict[str, Figures] = {}
    for name, decided, was_countered, number in connection.execute(query.group_by(reason, settled, countered)):
        found[name] = _add(found.get(name, Figures()), decided, was_countered, number)
    return found


def unfounded(connection: sa.Connection, brand_id: str, since: datetime, now: datetime) -> tuple[int, int]:
    """How many of a brand's claims were rejected after `since`, and how many decided, over all reasons."""
    counts = (CLAIMS.c.brand_id == brand_id, CLAIMS.c.counts_from > since, CLAIMS.c.counts_from <= now)
    query = sa.select(CLAIMS.c.outcome, sa.func.count()).where(*counts).group_by(CLAIMS.c.outcome)
    found = {row[0]: row[1] for row in connection.execute(query)}
    rejected = found.get("rejected", 0)
    return rejected, rejected + found.get("upheld", 0)


def _add(figures: Figures, outcome: str | None, countered: bool, number: int) -> Figures:
    decided = number if outcome in ("upheld", "rejected") else 0
    return Figures(
        decided=figures.decided + decided,
        upheld=figures.upheld + (number if outcome == "upheld" else 0),
        countered=figures.countered + (number if decided and countered else 0),
        withdrawn=figures.withdrawn + (number if outcome == "withdrawn" else 0),
        pending=figures.pending + (number if outcome is None else 0),
    )
