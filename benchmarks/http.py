"""Listings a second and latency over HTTP, against the same pipeline called in-process.

The service runs as a real process on loopback, the load client as a second one; both share the machine's cores, and the
client's share is printed. Then the same kind of pictures go through `Runtime` in this process, with as many callers.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

import httpx

from benchmarks.load import REFERENCE_SEED
from benchmarks.machine import Figures, Targets, percentile
from benchmarks.pictures import jpegs, listings, source_name
from service.listings import ImageSource, ListingInput
from service.runtime import Runtime
from service.settings import Settings

TARGETS: Targets = {
    "http_over_in_process": (">=", 0.85),
    "p50_ms": ("<=", 150.0),
    "p99_ms": ("<=", 600.0),
    "reference_matched_after_s": ("<=", 1.0),
}


@contextlib.contextmanager
def serving(data_dir: Path, key: str) -> Iterator[str]:
    """A `brandwarden serve` process on a free loopback port, ready; its base URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "BRANDWARDEN_OPERATOR_KEY": key}
    command = [sys.executable, "-m", "service", "serve", "--port", str(port), "--data-dir", str(data_dir)]
    with (data_dir / "serve.log").open("ab") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Block until `/readyz` answers 200; RuntimeError when the process ends or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended with code {process.returncode}; see serve.log")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz", timeout=10).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError("the service did not become ready")


def fill_catalogue(client: httpx.Client, pictures: Iterator[bytes]) -> float:
    """Upload reference photos one by one; seconds from the last 201 to its first match."""
    brand = client.post("/v1/brands", json={"name": "Bench"}).raise_for_status().json()["id"]
    last = b""
    for last in pictures:
        client.post(
            f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": ("a.jpg", last, "image/jpeg")}
        ).raise_for_status()
    acknowledged = time.perf_counter()
    while time.perf_counter() - acknowledged < 30:
        answer = client.post("/v1/search", data={"kind": "photo"}, files={"image": ("a.jpg", last, "image/jpeg")})
        if answer.raise_for_status().json()["matches"]:
            return time.perf_counter() - acknowledged
    raise RuntimeError("a new reference was not matched within 30 s")


def run_load(url: str, key: str, count: int, clients: int, *, seed: int, references: int) -> dict[str, object]:
    """One load process from start to end."""
    command = [sys.executable, "-m", "benchmarks.load", "--url", url, "--key", key]
    command += ["--count", str(count), "--clients", str(clients), "--seed", str(seed)]
    command += ["--references", str(references)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def run_in_process(data_dir: Path, pictures: list[bytes], callers: int, warm_up: int = 40) -> float:
    """Listings a second through the pipeline and the listing store of a `Runtime` here, with `callers` threads.

    The first `warm_up` pictures are not timed, as the service has its own before the load.
    """
    with contextlib.closing(Runtime.open(Settings.from_env(data_dir=data_dir))) as runtime:
        _judge_all(runtime, pictures[:warm_up], callers)
        timed = pictures[warm_up:]
        return len(timed) / _judge_all(runtime, timed, callers)


def _judge_all(runtime: Runtime, pictures: list[bytes], callers: int) -> float:
    queue: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
    for numbered in enumerate(pictures):
        queue.put(numbered)

    def work() -> None:
        with contextlib.suppress(Empty):
            while True:
                number, picture = queue.get_nowait()
                runtime.listings.judge(ListingInput(listing_id=f"in-{number}", images=(ImageSource(data=picture),)))

    threads = [threading.Thread(target=work) for _ in range(callers)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def measure(count: int = 400, clients: int = 4, references: int = 200) -> Figures:
    """All HTTP figures, in one run on one data directory."""
    key = f"bench-{secrets.token_hex(16)}"
    catalogue = list(jpegs("references", references, 800, REFERENCE_SEED))
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder)
        with serving(data_dir, key) as url:
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
                visible_after = fill_catalogue(client, iter(catalogue))
            run_load(url, key, 40, clients, seed=2, references=references)
            load = run_load(url, key, count, clients, seed=3, references=references)
        pictures = [picture for picture, _ in listings(count + 40, 800, 4, catalogue)]
        in_process = run_in_process(data_dir, pictures, clients)
    latencies = [1000 * value for value in load["latencies"]]  # type: ignore[attr-defined]  # JSON of our own client
    seconds = float(str(load["seconds"]))
    client_share = float(str(load["client_cpu_seconds"])) / seconds / (os.cpu_count() or 1)
    return {
        "pictures": source_name(),
        "references": references,
        "clients": clients,
        "listings": count,
        "statuses": load["statuses"],
        "copies_sent": load["copies"],
        "flagged": load["flagged"],
        "listings_per_second": round(count / seconds, 1),
        "in_process_per_second": round(in_process, 1),
        "http_over_in_process": round(count / seconds / in_process, 3),
        "p50_ms": round(percentile(latencies, 0.50), 1),
        "p95_ms": round(percentile(latencies, 0.95), 1),
        "p99_ms": round(percentile(latencies, 0.99), 1),
        "load_client_share_of_cores": round(client_share, 3),
        "reference_matched_after_s": round(visible_after, 3),
    }
