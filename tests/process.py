"""The service as a process of its own, started as a user starts it, so that it can be killed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx

OPERATOR_KEY = "bw_operator_of_the_process_tests"
ROOT = Path(__file__).resolve().parent.parent


class Served:
    """One running process. `client` calls as the operator."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address
        self.client = httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}, timeout=60, trust_env=False
        )

    def kill(self) -> None:
        """SIGKILL: nothing of the process gets to say goodbye."""
        self.process.kill()
        self.process.wait(30)

    def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@contextlib.contextmanager
def served(data_dir: Path, log: IO[str], **settings: str) -> Iterator[Served]:
    """Start on a free port with the shipped model; ready when the block begins, gone when it ends."""
    environment = {
        **os.environ,
        "BRANDWARDEN_OPERATOR_KEY": OPERATOR_KEY,
        "PYTHONUNBUFFERED": "1",
        **{f"BRANDWARDEN_{name.upper()}": value for name, value in settings.items()},
    }
    command = [sys.executable, "-m", "service", "serve", "--port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        running = Served(process, _address(process))
        with contextlib.closing(running.client):
            _wait_until_ready(running)
            yield running
    finally:
        process.kill()
        process.wait(30)
        process.stdout.close()


def _address(process: subprocess.Popen[str]) -> str:
    for line in process.stdout:
        if line.startswith("Brandwarden on "):
            return line.split()[-1]
    raise AssertionError(f"the service ended with {process.wait(30)} before it said where it is")


def _wait_until_ready(running: Served) -> None:
    while running.client.get("/readyz").status_code != 200:
        assert running.process.poll() is None, "the service ended while starting"
        time.sleep(0.1)
