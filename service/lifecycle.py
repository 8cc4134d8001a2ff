"""Starting, ready, draining, failed: the state of one serving process and the runtime it holds.

The HTTP side binds at once and the runtime opens in a thread beside it, so that `/healthz` answers while models and
indexes load. A drain refuses new work, lets what is in flight finish, and only then closes the runtime.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

from service.errors import Overloaded
from service.metrics import Metrics
from service.runtime import Runtime

State = Literal["starting", "ready", "draining", "failed"]
_LOG = logging.getLogger("brandwarden.lifecycle")
_ADMITTED: contextvars.ContextVar[bool] = contextvars.ContextVar("admitted", default=False)
"""Whether the request being answered began while the service was ready."""
_STATES: tuple[State, ...] = ("starting", "ready", "draining", "failed")


class Lifecycle:
    """Owns the state. `open_runtime` is called once, in a thread, unless a `runtime` that is open is handed in.

    A runtime that was handed in stays the caller's to close.
    """

    def __init__(
        self, open_runtime: Callable[[Metrics], Runtime], *, runtime: Runtime | None = None, drain_timeout: float = 20.0
    ) -> None:
        self.metrics = Metrics() if runtime is None else runtime.metrics
        self.failure: Exception | None = None
        self.in_flight = 0
        self._open_runtime = open_runtime
        self._runtime = runtime
        self._owned = runtime is None
        self._drain_timeout = drain_timeout
        self._drain_until: float | None = None
        self._opener: threading.Thread | None = None
        self._closed = False
        self._enter("starting" if runtime is None else "ready")

    @property
    def runtime(self) -> Runtime:
        """The open runtime; `Overloaded` while starting or failed, and in a drain for whoever came after it began."""
        open_to_caller = self.state == "ready" or (self.state == "draining" and _ADMITTED.get())
        if not open_to_caller or self._runtime is None:
            raise Overloaded(self.why_not_ready(), retry_after=5 if self.state == "starting" else 10)
        return self._runtime

    def why_not_ready(self) -> str:
        """One sentence for a person or a load balancer."""
        match self.state:
            case "starting":
                return "The service is starting: models and indexes are being loaded; try again in a few seconds."
            case "draining":
                return "The service is draining before it stops; send to another instance or try again."
            case "failed":
                return "The service could not start; its log says why."
            case "ready":
                return "The service is ready."

    def start(self) -> None:
        """Begin to open the runtime in the background."""
        if self._runtime is None and self._opener is None:
            self._opener = threading.Thread(target=self._open, name="runtime-opener")
            self._opener.start()

    def drain(self) -> None:
        """Refuse new work from now on; what is in flight goes on."""
        if self.state in ("starting", "ready"):
            self._drain_until = time.monotonic() + self._drain_timeout
            self._enter("draining")

    def drain_seconds_left(self) -> float:
        """What is left of the time a drain may take; all of it while there is none."""
        if self._drain_until is None:
            return self._drain_timeout
        return max(0.0, self._drain_until - time.monotonic())

    def close(self) -> None:
        """Drain, then close the runtime if it is ours. Called once no request is in flight."""
        self.drain()
        if self._opener is not None:
            self._opener.join()
        if self._owned and self._runtime is not None and not self._closed:
            self._closed = True
            self._runtime.close(drain=self.drain_seconds_left())

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Count one request while it is being answered. One that began in time may finish through a drain."""
        admitted = _ADMITTED.set(self.state == "ready")
        self.in_flight += 1
        self.metrics.in_flight.set(self.in_flight)
        try:
            yield
        finally:
            _ADMITTED.reset(admitted)
            self.in_flight -= 1
            self.metrics.in_flight.set(self.in_flight)

    def _open(self) -> None:
        try:
            self._runtime = self._open_runtime(self.metrics)
        except Exception as error:  # noqa: BLE001  # kept, logged and told by the state: the process decides to end
            self.failure = error
            _LOG.critical("could not start: %s", error, exc_info=error)
            self._enter("failed")
            return
        if self.state == "starting":
            self._enter("ready")
            _LOG.info("ready")

    def _enter(self, state: State) -> None:
        self.state: State = state
        for name in _STATES:
            self.metrics.state.labels(name).set(float(name == state))
