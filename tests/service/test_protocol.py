"""Connections that trickle, stall or speak no HTTP, against a real socket."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest
import uvicorn

from service.protocol import GuardedProtocol

PATIENCE = 20.0  # far beyond the deadline under test; only a failure waits so long


class ImpatientProtocol(GuardedProtocol):
    """For who sends nothing: whoever does could be held up for so long by a busy machine."""

    header_seconds = 0.2


class BriskProtocol(GuardedProtocol):
    """For who sends in time, and is told apart from who does not."""

    header_seconds = 1.0


async def answer(scope, receive, send):
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def answer_early(scope, receive, send):
    """Without reading the body."""
    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"7")]})
    await send({"type": "http.response.body", "body": b"no room"})


@pytest.fixture
def impatient():
    with served(answer, ImpatientProtocol) as address:
        yield address


@pytest.fixture
def address():
    with served(answer, BriskProtocol) as address:
        yield address


@pytest.fixture
def early():
    with served(answer_early, BriskProtocol) as address:
        yield address


@contextlib.contextmanager
def served(app, protocol):
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None)
    config.h11_max_incomplete_event_size = 8192
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join()


def connect(address) -> socket.socket:
    return socket.create_connection(address, timeout=PATIENCE)


def read_until(connection: socket.socket, last: bytes) -> None:
    received = b""
    while last not in received:
        chunk = connection.recv(65536)
        assert chunk
        received += chunk


def trickled(connection: socket.socket) -> bool:
    """Send a byte after a while; whether somebody is there to take it."""
    threading.Event().wait(0.05)
    try:
        connection.sendall(b"c")
    except OSError:
        return False
    return True


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_headers_that_do_not_come_end_the_connection(impatient, sent):
    with connect(impatient) as connection:
        connection.sendall(sent)
        assert read_all(connection) == b""


def test_half_open_connections_do_not_keep_others_out(address):
    waiting = [connect(address) for _ in range(50)]
    with connect(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(connection).endswith(b"ok")
    for connection in waiting:
        assert read_all(connection) == b""
        connection.close()


def test_a_slow_body_is_not_the_headers_business(address):
    with connect(address) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab")
        threading.Event().wait(2 * BriskProtocol.header_seconds)
        connection.sendall(b"cd")
        assert read_all(connection).endswith(b"ok")


def test_the_rest_of_a_body_that_was_answered_already_does_not_come_forever(early):
    with connect(early) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nab")
        read_until(connection, b"no room")
        assert not all(trickled(connection) for _ in range(int(PATIENCE / 0.05)))


def test_a_connection_is_used_again_after_an_early_answer(early):
    with connect(early) as connection:
        for _ in range(3):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n" + b"a" * 300_000)
            read_until(connection, b"no room")


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 20_000]
)
def test_what_is_not_http_gets_a_problem_document(address, sent):
    with connect(address) as connection:
        connection.sendall(sent)
        answer = read_all(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    assert b"/problems/malformed" in answer
