"""A handler's side of a running job: progress, row errors, and when to stop.

`service.jobs` makes a context for each claim of a job and hands it to the handler; what it records goes through
`service.job_rows`. It starts no threads.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from service.job_rows import Job, JobRows, RowError
from service.problems import describe

_FLUSH_SECONDS = 0.5


class JobCancelled(Exception):
    """Raised by `checkpoint` and `advance` when somebody cancelled the job; handlers let it pass."""


class JobInterrupted(Exception):
    """The process is stopping or lost the job to another one; handlers let it pass."""


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
        document = told(problem) if isinstance(problem, Exception) else problem
        self._errors.append(RowError(row, None if file is None else storable(file), document))
        self.error_count += 1

    def warn(self, row: int | None, file: str | None, problem: Exception) -> None:
        """Report what is odd about a row that was done; written with the next `advance`."""
        self._errors.append(RowError(row, None if file is None else storable(file), told(problem), warning=True))

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


def storable(text: str) -> str:
    """`text` without what a database refuses: zero characters and halves of characters."""
    return text.replace("\x00", "").encode(errors="replace").decode()


def told(error: Exception) -> dict[str, Any]:
    """The problem document of `error`, without the id of a request, for there is none."""
    return {name: value for name, value in describe(error).document().items() if name != "request_id"}
