"""The service as the demo runs it: its own process on a free loopback port with a data directory of its own.

Place in the flow: under `service.demo.run`, which talks to it over HTTP as any client would.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from service.errors import ServiceError

START_TIMEOUT = 180.0
"""Seconds the service may take to be ready; loading the model on a cold disk is most of it."""


class ServiceDied(ServiceError):
    """The service that was started ended, or never became ready; the message ends with what it said last."""

    slug, title = "service-died", "The service did not run"


@contextlib.contextmanager
def running_service(data_dir: Path, *, operator_key: str) -> Iterator[str]:
    """Start the service, wait until it is ready, give its URL; stop it and wait for its end on the way out."""
    port, log = free_port(), data_dir / "service.log"
    data_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "service", "serve", "--host", "127.0.0.1", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRANDWARDEN_")}
    environment["BRANDWARDEN_OPERATOR_KEY"] = operator_key
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter with fixed arguments
            [*command, "--data-dir", str(data_dir)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_ready(url, process, log)
        yield url
    finally:
        stop(process)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServiceDied(f"The service ended with status {process.returncode} before it was ready:\n{_tail(log)}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=10, trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise ServiceDied(f"The service was not ready after {START_TIMEOUT:.0f} seconds:\n{_tail(log)}")


def stop(process: subprocess.Popen[bytes], patience: float = 30) -> None:
    """Ask the process to end, and end it after `patience` seconds."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
