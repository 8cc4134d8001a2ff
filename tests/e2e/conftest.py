"""The service as it is shipped, on a free loopback port, and a browser that looks at it.

Both start once; every test has its own brand, keys and browser profile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from service.app import create_app
from service.protocol import GuardedProtocol
from service.runtime import Runtime
from service.settings import Settings
from tests.e2e.browser import ARGUMENTS, Watch, find_chromium
from tests.e2e.shop import CAT, COFFEE, PictureHost, cropped, jpeg

OPERATOR_KEY = "bw_operator_of_the_browser_tests"
_PATIENCE = 45_000
"""Milliseconds after which something never comes; nothing here is a measurement."""


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    path = find_chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        expect.set_options(timeout=_PATIENCE)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def service(browser, shipped_embedder, tmp_path_factory) -> Iterator[Runtime]:
    """The runtime behind the pages, with the shipped model; after `browser`, so that a skip costs nothing."""
    folder = tmp_path_factory.mktemp("service")
    settings = Settings(data_dir=folder, operator_key=OPERATOR_KEY, fetch_allow=("127.0.0.1",))
    opened = Runtime.open(settings, embedder=shipped_embedder)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def origin(service) -> Iterator[str]:
    """The address of the served pages."""
    app = create_app(service.settings, runtime=service)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, http=GuardedProtocol, ws="none", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@dataclass(frozen=True)
class Tenant:
    """A brand with its key, and calls to the interface on its behalf."""

    id: str
    name: str
    key: str
    client: httpx.Client

    def add(self, data: bytes, *, kind: str = "photo", title: str = "A cup") -> str:
        """Put a picture into the catalogue; its id."""
        fields = {"kind": kind, "title": title}
        answer = self.client.post(f"/v1/brands/{self.id}/references", data=fields, files={"image": ("a.jpg", data)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def references(self) -> list[dict[str, object]]:
        """What is in the catalogue."""
        found: list[dict[str, object]] = self.client.get(f"/v1/brands/{self.id}/references").json()["items"]
        return found


@pytest.fixture
def tenant(service, origin) -> Iterator[Tenant]:
    """A brand of this test alone; erased afterwards."""
    brand = service.brands.create("Northfield Optics")
    _key, secret = service.keys.create("brand", "browser", brand_id=brand.id)
    with httpx.Client(base_url=origin, headers={"Authorization": f"Bearer {OPERATOR_KEY}"}, timeout=60) as client:
        yield Tenant(brand.id, brand.name, secret, client)
        assert client.delete(f"/v1/brands/{brand.id}").status_code == 204


@pytest.fixture
def watch(origin) -> Iterator[Watch]:
    """What this test's pages do; checked at its end."""
    watching = Watch(origin)
    yield watching
    watching.check()


@pytest.fixture
def page(browser, origin, watch, tenant) -> Iterator[Page]:
    """An empty tab in a profile of its own; closed before its `tenant` is erased, while it may still load pictures."""
    context = browser.new_context(base_url=origin, viewport={"width": 1200, "height": 900})
    context.set_default_timeout(_PATIENCE)
    opened = context.new_page()
    watch.follow(opened)
    yield opened
    context.close()


@pytest.fixture
def sign_in(page):
    """Sign in with a key and land on `path`."""

    def enter(key: str, path: str = "/") -> Page:
        page.goto(path)
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda url: "/login" not in url)
        if path == "/":
            page.goto(path)  # who wanted nothing in particular was led to where they work
        return page

    return enter


@pytest.fixture
def shop() -> Iterator[PictureHost]:
    """A shop's picture host: a copied photograph, one of its own, and a page that is no picture."""
    host = PictureHost({"/copy.jpg": jpeg(cropped(COFFEE), 70), "/own.jpg": jpeg(CAT), "/page.html": b"<p>Shop</p>"})
    yield host
    host.close()
