"""Long work: started over HTTP or the command line, done in threads, resumed after a restart.

Whoever knows a kind of work registers a handler; the handler gets a `JobContext`, goes on from `context.cursor`,
reports rows that failed and keeps calling `advance`. A job with row errors still succeeds; one whose handler raises
fails with that problem. Two processes never work on one job: see `service.job_rows`. It knows no kind of work itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from indexes.database import Database
from indexes.errors import IndexesError
from indexes.ids import new_id
from indexes.paging import Page
from service.errors import ServiceError
from service.job_rows import MAX_ATTEMPTS, Job, JobRows, RowError, State
from service.problems import describe
from vision.errors import VisionError

__all__ = ["Job", "JobCancelled", "JobContext", "JobInterrupted", "Jobs", "RowError", "State"]
_LOG = logging.getLogger("brandwarden.jobs")
_FLUSH_SECONDS = 0.5


class JobCancelled(Exception):
    """Raised by `checkpoint` and `advance` when somebody cancelled the job; handlers let it pass."""


class JobInterrupted(Exception):
    """The process is stopping or lost the job to another one; handlers let it pass."""


class Starter(Protocol):
    """What a job remembers of the principal that started it."""

    @property
    def key_id(self) -> str:
        """Id of the API key."""

    @property
    def brand_id(self) -> str | None:
        """The brand the key belongs to, if any."""


class JobContext:
    """A handler's side of a running job. Only the job's own thread may use it, except `cancelled`."""

    def __init__(self, job: Job, rows: JobRows, token: str, stopping: threading.Event) -> None:
        self.job = job
        self.done = job.done
        self.total = job.total
        self.cursor: Any = job.cursor
        self.error_count = job.error_count
        self._rows = rows
        self._token = token
        self._stopping = stopping
        self._cancel = threading.Event()
        self._lost = threading.Event()
        self._errors: list[RowError] = []
        self._flushed = time.monotonic()

    @property
    def params(self) -> dict[str, Any]:
        """What the job was started with."""
        return self.job.params

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked for the job to end."""
        return self._cancel.is_set()

    def error(self, row: int | None, file: str | None, problem: dict[str, Any] | str | Exception) -> None:
        """Report a row that failed; written with the next `advance`, which counts it as done."""
        told = _told(problem) if isinstance(problem, Exception) else problem
        self._errors.append(RowError(row, file, told))
        self.error_count += 1

    @property
    def ending(self) -> bool:
        """Whether the work should end, for threads of the handler that must not raise for it."""
        return self._lost.is_set() or self._stopping.is_set() or self.cancelled

    def advance(self, done: int, total: int | None = None, *, cursor: Any = None) -> None:
        """Progress: everything up to `cursor` (default `done`) is finished and never done again. Also a checkpoint."""
        self.done = done
        self.total = self.total if total is None else total
        self.cursor = done if cursor is None else cursor
        if time.monotonic() - self._flushed >= _FLUSH_SECONDS:
            self.flush()
        self.checkpoint()

    def checkpoint(self) -> None:
        """Raise `JobCancelled` or `JobInterrupted` when the work should end here."""
        if self._lost.is_set() or self._stopping.is_set():
            raise JobInterrupted
        if self.cancelled:
            raise JobCancelled

    def flush(self) -> None:
        """Write progress and errors now; `JobInterrupted` when another process has the job."""
        kept = self._rows.record(
            self.job, self._token, done=self.done, total=self.total, cursor=self.cursor, errors=self._errors
        )
        if not kept:
            raise JobInterrupted
        self._errors = []
        self._flushed = time.monotonic()

    def note(self, *, cancelled: bool, lost: bool) -> None:
        """What the lease keeper learned."""
        if cancelled:
            self._cancel.set()
        if lost:
            self._lost.set()


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
        self._token = new_id("run")
        self._running: dict[int, JobContext] = {}
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

    def cancel(self, job_id: str) -> Job:
        """Ask a job to end; one that has ended stays as it is."""
        was_queued = self._rows.request_cancel(job_id)
        job = self._rows.get(job_id)
        if was_queued:
            self._call_ended(job)
        with self._lock:
            if job.pk in self._running and job.cancel_requested:
                self._running[job.pk].note(cancelled=True, lost=False)
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
            try:
                job = self._rows.claim(tuple(self._handlers), self._token, self._lease)
            except Exception:  # noqa: BLE001  # a database that is away for a while must not end the worker
                _LOG.exception("jobs cannot be claimed")
                job = None
            if job is not None:
                self._run(job)
                continue
            with self._wake:
                if not self._stopping.is_set():
                    self._wake.wait(self._poll)

    def _run(self, job: Job) -> None:
        context = JobContext(job, self._rows, self._token, self._stopping)
        with self._lock:
            self._running[job.pk] = context
        context.note(cancelled=job.cancel_requested, lost=False)
        try:
            self._finish(context, *self._outcome(context))
        except Exception:  # noqa: BLE001  # the job stays leased and is taken up again once the database answers
            _LOG.exception("job %s could not be recorded", job.id)
        finally:
            with self._lock:
                del self._running[job.pk]

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
        except (ServiceError, VisionError, IndexesError) as error:
            return "failed", _told(error)
        except Exception as error:  # noqa: BLE001  # a handler's bug fails its job, not the worker
            _LOG.exception("job %s failed", context.job.id)
            return "failed", _told(error)
        return "succeeded", None

    def _finish(self, context: JobContext, state: State, problem: dict[str, Any] | None) -> None:
        job = context.job
        try:
            context.flush()
        except JobInterrupted:
            return  # another process has it
        if state == "queued":
            self._rows.release(job, self._token)
            return
        self._rows.finish(job, self._token, state, problem)
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
                held = self._rows.renew(self._token, self._lease)
            except Exception:  # noqa: BLE001  # as above; the lease outlives a short absence
                _LOG.exception("job leases cannot be renewed")
                continue
            for pk, context in running.items():
                context.note(cancelled=held.get(pk, False), lost=pk not in held)


def _told(error: Exception) -> dict[str, Any]:
    """The problem document of `error`, without the id of a request, for there is none."""
    return {name: value for name, value in describe(error).document().items() if name != "request_id"}
