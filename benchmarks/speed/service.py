"""The service as a process of its own, watched from outside: memory and core time once a second, and its metrics.

Place in the flow: `parts` starts it on a copy of the catalogue and sends load to it.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from service.demo.server import free_port, stop

ROOT = Path(__file__).resolve().parents[2]
_SAMPLE = re.compile(r"^(brandwarden_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_PATIENCE = 300.0


@dataclass(slots=True)
class Sample:
    """Once a second: seconds since the watch began, and resident MiB."""

    at: list[float] = field(default_factory=list)
    rss_mib: list[float] = field(default_factory=list)


class Service:
    """A running service; `url` and `key` say how to reach it, `ready_after` how many seconds it took."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, key: str, ready_after: float) -> None:
        self.url, self.key, self.ready_after = url, key, ready_after
        self._process = psutil.Process(process.pid)

    def core_seconds(self) -> float:
        """What the process and its children took of the cores so far."""
        return sum(sum(one.cpu_times()[:2]) for one in self._family())

    def rss_mib(self) -> float:
        """Resident memory of the process and its children now."""
        return float(sum(one.memory_info().rss for one in self._family())) / (1 << 20)

    def metrics(self) -> dict[str, float]:
        """Every sample of `/metrics` by `name` or `name{labels}`."""
        status, body = get(self.url, "/metrics", self.key)
        if status != 200:
            raise RuntimeError(f"/metrics answered {status}")
        return {
            name + (f"{{{labels}}}" if labels else ""): float(value) for name, labels, value in _SAMPLE.findall(body)
        }

    @contextlib.contextmanager
    def watched(self) -> Iterator[Sample]:
        """Sample once a second while the block runs."""
        sample, over = Sample(), threading.Event()
        started = time.perf_counter()

        def watch() -> None:
            while True:
                sample.at.append(round(time.perf_counter() - started, 2))
                sample.rss_mib.append(round(self.rss_mib(), 1))
                if over.wait(1.0):
                    return

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield sample
        finally:
            over.set()
            thread.join()

    def settle(self, seconds: float = 60.0) -> None:
        """Wait until it does nothing by itself any more: less than a twentieth of a core for two seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            before = self.core_seconds()
            time.sleep(2.0)
            if self.core_seconds() - before < 0.1:
                return

    def _family(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]


@contextlib.contextmanager
def serving(data_dir: Path, key: str | None = None) -> Iterator[Service]:
    """`brandwarden serve` on `data_dir` and a free loopback port, ready; stopped when the block ends.

    `key` is the operator's; a new one unless it is given. References are not compared with those of other brands, as
    after an import: many of a catalogue's show the same picture and would be held, one after another, during the load.
    """
    port = free_port()
    key, url = key or f"bw_operator_{secrets.token_hex(16)}", f"http://127.0.0.1:{port}"
    environ = {**os.environ, "BRANDWARDEN_OPERATOR_KEY": key, "BRANDWARDEN_COMPARE_SECONDS": "0"}
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--data-dir", str(data_dir)]
    with (data_dir / "serve.log").open("ab") as log:
        started = time.perf_counter()
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log, cwd=ROOT)
    try:
        _wait_until_ready(url, process)
        yield Service(process, url, key, time.perf_counter() - started)
    finally:
        stop(process, 60)


def get(url: str, path: str, key: str = "") -> tuple[int, str]:
    """Status and body of a GET; OSError where nothing listens."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with code {process.returncode}; see serve.log in its data directory")
        with contextlib.suppress(OSError, http.client.HTTPException):
            if get(url, "/readyz")[0] == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the service was not ready within {_PATIENCE:.0f} s")
