"""Fixtures every test may use: settings in a temporary directory, a runtime, an application and a client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from service.app import create_app
from service.runtime import Runtime
from service.settings import Settings

OPERATOR_KEY = "bw_operator_of_the_tests"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, everything stored below `tmp_path`, loopback hosts fetchable, the operator key known."""
    return Settings(data_dir=tmp_path / "data", operator_key=OPERATOR_KEY, port=0)


@pytest.fixture
def runtime(settings: Settings) -> Iterator[Runtime]:
    """An open runtime."""
    opened = Runtime.open(settings)
    yield opened
    opened.close()


@pytest.fixture
def app(settings: Settings, runtime: Runtime) -> FastAPI:
    """The application on `runtime`."""
    return create_app(settings, runtime=runtime)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of `app` that calls as the operator."""
    with TestClient(app, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}) as opened:
        yield opened
