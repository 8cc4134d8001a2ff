"""The rows behind long work: tables `jobs` and `job_errors`, and every statement on them.

Whoever works on a job holds a lease, named by a token, and renews it; when its process dies, the lease runs out and
another takes the job from its cursor. Progress, cursor and row errors of a stretch of work are written in one
transaction, so that nothing is counted or reported twice. What jobs do, and in which thread, is `service.jobs`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from indexes.database import METADATA, BigKey, Database, Json, UtcDateTime, utc_now
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
MAX_ATTEMPTS = 5
"""Times in a row a job may take its process down before it is given up."""

_JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("id", sa.String(40), nullable=False, unique=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("key_id", sa.String(64), index=True),
    sa.Column("brand_id", sa.String(40), index=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("params", Json, nullable=False),
    sa.Column("cursor", Json),
    sa.Column("done", sa.Integer, nullable=False, default=0),
    sa.Column("total", sa.Integer),
    sa.Column("error_count", sa.Integer, nullable=False, default=0),
    sa.Column("problem", Json),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, default=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("lease_token", sa.String(40)),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
)
_ERRORS = sa.Table(
    "job_errors",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("job_pk", BigKey, sa.ForeignKey("jobs.pk", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("row", sa.Integer),
    sa.Column("file", sa.Text),
    sa.Column("problem", Json, nullable=False),
    sa.Column("warning", sa.Boolean, nullable=False, default=False),  # the row was done all the same
)
_UNFINISHED = ("queued", "running")


@dataclass(frozen=True, slots=True)
class RowError:
    """What went wrong with one row of the work, or with a `warning` what is odd about it though it was done.

    `problem` is a problem document or a sentence.
    """

    row: int | None
    file: str | None
    problem: dict[str, Any] | str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of long work. `done` counts failed rows too; `cursor` is where it goes on after a restart."""

    pk: int
    id: str
    kind: str
    key_id: str | None
    brand_id: str | None
    state: State
    params: dict[str, Any]
    cursor: Any
    done: int
    total: int | None
    error_count: int
    problem: dict[str, Any] | None
    cancel_requested: bool
    created_at: datetime
    finished_at: datetime | None

    @property
    def is_finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state not in _UNFINISHED


