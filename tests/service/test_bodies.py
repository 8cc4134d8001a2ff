"""Body caps, timeouts and forms, over real sockets and through the application."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from service import problems
from service.bodies import BodyLimits, FormLimits, body_cap, read_form
from service.lifecycle import Lifecycle
from service.settings import MIB, Settings
from service.spool import Spool


class Spooling:
    """The part of a runtime that forms need."""

    def __init__(self, spool):
        from service.metrics import Metrics

        self.spool = spool
        self.metrics = Metrics()


@pytest.fixture
def spool(tmp_path) -> Iterator[Spool]:
    opened = Spool(tmp_path / "spool", max_bytes=50 * MIB)
    yield opened
    opened.close()


@pytest.fixture
def app(settings, spool) -> FastAPI:
    """An application with one call that tells what it read, behind the body limits."""
    app = FastAPI()
    app.state.lifecycle = Lifecycle(lambda metrics: None, runtime=Spooling(spool))
    problems.install(app)

    @app.post("/v1/brands/b/references")
    async def tell(request: Request):
        async with read_form(request, FormLimits(file_bytes=5 * MIB, files=2, field_bytes=1000, fields=3)) as form:
            files = [[file.name, file.filename, file.size, file.sha256] for file in form.all_files]
            on_disk = [path.name for path in spool.folder.iterdir() if path.name != "lock"]
            return {"fields": form.fields, "files": files, "on_disk": len(on_disk)}

    @app.post("/v1/echo")
    async def echo(body: dict):
        return body

    app.add_middleware(BodyLimits, settings=settings)
    return app


@pytest.fixture
def client(app) -> Iterator[TestClient]:
    with TestClient(app) as opened:
        yield opened


PATH = "/v1/brands/b/references"


def test_a_form_is_read_with_its_files_hashed(client):
    import hashlib

    small, large = b"s" * 10, b"l" * (3 * MIB)
    answer = client.post(
        PATH, data={"kind": "photo", "title": "Größe"}, files=[("image", ("a.png", small)), ("b", large)]
    )
    assert answer.status_code == 200
    told = answer.json()
    assert told["fields"] == {"kind": "photo", "title": "Größe"}
    assert told["files"][0] == ["image", "a.png", 10, hashlib.sha256(small).hexdigest()]
    assert told["files"][1][2:] == [3 * MIB, hashlib.sha256(large).hexdigest()]
    assert told["on_disk"] == 1


def test_nothing_stays_in_the_spool(client, spool):
    client.post(PATH, files={"image": b"x" * (3 * MIB)})
    client.post(PATH, files={"image": b"x" * (6 * MIB)})
    assert [path.name for path in spool.folder.iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"files": {"image": b"x" * (5 * MIB + 1)}}, 413),
        ({"files": [("image", b"1"), ("image", b"2"), ("image", b"3")]}, 413),
        ({"files": {"image": b"1"}, "data": {"title": "t" * 1001}}, 413),
        ({"files": {"image": b"1"}, "data": {"a": "1", "b": "2", "c": "3", "d": "4"}}, 413),
        ({"json": {"image": "x"}}, 415),
        ({"content": b"--x\r\nbroken", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
        ({"content": b"", "headers": {"content-type": "multipart/form-data"}}, 400),
        ({"content": b"nonsense", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 400),
    ],
)
def test_what_breaks_the_limits_of_a_form_is_refused(client, parts, status):
    answer = client.post(PATH, **parts)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_an_upload_cut_short_is_refused(client):
    whole = client.build_request("POST", PATH, files={"image": b"x" * 100})
    cut = whole.read()[:-20]
    answer = client.post(PATH, content=cut, headers={"content-type": whole.headers["content-type"]})
    assert answer.status_code == 400


def test_every_route_has_a_cap(settings):
    assert body_cap(settings, "/v1/keys") == MIB
    assert body_cap(settings, "/nowhere") == MIB
    assert body_cap(settings, "/v1/search") == settings.image_max_bytes + MIB
    assert body_cap(settings, "/v1/listings") > settings.listing_max_bytes * 4 / 3
    assert body_cap(settings, "/v1/brands/brd_1/catalogs") > settings.catalog_max_bytes
    assert body_cap(settings, "/v1/listings/batch") is None


def test_a_declared_length_over_the_cap_is_refused(client):
    answer = client.post("/v1/echo", content=b'"' + b"x" * MIB + b'"')
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"


def test_a_chunked_body_over_the_cap_is_refused(client):
    answer = client.post("/v1/echo", content=(b"x" * 65536 for _ in range(17)))
    assert answer.status_code == 413


@contextmanager
def serving(app: FastAPI) -> Iterator[int]:
    """`app` in a real server on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def test_a_30_mb_upload_is_told_so_over_a_real_socket(app):
    with serving(app) as port:
        answer = httpx.post(f"http://127.0.0.1:{port}{PATH}", files={"image": b"x" * 30_000_000}, trust_env=False)
    assert answer.status_code == 413
    assert "22,020,096" in answer.json()["detail"]


def test_a_30_mb_upload_without_a_length_is_told_so_over_a_real_socket(app):
    with serving(app) as port:
        chunks = (b"x" * 100_000 for _ in range(300))
        answer = httpx.post(f"http://127.0.0.1:{port}/v1/echo", content=chunks, trust_env=False)
    assert answer.status_code == 413


@pytest.mark.parametrize("settings", [Settings(data_dir=Path("unused"), body_timeout=0.2)])
def test_a_sender_that_stalls_is_told_so_and_dropped(app):
    with serving(app) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as sender:
        sender.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        answer = b""
        while chunk := sender.recv(65536):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/body-timeout" in answer
