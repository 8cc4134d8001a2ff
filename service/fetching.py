"""Fetching picture URLs that strangers send, without becoming their way into our network.

A name is resolved once, every address it has is vetted by `service.addresses`, and the connection goes to a vetted
address while `Host` and TLS keep the name, so DNS that changes its answer changes nothing. Redirects are followed by
us, three at most, each vetted anew. Time and bytes are bounded in all; no cookies, proxies or credentials. Whether the
bytes are a picture is decided elsewhere.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore
import httpx

from service.addresses import Address, AllowList, vet
from service.errors import FetchFailed
from service.settings import Settings

MAX_REDIRECTS = 3
MAX_URL = 4096
CHUNK = 64 * 1024
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HEADERS = [("Accept", "image/*, */*;q=0.1"), ("Accept-Encoding", "identity"), ("User-Agent", "Brandwarden/1")]

Resolver = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Every address of `host` by the system's resolver; `OSError` when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Fetcher:
    """Thread-safe. `resolver` answers names; the system's unless a test brings its own."""

    def __init__(self, settings: Settings, *, resolver: Resolver = resolve) -> None:
        self._timeout = settings.fetch_timeout
        self._allow = AllowList.parse(settings.fetch_allow)
        self._resolver = resolver
        self._tls = ssl.create_default_context()
        self._lookups = ThreadPoolExecutor(max_workers=8, thread_name_prefix="dns")

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
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _get(self, url: httpx.URL, deadline: float, max_bytes: int) -> bytes | httpx.URL:
        """One request: the body, or where it redirects to."""
        backend = _GuardedBackend(self._addresses, deadline)
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

    def _addresses(self, host: str, port: int, deadline: float) -> list[Address]:
        """Resolve and vet."""
        try:
            answers = self._lookups.submit(self._resolver, host, port).result(timeout=_left(deadline))
            addresses = [ipaddress.ip_address(answer) for answer in answers]
        except TimeoutError:
            raise FetchFailed("The host of the URL could not be looked up in time.") from None
        except (OSError, UnicodeError, ValueError):
            raise FetchFailed("The host of the URL is not known.") from None
        if not addresses:
            raise FetchFailed("The host of the URL is not known.")
        try:
            return vet(addresses, host, port, self._allow)
        except PermissionError as error:
            raise FetchFailed(str(error)) from None


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


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("total time is over")
    return left


class _GuardedBackend(httpcore.NetworkBackend):
    """Connects only to vetted addresses, and lets no single operation outlive the deadline."""

    def __init__(self, addresses: Callable[[str, int, float], list[Address]], deadline: float) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  # the deadline rules
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """The first vetted address that answers."""
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._addresses(host, port, self._deadline)[:4]:
            try:
                stream = self._sockets.connect_tcp(
                    str(address), port, _left(self._deadline), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
                continue
            return _TimedStream(stream, self._deadline)
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A stream whose every operation ends by the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002  # the deadline rules
        return self._stream.read(min(max_bytes, CHUNK), _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002  # the deadline rules
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002  # the deadline rules
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _TimedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
