"""The URLs that deliveries go to: which are taken at all, and one attempt at one of them.

Every attempt is vetted by `service.guarding`, whatever the name meant when the endpoint was made. Redirects are not
followed, and of the answer only the status is read: nothing an endpoint says afterwards can cost anything.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from service.errors import FetchFailed, Invalid
from service.guarding import AddressRefused, Guard

TIMEOUT: Final = 10.0
"""Seconds for an attempt in all: name, connection, TLS, request and the head of the answer."""
MAX_URL: Final = 2048
_LOOKUP_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or in words why there is none."""

    status: int | None = None
    error: str | None = None


class Targets:
    """Thread-safe. `guard` says what may be reached."""

    def __init__(self, guard: Guard, *, timeout: float = TIMEOUT) -> None:
        self._guard, self._timeout = guard, timeout
        self._tls = ssl.create_default_context()

    def check(self, text: str) -> str:
        """`text` as a URL that may be delivered to; `Invalid` says what is wrong with it.

        A name that cannot be looked up now is taken: each attempt looks it up again.
        """
        try:
            url = _parse(text)
            if url.scheme == "http" and not self._may_be_plain(url, time.monotonic() + _LOOKUP_SECONDS):
                raise FetchFailed("Webhooks take https:// URLs; plain http:// only to hosts the operator allows.")
            self._refuse_forbidden(url, time.monotonic() + _LOOKUP_SECONDS)
        except FetchFailed as error:
            raise Invalid(error.detail, errors=[{"loc": ["body", "url"], "msg": error.detail}]) from error
        return str(url)

    def post(self, text: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """One attempt. Never raises for what strangers do."""
        deadline = time.monotonic() + self._timeout
        try:
            url = _parse(text)
            if url.scheme == "http" and not self._may_be_plain(url, deadline):
                return Answer(error="plain http:// is no longer allowed for this host")
            return self._post(url, headers, body, deadline)
        except FetchFailed as error:
            return Answer(error=error.detail)
        except httpcore.TimeoutException:
            return Answer(error=f"no answer within {self._timeout:g} s")
        except ssl.SSLError as error:
            return Answer(error=f"TLS failed: {error.reason or 'handshake'}")
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            return Answer(error=f"the connection failed ({type(error).__name__})")

    def close(self) -> None:
        """Let go of the threads that look up names."""
        self._guard.close()

    def _post(self, url: httpx.URL, headers: Mapping[str, str], body: bytes, deadline: float) -> Answer:
        sent = {
            "Host": url.netloc.decode(),
            "User-Agent": "Brandwarden/1",
            "Content-Type": "application/json; charset=utf-8",
            "Content-Length": str(len(body)),
            **headers,
        }
        backend = self._guard.backend(deadline)
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend, max_connections=1) as pool,
            pool.stream("POST", target, headers=list(sent.items()), content=body) as response,
        ):
            return Answer(status=response.status)

    def _may_be_plain(self, url: httpx.URL, deadline: float) -> bool:
        """Did the operator name this host, or the network that all its addresses lie in?"""
        host, port = url.host, url.port or 80
        if self._guard.allow.names(host, port):
            return True
        return all(self._guard.allow.holds(address) for address in self._guard.addresses(host, port, deadline))

    def _refuse_forbidden(self, url: httpx.URL, deadline: float) -> None:
        try:
            self._guard.addresses(url.host, url.port or (443 if url.scheme == "https" else 80), deadline)
        except AddressRefused:
            raise
        except FetchFailed:
            return  # not known now


def _parse(text: str) -> httpx.URL:
    if len(text) > MAX_URL:
        raise FetchFailed(f"The URL is longer than {MAX_URL} characters.")
    try:
        url = httpx.URL(text.strip())
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise FetchFailed("The URL cannot be parsed.") from error
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise FetchFailed("Only http:// and https:// URLs with a host are delivered to.")
    if url.userinfo or url.fragment:
        raise FetchFailed("A webhook's URL has no user name, password or fragment.")
    return url
