"""An endpoint on loopback that keeps what it is sent and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

PATIENCE = 20.0


@dataclass(frozen=True)
class Request:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict:
        """The message, checked by the package that receivers use."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver(ThreadingHTTPServer):
    """On a free port. `answer` gives the status of a request; it may wait."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        self.answer: Callable[[Request], int] = lambda _request: 204
        self.released = threading.Event()
        self._came = threading.Condition()
        self._requests: list[Request] = []
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def requests(self) -> list[Request]:
        with self._came:
            return list(self._requests)

    def keep(self, request: Request) -> None:
        with self._came:
            self._requests.append(request)
            self._came.notify_all()

    def wait(self, count: int) -> list[Request]:
        """The first `count` requests, as soon as there are so many."""
        with self._came:
            assert self._came.wait_for(lambda: len(self._requests) >= count, PATIENCE), self._requests
            return self._requests[:count]

    def end(self) -> None:
        self.released.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_arguments) -> None:
        pass


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = Request(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        self.server.keep(request)
        status = self.server.answer(request)
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments):
        pass
