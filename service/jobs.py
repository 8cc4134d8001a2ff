"""Long work: started over HTTP or the command line, done in threads, resumed after a restart.

Whoever knows a kind of work registers a handler; the handler gets a `JobContext`, goes on from `context.cursor`,
reports rows that failed and keeps calling `advance`. A job with row errors still succeeds; one whose handler raises
fails with that problem. Two processes never work on one job: see `service.job_rows`. It knows no kind of work itself.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from indexes.database import Database
from indexes.errors import DatabaseAway, IndexesError
from indexes.ids import new_id
from indexes.paging import Page
from service.errors import ServiceError
from service.job_context import JobCancelled, JobContext, JobInterrupted, told
from service.job_rows import MAX_ATTEMPTS, Job, JobRows, RowError, State
from vision.errors import VisionError

__all__ = ["Job", "JobCancelled", "JobContext", "JobInterrupted", "Jobs", "RowError", "State"]
_LOG = logging.getLogger("brandwarden.jobs")


class Starter(Protocol):
    """What a job remembers of the principal that started it."""

    @property
    def key_id(self) -> str:
        """Id of the API key."""

    @property
    def brand_id(self) -> str | None:
        """The brand the key belongs to, if any."""


Handler = Callable[[JobContext], None]
Ended = Callable[[Job], None]


class Jobs:
    """Starts, shows, cancels and (between `open` and `close`) works on jobs."""

    def __init__(
        self, database: Database, *, workers: int = 2, lease_seconds: float = 15.0, poll_seconds: float = 1.0
    ) -> None:
        self._rows = JobRows(database)
        self._workers = workers
        self._lease = timedelta(seconds=lease_seconds)
        self._poll = poll_seconds
        self._handlers: dict[str, Handler] = {}
        self._ended_hooks: dict[str, Ended] = {}
        self._running: dict[str, JobContext] = {}  # by lease token
        self._lock = threading.Lock()
        self._wake = threading.Condition()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._keeper: threading.Thread | None = None

    def register(self, kind: str, handler: Handler, *, ended: Ended | None = None) -> None:
        """Let `handler` do the jobs of `kind`, and call `ended` once one has ended in any way; before `open`."""
        self._handlers[kind] = handler
        if ended is not None:
            self._ended_hooks[kind] = ended

    def start(self, kind: str, owner: Starter | None, params: dict[str, Any]) -> Job:
        """Queue a job; `owner` may see and cancel it."""
        job = self._rows.add(
            kind, params, key_id=owner.key_id if owner else None, brand_id=owner.brand_id if owner else None
        )
        with self._wake:
            self._wake.notify()
        return job

    def get(self, job_id: str) -> Job:
        """The job as it is now; `NotFound`."""
        return self._rows.get(job_id)

    def errors(self, job: Job, limit: int = 1000) -> list[RowError]:
        """Its first row errors."""
        return self._rows.errors(job, limit)

    def warnings(self, job: Job, limit: int = 1000) -> list[RowError]:
        """The first rows that were done though something about them is odd."""
        return self._rows.errors(job, limit, warnings=True)

    def list(self, owner: Starter | None, limit: int, cursor: str | None = None) -> Page[Job]:
        """Newest first: the owner's (and its brand's), or everybody's when `owner` is None."""
        return self._rows.list(
            key_id=owner.key_id if owner else None,
            brand_id=owner.brand_id if owner else None,
            limit=limit,
            cursor=cursor,
        )

    def unfinished(self, kind: str) -> Sequence[Job]:
        """Jobs of `kind` that are queued or running, in any process."""
        return self._rows.unfinished(kind)

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state that has any."""
        return self._rows.counts()

    def cancel(self, job_id: str) -> Job:
        """Ask a job to end; one that has ended stays as it is."""
        was_queued = self._rows.request_cancel(job_id)
        job = self._rows.get(job_id)
        if was_queued:
            self._call_ended(job)
        with self._lock:
            mine = [context for context in self._running.values() if context.job.pk == job.pk]
        for context in mine:
            context.note(cancelled=job.cancel_requested, lost=False)
        return job

    def open(self) -> None:
        """Begin to work, unfinished jobs of earlier processes first."""
        for number in range(self._workers):
            self._threads.append(threading.Thread(target=self._work, name=f"job-{number}"))
        self._keeper = threading.Thread(target=self._keep_leases, name="job-leases")
        for thread in (*self._threads, self._keeper):
            thread.start()

    def close(self) -> None:
        """Interrupt what runs at its next checkpoint and give it back; it goes on when a process opens again."""
        self._stopping.set()
        with self._wake:
            self._wake.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        self._ended.set()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None

    def _work(self) -> None:
        while not self._stopping.is_set():
            token = new_id("run")
            try:
                job = self._rows.claim(tuple(self._handlers), token, self._lease)
            except Exception:  # noqa: BLE001  # a database that is away for a while must not end the worker
                _LOG.exception("jobs cannot be claimed")
                job = None
            if job is not None:
                self._run(job, token)
                continue
            with self._wake:
                if not self._stopping.is_set():
                    self._wake.wait(self._poll)

    def _run(self, job: Job, token: str) -> None:
        context = JobContext(job, self._rows, token, self._stopping)
        with self._lock:
            self._running[token] = context
        context.note(cancelled=job.cancel_requested, lost=False)
        try:
            self._finish(context, token, *self._outcome(context))
        except Exception:  # noqa: BLE001  # the job stays leased and is taken up again once the database answers
            _LOG.exception("job %s could not be recorded", job.id)
        finally:
            with self._lock:
                del self._running[token]

    def _outcome(self, context: JobContext) -> tuple[State, dict[str, Any] | None]:
        try:
            if self._rows.attempts(context.job) > MAX_ATTEMPTS:
                raise ServiceError("The job ended its process several times and was given up.")
            context.checkpoint()
            self._handlers[context.job.kind](context)
        except JobInterrupted:
            return "queued", None
        except JobCancelled:
            return "cancelled", None
        except DatabaseAway as error:
            _LOG.warning("job %s waits: %s", context.job.id, error)
            return "running", None
        except (ServiceError, VisionError, IndexesError) as error:
            return "failed", told(error)
        except Exception as error:  # noqa: BLE001  # a handler's bug fails its job, not the worker
            _LOG.exception("job %s failed", context.job.id)
            return "failed", told(error)
        return "succeeded", None

    def _finish(self, context: JobContext, token: str, state: State, problem: dict[str, Any] | None) -> None:
        job = context.job
        if state == "running":
            return  # its lease runs out, and whoever reaches the database first goes on
        try:
            context.flush()
        except JobInterrupted:
            return  # another process has it
        if state == "queued":
            self._rows.release(job, token)
            return
        self._rows.finish(job, token, state, problem)
        self._call_ended(job)
        _LOG.info("job %s %s", job.id, state, extra={"kind": job.kind})

    def _call_ended(self, job: Job) -> None:
        if job.kind in self._ended_hooks:
            self._ended_hooks[job.kind](job)

    def _keep_leases(self) -> None:
        while not self._ended.wait(self._lease.total_seconds() / 5):
            with self._lock:
                running = dict(self._running)
            if not running:
                continue
            try:
                held = self._rows.renew(tuple(running), self._lease)
            except Exception:  # noqa: BLE001  # as above; the lease outlives a short absence
                _LOG.exception("job leases cannot be renewed")
                continue
            for token, context in running.items():
                context.note(cancelled=held.get(token, False), lost=token not in held)
