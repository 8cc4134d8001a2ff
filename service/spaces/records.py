"""Spaces in SQL: their states, how one leads to another, and the history of both.

Owns every statement on `spaces` and `space_events`. A move checks the state it starts from in the transaction that
makes it, so two operators, or two processes, cannot both make it. It loads no model.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from indexes.database import Database, utc_now
from indexes.errors import NotFound
from service.errors import StateConflict
from service.spaces.tables import SPACE_EVENTS, SPACES
from vision.embedding import Space as VectorSpace

SpaceStatus: TypeAlias = Literal["preparing", "ready", "shadow", "active", "retired", "failed"]
CANDIDATES: frozenset[SpaceStatus] = frozenset({"preparing", "ready", "shadow"})


@dataclass(frozen=True, slots=True)
class Space:
    """One row. `setting` and `previous` mean something while it is active, `share` while it is in shadow."""

    pk: int
    id: str
    model: str
    status: SpaceStatus
    photo_dim: int
    logo_dim: int
    calibration: str
    calibrated: bool
    setting: str | None
    previous: str | None
    job_id: str | None
    problem: dict[str, Any] | None
    gate: dict[str, Any] | None
    share: float
    created_at: datetime
    changed_at: datetime

    @property
    def vector_space(self) -> VectorSpace:
        """The identity of its vectors."""
        return VectorSpace(self.id, self.model, self.photo_dim, self.logo_dim)


@dataclass(frozen=True, slots=True)
class SpaceEvent:
    """A space came into `status`: by whom (a key's id, or `service`), and why where a reason was given."""

    status: SpaceStatus
    by: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """What a loaded model is, as the row says it."""

    id: str
    model: str
    photo_dim: int
    logo_dim: int
    calibration: str
    calibrated: bool


_COLUMNS = tuple(SPACES.c[field.name] for field in dataclasses.fields(Space))
_ACTIVE = SPACES.c.status == "active"


class SpaceRecords:
    """The two tables. Every write is durable when its method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Space]:
        """Every space, the newest first."""
        with self._database.read() as connection:
            rows = connection.execute(sa.select(*_COLUMNS).order_by(SPACES.c.pk.desc()))
            return [Space(**row._mapping) for row in rows]

    def get(self, space_id: str) -> Space:
        """One space; `NotFound`."""
        with self._database.read() as connection:
            return _one(connection, SPACES.c.id == space_id)

    def active(self) -> Space | None:
        """The space that judges; None in a database that no service has served yet."""
        with self._database.read() as connection:
            return _active(connection)

    def events(self, space: Space) -> list[SpaceEvent]:
        """Its history, the newest first."""
        columns = (SPACE_EVENTS.c[field.name] for field in dataclasses.fields(SpaceEvent))
        query = sa.select(*columns).where(SPACE_EVENTS.c.space_pk == space.pk).order_by(SPACE_EVENTS.c.pk.desc())
        with self._database.read() as connection:
            return [SpaceEvent(**row._mapping) for row in connection.execute(query)]

    def begin(self, made: Identity, by: str) -> Space:
        """A candidate that is being prepared: a new row, or one that had failed or was retired.

        `StateConflict` while it serves, or while another candidate is being tried.
        """
        with self._database.write() as connection:
            for row in _locked(connection):
                if row.id == made.id and row.status == "active":
                    raise StateConflict(f"{made.model} is the space {made.id}, which serves already.")
                if row.status in CANDIDATES:
                    raise StateConflict(
                        f"The space {row.id} ({row.model}) is {row.status}; promote or delete it first.",
                        existing_id=row.id,
                    )
            values = {"status": "preparing", "problem": None, "gate": None, "job_id": None, "share": 0.0}
            return _move(connection, _put(connection, made), by, None, **values)

    def note_job(self, space_id: str, job_id: str) -> None:
        """Remember which job prepares it."""
        with self._database.write() as connection:
            connection.execute(sa.update(SPACES).where(SPACES.c.id == space_id).values(job_id=job_id))

    def move(
        self,
        space_id: str,
        status: SpaceStatus,
        *,
        since: Collection[SpaceStatus],
        by: str,
        reason: str | None = None,
        **values: Any,
    ) -> Space:
        """Bring a space from one of the states `since` into `status`; `StateConflict` from any other, `NotFound`."""
        with self._database.write() as connection:
            _locked(connection)
            space = _one(connection, SPACES.c.id == space_id)
            _check(space, since)
            return _move(connection, space, by, reason, status=status, **values)

    def note_gate(self, space_id: str, gate: dict[str, Any]) -> None:
        """Keep the report of a gate."""
        with self._database.write() as connection:
            connection.execute(sa.update(SPACES).where(SPACES.c.id == space_id).values(gate=gate))

    def activate(self, space_id: str, *, instead_of: str, setting: str, by: str, reason: str | None) -> Space:
        """Let a complete space judge, and retire the one that did: both or neither.

        `StateConflict` when the space is not complete or another than `instead_of` is active by now.
        """
        with self._database.write() as connection:
            _locked(connection)
            space, old = _one(connection, SPACES.c.id == space_id), _one(connection, _ACTIVE)
            _check(space, {"ready", "shadow", "retired"})
            if old.id != instead_of:
                raise StateConflict(f"The space {old.id} became active meanwhile; look again before you change it.")
            _move(connection, old, by, f"replaced by {space_id}", status="retired")
            told = {"status": "active", "setting": setting, "share": 0.0, "previous": old.id}
            return _move(connection, space, by, reason, **told)

    def go_back(self, space_id: str, *, setting: str, by: str, reason: str | None) -> Space:
        """Retire the active space `space_id` and let the one before it judge again; `StateConflict` without one."""
        with self._database.write() as connection:
            _locked(connection)
            space = _one(connection, SPACES.c.id == space_id)
            _check(space, {"active"})
            before = _one(connection, SPACES.c.id == predecessor(space))
            _check(before, {"retired"})
            _move(connection, space, by, f"rolled back to {before.id}", status="retired")
            return _move(connection, before, by, reason, status="active", setting=setting)

    def configure(self, made: Identity, setting: str) -> Space:
        """Let the space that the settings name judge: the first start, or a model setting changed by hand.

        Another space that served before cannot be rolled back to: the settings no longer say what they said then.
        """
        try:
            return self._configure(made, setting)
        except IntegrityError:  # another process began at the same moment
            return self._configure(made, setting)

    def _configure(self, made: Identity, setting: str) -> Space:
        previous = None
        with self._database.write() as connection:
            _locked(connection)
            old = _active(connection)
            if old is not None and old.id == made.id:
                if old.setting == setting:
                    return old
                previous = old.previous
            elif old is not None:
                _move(connection, old, "settings", f"the settings name {made.model}", status="retired")
            told = {"status": "active", "setting": setting, "previous": previous, "share": 0.0, "problem": None}
            return _move(connection, _put(connection, made), "settings", None, **told)

    def delete(self, space_id: str) -> Space:
        """Forget a space that does not judge; `StateConflict` for the one that does, `NotFound`."""
        with self._database.write() as connection:
            _locked(connection)
            space = _one(connection, SPACES.c.id == space_id)
            _check(space, CANDIDATES | {"retired", "failed"})
            connection.execute(sa.update(SPACES).where(SPACES.c.previous == space_id).values(previous=None))
            connection.execute(sa.delete(SPACES).where(SPACES.c.pk == space.pk))
        return space

    def hold_fill(self, space_id: str, token: str, lease: timedelta) -> bool:
        """Whether `token` alone may embed what a space lacks, for the time of `lease`."""
        free = sa.or_(SPACES.c.fill_until.is_(None), SPACES.c.fill_until < utc_now(), SPACES.c.fill_token == token)
        held = {"fill_token": token, "fill_until": utc_now() + lease}
        with self._database.write() as connection:
            changed = connection.execute(sa.update(SPACES).where(SPACES.c.id == space_id, free).values(**held))
        return bool(changed.rowcount)


def predecessor(space: Space) -> str:
    """The space a rollback of `space` returns to; `StateConflict` where there is none."""
    if space.previous is None:
        raise StateConflict(f"No space served before {space.id} that could be gone back to; promote one instead.")
    return space.previous


def _locked(connection: sa.Connection) -> list[Any]:
    """Every row, held until the commit: moves follow one another."""
    return list(connection.execute(sa.select(SPACES).order_by(SPACES.c.pk).with_for_update()))


def _active(connection: sa.Connection) -> Space | None:
    row = connection.execute(sa.select(*_COLUMNS).where(_ACTIVE)).one_or_none()
    return None if row is None else Space(**row._mapping)


def _one(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> Space:
    row = connection.execute(sa.select(*_COLUMNS).where(condition)).one_or_none()
    if row is None:
        raise NotFound("There is no such space.")
    return Space(**row._mapping)


def _check(space: Space, since: Collection[SpaceStatus]) -> None:
    if space.status not in since:
        raise StateConflict(
            f"The space {space.id} is {space.status}; this takes one that is {' or '.join(sorted(since))}."
        )


def _put(connection: sa.Connection, made: Identity) -> Space:
    """The row of a model, made where there is none."""
    told = dataclasses.asdict(made)
    changed = connection.execute(sa.update(SPACES).where(SPACES.c.id == made.id).values(**told))
    if not changed.rowcount:
        now = utc_now()
        first = {"status": "preparing", "share": 0.0, "created_at": now, "changed_at": now}
        connection.execute(sa.insert(SPACES).values(**told, **first))
    return _one(connection, SPACES.c.id == made.id)


def _move(connection: sa.Connection, space: Space, by: str, reason: str | None, **values: Any) -> Space:
    now = utc_now()
    connection.execute(sa.update(SPACES).where(SPACES.c.pk == space.pk).values(**values, changed_at=now))
    event = {"space_pk": space.pk, "status": values["status"], "by": by, "reason": reason, "at": now}
    connection.execute(sa.insert(SPACE_EVENTS).values(**event))
    return _one(connection, SPACES.c.pk == space.pk)
