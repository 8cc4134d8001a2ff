"""`brandwarden serve` as a real process, for tests that start, signal and kill it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0


class Process:
    """The service on a free port with its data in `folder`, and its output in a file; `run_by` is put before it."""

    def __init__(self, folder: Path, *, run_by: tuple[str, ...] = (), **environment: str) -> None:
        self.output = folder / "output.txt"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BRANDWARDEN_")}
        with self.output.open("w") as output:
            self.popen = subprocess.Popen(
                [*run_by, sys.executable, "-m", "service", "serve", "--port", "0", "--data-dir", str(folder / "data")],
                cwd=ROOT,
                env={**kept, "OMP_NUM_THREADS": "1", **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_for(self, pattern: str) -> str:
        """The first group of `pattern` as soon as the output has it."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := re.search(pattern, self.output.read_text()):
                return found[1]
            if self.popen.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"{pattern!r} did not come:\n{self.output.read_text()}")

    def client(self) -> httpx.Client:
        """A client of it, once it listens."""
        address = self.wait_for(r"Brandwarden on (http://\S+)")
        return httpx.Client(base_url=address, trust_env=False, timeout=PATIENCE)

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()


def wait_until_ready(client: httpx.Client) -> list[int]:
    """The statuses of `/readyz` up to the first 200."""
    until, seen = time.monotonic() + PATIENCE, []
    while not seen or seen[-1] != 200:
        assert time.monotonic() < until, seen
        answer = client.get("/readyz")
        seen.append(answer.status_code)
        if answer.status_code == 503:
            assert answer.json()["reason"] in ("starting", "canary")
            assert answer.headers["retry-after"].isdigit()
        time.sleep(0.02)
    return seen
