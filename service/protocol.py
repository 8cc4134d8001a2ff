"""uvicorn's HTTP/1.1 protocol with what it lacks: a deadline for request headers, and refusals as problem documents.

uvicorn bounds idle connections between requests but not a sender that trickles its headers, or the rest of a body that
was answered already; twenty-five of those would starve a small server. Bodies that are still read are guarded by
`service.bodies`.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.errors import BadRequest
from service.problems import MEDIA_TYPE, describe

HEADER_SECONDS = 10.0
"""How long the headers of one request may take."""


class GuardedProtocol(H11Protocol):
    """One connection. A timer runs whenever headers or bytes that nobody reads are awaited, and no other timer does."""

    header_seconds = HEADER_SECONDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """A client that connects owes its headers."""
        super().connection_made(transport)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Parse; keep the timer while the headers are incomplete."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE or self._owes_the_rest():
            self._arm()
        else:
            self._disarm()

    def on_response_complete(self) -> None:
        """A client that was answered early owes the rest of its body; it is dropped as it comes."""
        super().on_response_complete()
        if not self.transport.is_closing() and self._owes_the_rest():
            self._arm()

    def _owes_the_rest(self) -> bool:
        return self.conn.our_state is h11.DONE and self.conn.their_state is h11.SEND_BODY

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        self._disarm()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP, or headers that are too long."""
        content = json.dumps(describe(BadRequest(msg)).document()).encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(content)),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=content), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _arm(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _too_slow(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self.transport.close()
