"""A real Chromium for the page tests, and a watch on what its pages do.

Debian's `chromium` is used; its own background traffic is switched off, and every name but loopback resolves to
nothing, so that a page that asks for anything outside fails here as it would in a closed network.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Page

ABSENT = "Chromium is not installed (Debian: apt-get install chromium), so the pages cannot be tested in a browser"
ARGUMENTS = (
    "--no-sandbox",  # the tests may run as root, in a container
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_REFUSED = "Failed to load resource: the server responded with a status of "


def find_chromium() -> str:
    """Chromium's path. Without it: a skip, and in CI a failure."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(ABSENT)
    return path


@dataclass
class Watch:
    """What a page did: console errors, refused answers, and every address it asked for."""

    origin: str
    errors: list[str] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def follow(self, page: Page) -> None:
        """Listen to `page` from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", lambda answer: answer.status >= 400 and self.refused.append((answer.status, answer.url)))
        page.on("request", self._request)

    def expect(self, *statuses: int) -> None:
        """Refusals that the test provokes."""
        self.expected.update(statuses)

    def check(self) -> None:
        """No script failed, no policy was broken, nothing outside was asked for, nothing unexpected was refused."""
        assert self.errors == []
        assert self.outside == []
        assert {status for status, _url in self.refused} == self.expected, self.refused

    def _console(self, message) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_REFUSED):
            self.errors.append(message.text)

    def _request(self, request) -> None:
        if not request.url.startswith((f"{self.origin}/", f"blob:{self.origin}/", "data:")):
            self.outside.append(request.url)
