"""A private PostgreSQL for one test session, run as an unprivileged user, with a fresh database for each test.

Only loopback and a temporary directory are used. `start` gives None where the server programs are not installed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

SAFE_TO_LOSE = "fsync=off synchronous_commit=off full_page_writes=off max_connections=100 shared_buffers=64MB"


def programs() -> Path | None:
    """The directory of `initdb` and `postgres`, the newest version first."""
    versions = Path("/usr/lib/postgresql")
    newest = sorted(versions.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    on_path = shutil.which("initdb")
    candidates = [*newest, *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in candidates if (path / "postgres").exists()), None)


class Cluster:
    """A running server. `create_database` gives the URL of an empty database."""

    def __init__(self, directory: Path, server: subprocess.Popen[bytes], port: int) -> None:
        self._directory = directory
        self._server = server
        self._url = f"postgresql+psycopg://brandwarden@127.0.0.1:{port}"
        self._numbers = itertools.count()
        self._engine = sa.create_engine(f"{self._url}/postgres", isolation_level="AUTOCOMMIT")

    def create_database(self, template: str | None = None) -> str:
        """A copy of the database at the URL `template`, to which nobody is connected; without one an empty database."""
        name, of = f"test_{next(self._numbers)}", _name(template) if template else "template0"
        with self._engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {of} STRATEGY FILE_COPY"))
        return f"{self._url}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove a database of `create_database`, whoever is still connected to it."""
        with self._engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {_name(url)} WITH (FORCE)"))

    def shut_out(self, url: str) -> None:
        """End every connection to a database of `create_database` and take no new ones, until `let_in`."""
        self._allow(url, "false")
        with self._engine.connect() as connection:
            ends = sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(ends, {"name": _name(url)})

    def let_in(self, url: str) -> None:
        """Take connections again."""
        self._allow(url, "true")

    def _allow(self, url: str, word: str) -> None:
        with self._engine.connect() as connection:
            connection.execute(sa.text(f"ALTER DATABASE {_name(url)} WITH ALLOW_CONNECTIONS {word}"))

    def wait(self, seconds: float = 60.0) -> None:
        """Until the server answers."""
        until = time.monotonic() + seconds
        while True:
            try:
                with self._engine.connect():
                    return
            except sa.exc.OperationalError:
                if time.monotonic() > until or self._server.poll() is not None:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server and remove its files."""
        self._engine.dispose()
        self._server.send_signal(signal.SIGINT)  # fast shutdown
        self._server.wait(30)
        shutil.rmtree(self._directory, ignore_errors=True)


def _name(url: str) -> str:
    return url.rsplit("/", 1)[-1]


def start() -> Cluster | None:
    """A new cluster, or None when PostgreSQL is not installed here."""
    binaries = programs()
    if binaries is None:
        return None
    directory = Path(tempfile.mkdtemp(prefix="bw-pg-", dir="/tmp"))  # a socket's path must stay short
    user = _unprivileged()
    if user is not None:
        shutil.chown(directory, user)
    data = directory / "data"
    initdb: list[str | Path] = [
        binaries / "initdb",
        "-D",
        data,
        "-U",
        "brandwarden",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "-N",
    ]
    subprocess.run(initdb, check=True, user=user, stdout=subprocess.DEVNULL, cwd=directory)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [part for setting in SAFE_TO_LOSE.split() for part in ("-c", setting)]
    address = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}", "-c", f"unix_socket_directories={directory}"]
    with (directory / "log").open("wb") as log:
        command: list[str | Path] = [binaries / "postgres", "-D", data, *address, *options]
        server = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd=directory, start_new_session=True)
    cluster = Cluster(directory, server, port)
    cluster.wait()
    return cluster


def _unprivileged() -> str | None:
    """The user to run the server as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
