"""The real process: it answers while it starts, drains when it is told to stop, and says why when it cannot start."""

from __future__ import annotations

import contextlib
import fcntl
import signal
import socket
import sqlite3
import time

import pytest

from indexes.database import Database
from service.commands.terminal import EXIT_FAILED
from service.migrations import upgrade
from tests.service.processes import PATIENCE, Process, wait_until_ready


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(**environment: str) -> Process:
        started.append(Process(tmp_path, **environment))
        return started[-1]

    yield begin
    for process in started:
        process.kill()


def test_from_start_to_drain(start, tmp_path):
    (tmp_path / "data").mkdir()
    with contextlib.ExitStack() as opening:
        lock = opening.enter_context((tmp_path / "data" / "brandwarden.db.migrating").open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process that migrates holds it: until then nothing is opened
        process = start()
        client = opening.enter_context(process.client())
        assert client.get("/healthz").status_code == 200, "it lives while it starts"
        refused = client.get("/v1/brands", headers={"Authorization": "Bearer x"})
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")
        assert client.get("/readyz").json()["reason"] == "starting"
    with process.client() as client:
        wait_until_ready(client)
        key = process.wait_for(r"Operator key, shown this once: (\S+)")
        client.headers["Authorization"] = f"Bearer {key}"
        assert client.post("/v1/brands", json={"name": "Acme"}).status_code == 201

        # A request is under way when the signal comes.
        host, port = client.base_url.host, client.base_url.port
        body = b'{"name": "Slow"}'
        head = f"POST /v1/brands HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with socket.create_connection((host, port), timeout=PATIENCE) as slow:
            slow.sendall(head.encode() + body[:5])
            while "brandwarden_requests_in_flight 2.0" not in client.get("/metrics").text:
                time.sleep(0.02)
            process.popen.send_signal(signal.SIGTERM)
            while (answer := client.get("/readyz")).status_code == 200:
                time.sleep(0.02)
            assert answer.json()["reason"] == "draining"
            assert client.get("/healthz").status_code == 200
            assert process.popen.poll() is None, "it waits for what is in flight"
            slow.sendall(body[5:])
            received = b""
            while chunk := slow.recv(65536):
                received += chunk
        assert received.split()[1] == b"201", "what was under way is finished"
    assert process.popen.wait(PATIENCE) == 0
    output = process.output.read_text()
    assert output.count(key) == 1, "shown once, and never logged"
    assert "Traceback" not in output


def test_a_second_signal_does_not_wait(start):
    process = start()
    with process.client() as client:
        wait_until_ready(client)
        host, port = client.base_url.host, client.base_url.port
        with socket.create_connection((host, port), timeout=PATIENCE) as slow:
            slow.sendall(f"POST /v1/brands HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n{{".encode())
            while "brandwarden_requests_in_flight 2.0" not in client.get("/metrics").text:
                time.sleep(0.02)
            process.popen.send_signal(signal.SIGTERM)
            while client.get("/readyz").status_code == 200:
                time.sleep(0.02)
            process.popen.send_signal(signal.SIGTERM)
            assert process.popen.wait(PATIENCE) == 1


def test_a_process_that_cannot_open_its_database_ends_and_says_why(start, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    database = Database(f"sqlite:///{folder / 'brandwarden.db'}")
    upgrade(database)
    database.close()
    with sqlite3.connect(folder / "brandwarden.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    process = start()
    assert process.popen.wait(PATIENCE) == EXIT_FAILED
    assert "9999" in process.output.read_text()
    assert "start the newer release" in process.output.read_text()
