"""The queue of the desk: tasks by harm, confidence and clock.

Place in the flow: the page `/desk` asks for it. The rank is the harm of all cases of a task together, times the
highest confidence, times urgency: a task gains one for every day it waits, and the more the nearer its deadline is.
One grouped query ranks every case that waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.database import Database, utc_now
from service.cases.tables import CASES
from service.desk.tables import DESK_TASK_CASES, DESK_TASKS
from service.errors import Missing

Waiting: TypeAlias = Literal["review", "seller", "ended"]
_DAY: Final = 86400.0
_LIVE: Final = ("open", "in_review", "counter_noticed")
_MOST_CASES: Final = 1000


@dataclass(frozen=True, slots=True)
class Task:
    """Near-identical listings that wait for one decision. `lead` is the id of its oldest case."""

    id: str
    marketplace: str
    brand_id: str
    brand: str
    kind: str
    listings: int
    confidence: float
    harm: float
    since: datetime
    deadline: datetime | None
    lead: str
    rank: float


@dataclass(frozen=True, slots=True)
class TaskCase:
    """One case of a task, as much as its line on the desk shows."""

    id: str
    listing_id: str
    seller_id: str | None
    state: str
    evidence_version: int
    confidence: float
    deadline: datetime | None


class Queue:
    """The tasks of one database."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._clock = database, clock

    def tasks(
        self,
        *,
        waiting: Waiting = "review",
        kind: str | None = None,
        brand_id: str | None = None,
        marketplace: str | None = None,
        limit: int = 50,
    ) -> tuple[list[Task], int]:
        """The `limit` most urgent tasks, and how many wait in all."""
        wanted = [_waits(waiting)]
        for column, value in (("kind", kind), ("brand_id", brand_id), ("marketplace", marketplace)):
            if value is not None:
                wanted.append(CASES.c[column] == value)
        query = _grouped(wanted, self._clock())
        with self._database.read() as connection:
            groups = connection.execute(query.limit(limit)).all()
            return _told(connection, groups), groups[0].waiting if groups else 0

    def cases(self, task_id: str, *, waiting: Waiting | None = None) -> list[TaskCase]:
        """The cases of a task, oldest first, a thousand at most; `Missing` when there is no such task."""
        columns = ("id", "listing_id", "seller_id", "state", "evidence_version", "confidence", "deadline")
        query = sa.select(*(CASES.c[name] for name in columns)).select_from(_TASKS).where(DESK_TASKS.c.id == task_id)
        if waiting is not None:
            query = query.where(_waits(waiting))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(CASES.c.pk).limit(_MOST_CASES)).all()
            if not rows and connection.scalar(sa.select(DESK_TASKS.c.pk).where(DESK_TASKS.c.id == task_id)) is None:
                raise Missing
        return [TaskCase(*row) for row in rows]

    def task_of(self, case_id: str) -> str | None:
        """The id of the task a case belongs to."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(DESK_TASKS.c.id).select_from(_TASKS).where(CASES.c.id == case_id))

    def picture_of(self, case_id: str) -> str | None:
        """SHA-256 of the listing's picture that a case is about, as far as it is known."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(CASES.c.image_sha256).where(CASES.c.id == case_id))


def rank_of(
    harm: sa.ColumnElement[float],
    confidence: sa.ColumnElement[float],
    since: sa.ColumnElement[datetime],
    deadline: sa.ColumnElement[datetime | None],
    now: datetime,
) -> sa.ColumnElement[float]:
    """Harm times confidence times urgency, as SQL."""
    moment = now.timestamp()
    waited = (moment - sa.extract("epoch", since)) / _DAY
    due = sa.extract("epoch", deadline)
    pressing = sa.case((deadline.is_(None), 0.0), (due <= moment, 4 / 0.25), else_=4 / (0.25 + (due - moment) / _DAY))
    return harm * confidence * (1.0 + sa.case((waited > 0, waited), else_=0.0) + pressing)


def _waits(waiting: Waiting) -> sa.ColumnElement[bool]:
    """For a person of ours: what is new, what was answered, what was disputed. For the seller: held, no proof yet."""
    answered = sa.and_(CASES.c.state == "held", CASES.c.proofs > 0)
    if waiting == "review":
        return sa.or_(CASES.c.state.in_(_LIVE), answered)
    if waiting == "seller":
        return sa.and_(CASES.c.state == "held", CASES.c.proofs == 0)
    return CASES.c.state.not_in((*_LIVE, "held"))


_JOINED: Final = DESK_TASK_CASES.join(CASES, CASES.c.pk == DESK_TASK_CASES.c.case_pk)
_TASKS: Final = _JOINED.join(DESK_TASKS, DESK_TASKS.c.pk == DESK_TASK_CASES.c.task_pk)


def _grouped(wanted: Sequence[sa.ColumnElement[bool]], now: datetime) -> sa.Select[*tuple[Any, ...]]:
    task_pk = DESK_TASK_CASES.c.task_pk
    confidence, harm = sa.func.max(CASES.c.confidence), sa.func.sum(DESK_TASK_CASES.c.harm)
    since, deadline = sa.func.min(CASES.c.opened_at), sa.func.min(CASES.c.deadline)
    rank = rank_of(harm, confidence, since, deadline, now).label("rank")
    lead, waiting = sa.func.min(CASES.c.pk).label("lead_pk"), sa.func.count().over().label("waiting")
    told = (confidence.label("confidence"), harm.label("harm"), since.label("since"), deadline.label("deadline"))
    query = sa.select(sa.func.count().label("listings"), *told, lead, waiting, rank).select_from(_JOINED).where(*wanted)
    return query.group_by(task_pk).order_by(rank.desc(), task_pk)


def _told(connection: sa.Connection, groups: Sequence[Any]) -> list[Task]:
    columns = (CASES.c.id, CASES.c.marketplace, CASES.c.brand_id, BRANDS.c.name, CASES.c.kind)
    query = (
        sa.select(CASES.c.pk, *columns, DESK_TASKS.c.id.label("task_id"))
        .join(BRANDS, BRANDS.c.id == CASES.c.brand_id)
        .join(DESK_TASK_CASES, DESK_TASK_CASES.c.case_pk == CASES.c.pk)
        .join(DESK_TASKS, DESK_TASKS.c.pk == DESK_TASK_CASES.c.task_pk)
        .where(CASES.c.pk.in_([group.lead_pk for group in groups]))
    )
    leads = {row.pk: row for row in connection.execute(query)}
    return [
        Task(
            id=lead.task_id,
            marketplace=lead.marketplace,
            brand_id=lead.brand_id,
            brand=lead.name,
            kind=lead.kind,
            listings=group.listings,
            confidence=group.confidence,
            harm=float(group.harm),
            since=group.since,
            deadline=group.deadline,
            lead=lead.id,
            rank=float(group.rank),
        )
        for group in groups
        for lead in (leads[group.lead_pk],)
    ]
