"""Fetching picture URLs that strangers send, without becoming their way into our network.

Connections go through `service.guarding`: to vetted addresses only. Redirects are followed by us, three at most, each
vetted anew. Time and bytes are bounded in all; no cookies, proxies or credentials. Whether the bytes are a picture is
decided elsewhere.
"""

from __future__ import annotations

import ssl
import time

import httpcore
import httpx

from service.addresses import AllowList
from service.errors import FetchFailed
from service.guarding import Guard, Resolver, resolve
from service.settings import Settings

MAX_REDIRECTS = 3
MAX_URL = 4096
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = [("Accept", "image/*, */*;q=0.1"), ("Accept-Encoding", "identity"), ("User-Agent", "Brandwarden/1")]


class Fetcher:
    """Thread-safe. `resolver` answers names; the system's unless a test brings its own."""

    def __init__(self, settings: Settings, *, resolver: Resolver = resolve) -> None:
        self._timeout = settings.fetch_timeout
        self._guard = Guard(AllowList.parse(settings.fetch_allow), resolver=resolver)
        self._tls = ssl.create_default_context()

    def fetch(self, url: str, *, max_bytes: int) -> bytes:
        """The bytes behind `url`; `FetchFailed` says why not. Blocks up to `fetch_timeout`."""
        deadline = time.monotonic() + self._timeout
        target = _parse(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._get(target, deadline, max_bytes)
            if isinstance(answer, bytes):
                return answer
            target = _parse(str(target.join(answer)))
        raise FetchFailed(f"The URL redirects more than {MAX_REDIRECTS} times.")

    def close(self) -> None:
        """Let go of the threads that resolve names."""
        self._guard.close()

    def _get(self, url: httpx.URL, deadline: float, max_bytes: int) -> bytes | httpx.URL:
        """One request: the body, or where it redirects to."""
        backend = self._guard.backend(deadline)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._tls, network_backend=backend, max_connections=1) as pool,
                pool.stream("GET", _core_url(url), headers=[("Host", url.netloc.decode()), *_HEADERS]) as response,
            ):
                if response.status in _REDIRECTS:
                    return _location(response)
                if response.status != 200:
                    raise FetchFailed(f"The server answered the URL with status {response.status}.")
                return _read(response, max_bytes)
        except httpcore.TimeoutException as error:
            raise FetchFailed(f"The URL did not answer in full within {self._timeout:g} s.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            raise FetchFailed("The connection to the URL failed; check that it is reachable.") from error


def _parse(url: str) -> httpx.URL:
    if len(url) > MAX_URL:
        raise FetchFailed(f"The URL is longer than {MAX_URL} characters.")
    try:
        parsed = httpx.URL(url.strip())
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise FetchFailed("The URL cannot be parsed.") from error
    if parsed.scheme not in ("http", "https") or not parsed.raw_host:  # `host` decodes it
        raise FetchFailed("Only http:// and https:// URLs with a host are fetched.")
    if parsed.userinfo:
        raise FetchFailed("URLs with a user name or password are not fetched.")
    return parsed


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _location(response: httpcore.Response) -> httpx.URL:
    for name, value in response.headers:
        if name.lower() == b"location":
            try:
                return httpx.URL(value.decode("latin-1"))
            except httpx.InvalidURL as error:
                raise FetchFailed("The URL redirects to something that is no URL.") from error
    raise FetchFailed("The URL redirects without saying where to.")


def _read(response: httpcore.Response, max_bytes: int) -> bytes:
    headers = {name.lower(): value for name, value in response.headers}
    if headers.get(b"content-encoding", b"identity").lower() not in (b"", b"identity"):
        raise FetchFailed("The server compressed the answer although it was asked not to.")
    too_large = FetchFailed(f"The URL answers with more than {max_bytes:,} bytes.")
    if headers.get(b"content-length", b"").isdigit() and int(headers[b"content-length"]) > max_bytes:
        raise too_large
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > max_bytes:
            raise too_large
    return bytes(body)
