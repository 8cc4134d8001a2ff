"""Serve the application with uvicorn until a signal says stop; what `brandwarden serve` runs.

A first SIGTERM or SIGINT drains: `/readyz` turns 503, new work is refused, what is in flight finishes, then the
listener closes, the runtime closes (snapshot included) and the process ends with 0. A second signal does not wait.
"""

from __future__ import annotations

import functools
import logging
import os
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

from service.app import create_app
from service.lifecycle import Lifecycle
from service.logs import set_up_logs
from service.protocol import GuardedProtocol
from service.runtime import Runtime
from service.settings import Settings

LINGER = 0.5
"""Seconds a draining process goes on answering, so that a load balancer sees `/readyz` turn."""
KEEP_ALIVE = 20
HEADER_BYTES = 32 * 1024
_SWITCH_SECONDS = 0.0002
"""How long a thread may keep others from Python. A refusal comes back to the event loop some four times, and with five
threads at work on pictures the usual 5 ms each would be what it waits for. Less than this gains nothing more."""
_PRINT = functools.partial(print, flush=True)
_NOT_WAITED = 1
"""Exit code after a second signal."""


class DrainingServer(uvicorn.Server):
    """A server that drains before it closes its listener, and ends when the runtime cannot be opened."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, announce: Callable[[str], None]) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._announce = announce
        self._linger_until: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, and say where."""
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._announce(f"Brandwarden on http://{f'[{host}]' if ':' in host else host}:{port}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  # uvicorn's signature
        """Drain at the first signal, stop at the second."""
        if self._linger_until is not None:
            self.should_exit = self.force_exit = True
            return
        self._linger_until = time.monotonic() + LINGER
        self._lifecycle.drain()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: is it time to go?"""
        now = time.monotonic()
        if self._lifecycle.state == "failed":
            self.should_exit = True
        elif self._linger_until is not None and now >= self._linger_until:
            self.should_exit = self._lifecycle.in_flight == 0 or self._lifecycle.drain_seconds_left() <= 0
        return await super().on_tick(counter)


def serve(settings: Settings, *, announce: Callable[[str], None] = _PRINT) -> int:
    """Serve until stopped; the exit code. `announce` is told the address and, once, a new operator key."""
    set_up_logs(settings.log_format)
    sys.setswitchinterval(_SWITCH_SECONDS)

    def show_operator_key(runtime: Runtime) -> None:
        if (secret := runtime.keys.ensure_operator()) is not None:
            announce(f"Operator key, shown this once: {secret}")

    app = create_app(settings, on_open=show_operator_key)
    lifecycle: Lifecycle = app.state.lifecycle
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=GuardedProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=2,
    )
    server = DrainingServer(config, lifecycle, announce)
    server.run()
    if server.force_exit:  # the threads of the runtime would be waited for; what was acknowledged is on disk
        logging.shutdown()
        os._exit(_NOT_WAITED)
    if lifecycle.failure is not None:
        announce(f"Brandwarden could not start: {lifecycle.failure}")
        return 1
    return 0