class JobRows:
    """Every statement on the two tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state that has any."""
        query = sa.select(_JOBS.c.state, sa.func.count()).group_by(_JOBS.c.state)
        with self._database.read() as connection:
            return {str(row[0]): int(row[1]) for row in connection.execute(query)}

    def add(self, kind: str, params: dict[str, Any], *, key_id: str | None, brand_id: str | None) -> Job:
        """A queued job."""
        job_id = new_id("job")
        values = {"id": job_id, "kind": kind, "params": params, "state": "queued", "created_at": utc_now()}
        with self._database.write() as connection:
            connection.execute(_JOBS.insert().values(**values, key_id=key_id, brand_id=brand_id))
        return self.get(job_id)

    def get(self, job_id: str) -> Job:
        """`NotFound` when there is none."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(_JOBS).where(_JOBS.c.id == job_id)).one_or_none()
        if row is None:
            raise NotFound("no such job")
        return _job(row)

    def errors(self, job: Job, limit: int, *, warnings: bool = False) -> list[RowError]:
        """The first `limit` row errors, or warnings instead, in the order they were met."""
        query = sa.select(_ERRORS).where(_ERRORS.c.job_pk == job.pk, _ERRORS.c.warning == warnings)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(_ERRORS.c.pk).limit(limit))
            return [RowError(row.row, row.file, row.problem, row.warning) for row in rows]

    def list(self, *, key_id: str | None, brand_id: str | None, limit: int, cursor: str | None) -> Page[Job]:
        """Newest first; those of a key or brand, or all when both are None."""
        query = sa.select(_JOBS).order_by(_JOBS.c.pk.desc()).limit(limit + 1)
        mine = [column == value for column, value in ((_JOBS.c.key_id, key_id), (_JOBS.c.brand_id, brand_id)) if value]
        if mine:
            query = query.where(sa.or_(*mine))
        if cursor is not None:
            query = query.where(_JOBS.c.pk < decode_cursor(cursor))
        with self._database.read() as connection:
            jobs = [_job(row) for row in connection.execute(query)]
        return Page(jobs[:limit], encode_cursor(jobs[limit - 1].pk) if len(jobs) > limit else None)

    def claim(self, kinds: Collection[str], token: str, lease: timedelta) -> Job | None:
        """Take the oldest job that nobody works on; of a brand whose other job runs, only when there is no other."""
        others = _JOBS.alias()
        is_served = (
            sa.exists()
            .where(others.c.brand_id == _JOBS.c.brand_id, others.c.state == "running", others.c.lease_until > utc_now())
            .correlate(_JOBS)
        )
        free = sa.or_(_JOBS.c.lease_until.is_(None), _JOBS.c.lease_until < utc_now())
        oldest = (
            sa.select(_JOBS.c.pk, _JOBS.c.id)
            .where(_JOBS.c.state.in_(_UNFINISHED), _JOBS.c.kind.in_(kinds), free)
            .order_by(is_served, _JOBS.c.pk)
            .limit(1)
        )
        with self._database.read() as connection:
            if connection.execute(oldest).first() is None:
                return None
        with self._database.write() as connection:
            found = connection.execute(oldest.with_for_update(skip_locked=True)).first()
            if found is None:
                return None
            held = {"lease_token": token, "lease_until": utc_now() + lease, "attempts": _JOBS.c.attempts + 1}
            connection.execute(_JOBS.update().where(_JOBS.c.pk == found.pk).values(state="running", **held))
        return self.get(found.id)

    def attempts(self, job: Job) -> int:
        """How often the job was claimed since it last got on."""
        with self._database.read() as connection:
            return int(connection.execute(sa.select(_JOBS.c.attempts).where(_JOBS.c.pk == job.pk)).scalar_one())

    def renew(self, tokens: Collection[str], lease: timedelta) -> dict[str, bool]:
        """Hold on to the jobs of `tokens`; each that is still held, with whether its cancellation was asked for."""
        held = _JOBS.update().where(_JOBS.c.lease_token.in_(tokens), _JOBS.c.state == "running")
        with self._database.write() as connection:
            rows = connection.execute(
                held.values(lease_until=utc_now() + lease).returning(_JOBS.c.lease_token, _JOBS.c.cancel_requested)
            )
            return {row.lease_token: row.cancel_requested for row in rows}

    def record(
        self, job: Job, token: str, *, done: int, total: int | None, cursor: Any, errors: Sequence[RowError]
    ) -> bool:
        """Write a stretch of work; False (and nothing written) when the lease is somebody else's by now."""
        values = {"done": done, "total": total, "cursor": cursor, "attempts": 0}
        with self._database.write() as connection:
            changed = connection.execute(
                _JOBS.update()
                .where(_JOBS.c.pk == job.pk, _JOBS.c.lease_token == token)
                .values(**values, error_count=_JOBS.c.error_count + sum(not error.warning for error in errors))
            )
            if changed.rowcount and errors:
                rows = [{"job_pk": job.pk, **dataclasses.asdict(error)} for error in errors]
                connection.execute(_ERRORS.insert(), rows)
        return bool(changed.rowcount)

    def finish(self, job: Job, token: str, state: State, problem: dict[str, Any] | None = None) -> None:
        """End a job that `token` holds."""
        values = {"state": state, "problem": problem, "finished_at": utc_now(), "lease_token": None}
        with self._database.write() as connection:
            connection.execute(
                _JOBS.update().where(_JOBS.c.pk == job.pk, _JOBS.c.lease_token == token).values(**values)
            )

    def release(self, job: Job, token: str) -> None:
        """Put a job back so that the next process goes on with it at once."""
        values = {"state": "queued", "lease_token": None, "lease_until": None, "attempts": 0}
        with self._database.write() as connection:
            connection.execute(
                _JOBS.update().where(_JOBS.c.pk == job.pk, _JOBS.c.lease_token == token).values(**values)
            )

    def unfinished(self, kind: str) -> Sequence[Job]:
        """Queued and running jobs of `kind`."""
        query = sa.select(_JOBS).where(_JOBS.c.kind == kind, _JOBS.c.state.in_(_UNFINISHED))
        with self._database.read() as connection:
            return [_job(row) for row in connection.execute(query)]

    def request_cancel(self, job_id: str) -> bool:
        """A queued job is cancelled at once (True), a running one when its worker notices."""
        with self._database.write() as connection:
            mine = _JOBS.update().where(_JOBS.c.id == job_id)
            connection.execute(mine.where(_JOBS.c.state == "running").values(cancel_requested=True))
            queued = mine.where(_JOBS.c.state == "queued")
            ended = connection.execute(queued.values(cancel_requested=True, state="cancelled", finished_at=utc_now()))
        return bool(ended.rowcount)


def _job(row: sa.Row[Any]) -> Job:
    return Job(
        pk=row.pk,
        id=row.id,
        kind=row.kind,
        key_id=row.key_id,
        brand_id=row.brand_id,
        state=row.state,
        params=row.params,
        cursor=row.cursor,
        done=row.done,
        total=row.total,
        error_count=row.error_count,
        problem=row.problem,
        cancel_requested=row.cancel_requested,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
