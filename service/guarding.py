"""Connecting to hosts that strangers named, without becoming their way into our network.

A name is resolved once, every address it has is vetted by `service.addresses`, and the connection goes to a vetted
address while `Host` and TLS keep the name, so DNS that changes its answer changes nothing. Time is bounded in all.
Used by whatever calls a stranger's URL: `service.fetching` for pictures, `service.webhooks` for deliveries.
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

from service.addresses import Address, AllowList, vet
from service.errors import FetchFailed

CHUNK = 64 * 1024

Resolver = Callable[[str, int], list[str]]


def resolve(host: str, port: int) -> list[str]:
    """Every address of `host` by the system's resolver; `OSError` when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class AddressRefused(FetchFailed):
    """The host exists, and leads where nobody is let."""


class Guard:
    """Thread-safe. `resolver` answers names; the system's unless a test brings its own.

    A name server that does not answer holds one of the `lookups` until the system gives up.
    """

    def __init__(self, allow: AllowList, *, resolver: Resolver = resolve, lookups: int = 8) -> None:
        self.allow = allow
        self._resolver = resolver
        self._lookups = ThreadPoolExecutor(max_workers=lookups, thread_name_prefix="dns")

    def backend(self, deadline: float) -> httpcore.NetworkBackend:
        """A backend for one request that has to end by `deadline` (of `time.monotonic`)."""
        return _GuardedBackend(self.addresses, deadline)

    def close(self) -> None:
        """Let go of the threads that resolve names."""
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def addresses(self, host: str, port: int, deadline: float) -> list[Address]:
        """Where `host` may be reached; `FetchFailed` when it has no address or one that is not allowed."""
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
            return vet(addresses, host, port, self.allow)
        except PermissionError as error:
            raise AddressRefused(str(error)) from None


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
