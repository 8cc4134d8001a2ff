"""What the load client does when it is refused, and when an answer never comes."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from benchmarks.speed import client
from benchmarks.speed.client import Load, Plan
from benchmarks.speed.splicing import ROW
from benchmarks.speed.supply import SHAPES, SPARE


@pytest.fixture
def supply(tmp_path):
    shown = Image.fromarray(np.zeros((SHAPES["plain"][1] + SPARE * ROW, 32, 3), np.uint8))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", subsampling="4:2:0", restart_marker_rows=1)
    length = (tmp_path / "supply.bin").write_bytes(buffer.getvalue())
    entry = {"kind": "plain", "start": 0, "length": length, "reference": ""}
    (tmp_path / "supply.json").write_text(json.dumps({"source": "black", "entries": [entry]}))
    return tmp_path


@contextlib.contextmanager
def answering(statuses):
    """A server that answers with these statuses in turn, the last one from then on; None hangs."""
    over, turns = threading.Event(), iter(statuses)
    last, lock = [200], threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                last[0] = status = next(turns, last[0])
            if status is None:
                over.wait()
                return
            body = b'{"decision": "accept", "matches": []}'
            self.send_response(status)
            if status == 503:
                self.send_header("Retry-After", "1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def loaded(url, supply, **plan):
    answers = Load(Plan(url, "key", str(supply), "plain", connections=1, **plan)).run()["answers"]
    return list(zip(answers["number"], answers["status"], strict=True))


def test_a_refused_listing_is_sent_again_after_the_time_it_was_told(supply):
    with answering([503, 200]) as url:
        assert loaded(url, supply, seconds=30, count=2) == [(0, 503), (0, 200), (1, 200)]


def test_when_the_time_is_over_nothing_more_is_taken(supply):
    with answering([200]) as url:
        numbers = [number for number, _ in loaded(url, supply, seconds=0.2)]
    assert numbers == list(range(len(numbers)))


def test_a_load_that_breaks_says_so(supply):
    with answering([200]) as url, pytest.raises(ValueError, match="more entries"):
        loaded(url, supply, seconds=30, first=10_000_000)


def test_an_open_load_goes_on_with_the_next(supply):
    with answering([503, 200]) as url:
        assert loaded(url, supply, seconds=30, count=2, rate=1000) == [(0, 503), (1, 200)]


def test_an_answer_that_never_comes_ends_with_the_load(supply, monkeypatch):
    monkeypatch.setattr(client, "GRACE", 0.2)
    with answering([200, None]) as url:
        assert loaded(url, supply, seconds=0.3, count=3, rate=1000) == [(0, 200), (1, 0), (2, 0)]
