"""Body caps, timeouts and forms, over real sockets and through the application."""

from __future__ import annotations

import asyncio
import contextlib
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
from service.bodies import BodyLimits, body_cap
from service.forms import FormLimits, read_form
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
            on_disk = [path.name for path in spool.folder.glob("*") if path.name != "lock"]
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


def test_the_whole_service_refuses_a_30_mb_picture_and_goes_on(settings, tmp_path):
    from service.app import create_app
    from service.runtime import Runtime
    from tests.fakes import ThumbnailEmbedder

    runtime = Runtime.open(settings, embedder=ThumbnailEmbedder())
    headers = {"Authorization": f"Bearer {settings.operator_key}"}
    with TestClient(create_app(settings, runtime=runtime), headers=headers) as client:
        brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
        url = f"/v1/brands/{brand}/references"
        answer = client.post(url, files={"image": b"x" * 30_000_000}, data={"kind": "photo"})
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert client.post("/v1/keys", content=b"x" * (2 * MIB)).status_code == 413
        assert client.get("/healthz").status_code == 200
    runtime.close()


def test_a_disk_that_takes_no_more_is_told_and_nothing_stays(client, spool):
    spool.folder.joinpath("lock").unlink()
    spool.folder.rmdir()  # as gone as a disk can be
    answer = client.post(PATH, files={"image": b"x" * (3 * MIB)})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/storage-failed")
    assert answer.headers["retry-after"]
    assert client.post(PATH, files={"image": b"small"}).status_code == 200


def test_the_spool_is_bounded_for_all_requests_together(tmp_path, app, client):
    small = Spool(tmp_path / "other", max_bytes=2 * MIB)
    app.state.lifecycle.runtime.spool = small
    assert client.post(PATH, files={"image": b"x" * (3 * MIB)}).status_code == 503
    assert client.post(PATH, files={"image": b"x" * (3 * MIB // 2)}).status_code == 200
    small.close()


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    """Its directory is there but nobody holds the lock; that of a living process stays."""
    living = Spool(tmp_path / "spool", max_bytes=MIB)
    abandoned = tmp_path / "spool" / "abandoned"
    abandoned.mkdir()
    abandoned.joinpath("file").write_bytes(b"x")
    Spool(tmp_path / "spool", max_bytes=MIB).close()
    assert not abandoned.exists()
    assert living.folder.exists()
    living.close()
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["start.lock"]


def test_a_kept_file_outlives_its_request(tmp_path, spool):
    for size in (10, 3 * MIB):
        file = spool.new_file()
        file.write(b"x" * size)
        file.finish()
        file.keep(tmp_path / "kept" / str(size))
        file.discard()
        assert (tmp_path / "kept" / str(size)).stat().st_size == size


@pytest.mark.parametrize("settings", [Settings(data_dir=Path("unused"), body_timeout=0.2)])
def test_a_sender_that_trickles_is_dropped(app):
    """Each byte comes in time, the whole never would."""
    with serving(app) as port, socket.create_connection(("127.0.0.1", port), timeout=20) as sender:
        sender.sendall(b"POST /v1/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{")
        sender.settimeout(0.05)
        answer = b""
        while b"\r\n\r\n" not in answer:
            with contextlib.suppress(TimeoutError):
                answer += sender.recv(65536)
            if not answer:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # dropped: the answer is there
                    sender.sendall(b" ")
    assert answer.startswith(b"HTTP/1.1 408 ")
