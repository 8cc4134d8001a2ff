"""How long a message takes from its commit to the endpoint, and what an outbox costs the transaction it is put into.

An endpoint on loopback, one process, an otherwise idle service on SQLite. Run it with `python -m benchmarks webhooks`.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks.machine import Figures, Targets
from indexes.database import Database
from service.sealing import Sealer
from service.settings import Settings
from service.webhooks import Webhooks

TARGETS: Targets = {"delivered_p95_ms": ("<=", 1000.0)}
_PAYLOAD = {"listing_id": "A-1", "matches": [{"reasons": ["the same photograph"] * 8}] * 4}


class _Endpoint(ThreadingHTTPServer):
    """Notes when each request came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came: list[float] = []
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: _Endpoint

    def do_POST(self) -> None:
        self.server.came.append(time.perf_counter())
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: Any) -> None:
        pass


def measure(messages: int = 200) -> Figures:
    """One message at a time for the delay, then as many at once for the rate."""
    with tempfile.TemporaryDirectory(prefix="bw-bench-") as name:
        database = Database(f"sqlite:///{Path(name) / 'bench.db'}")
        database.create_all()
        endpoint = _Endpoint()
        settings = Settings(data_dir=Path(name), fetch_allow=("127.0.0.1",))
        webhooks = Webhooks(settings, database, Sealer(b"of the benchmark"), events=("listing.decided",))
        try:
            idle = _put_milliseconds(database, webhooks, messages)
            webhooks.create(f"http://127.0.0.1:{endpoint.server_address[1]}/", ["listing.decided"])
            webhooks.start()
            delays = [_delay(database, webhooks, endpoint) for _ in range(messages)]
            rate = _rate(database, webhooks, endpoint, messages)
        finally:
            webhooks.close()
            endpoint.shutdown()
            database.close()
    ordered = sorted(delays)
    return {
        "messages": messages,
        "delivered_p50_ms": round(statistics.median(ordered), 1),
        "delivered_p95_ms": round(ordered[int(0.95 * len(ordered))], 1),
        "delivered_max_ms": round(ordered[-1], 1),
        "delivered_per_second": round(rate, 1),
        "put_where_nobody_listens_ms": round(idle, 3),
    }


def _put(database: Database, webhooks: Webhooks, count: int = 1) -> None:
    with database.write() as connection:
        for _ in range(count):
            webhooks.outbox.put(connection, "listing.decided", "default", _PAYLOAD, decision="review")


def _put_milliseconds(database: Database, webhooks: Webhooks, count: int) -> float:
    """What one `put` adds to a transaction."""
    with database.write() as connection:
        began = time.perf_counter()
        for _ in range(count):
            webhooks.outbox.put(connection, "listing.decided", "default", _PAYLOAD, decision="review")
        return (time.perf_counter() - began) / count * 1000


def _delay(database: Database, webhooks: Webhooks, endpoint: _Endpoint) -> float:
    """Milliseconds from the commit to the request's arrival."""
    before = len(endpoint.came)
    _put(database, webhooks)
    committed = time.perf_counter()
    while len(endpoint.came) == before:
        time.sleep(0.0005)
    arrived = endpoint.came[before]
    time.sleep(0.05)
    return (arrived - committed) * 1000


def _rate(database: Database, webhooks: Webhooks, endpoint: _Endpoint, count: int) -> float:
    before, began = len(endpoint.came), time.perf_counter()
    _put(database, webhooks, count)
    while len(endpoint.came) < before + count:
        time.sleep(0.001)
    return count / (time.perf_counter() - began)
