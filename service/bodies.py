"""Request bodies: a cap on the bytes of every route and a limit on how slowly they may come.

The outermost ASGI middleware but for the one that gives request ids. uvicorn itself bounds neither. Bytes are counted
as they stream, a `Content-Length` that is too large is refused before the first of them, and a sender that stalls is
told so and dropped. Where `admit` refuses, that is the answer before a byte of the body is read. What a body means is
read elsewhere: JSON by FastAPI, forms by `service.forms`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BadRequest, BodyTooLarge, RequestTimeout, ServiceError
from service.problems import describe
from service.settings import MIB, Settings

SMALL = MIB
"""What a route may receive unless it is listed below, and the room for the fields beside a file."""
SLOWEST = 1024
"""Bytes a second below which a sender counts as stalled, once it has been waited for `body_timeout`."""
DRAIN_BYTES = 64 * MIB
DRAIN_SECONDS = 5.0


def body_cap(settings: Settings, path: str) -> int | None:
    """The most bytes a request to `path` may carry; None where the route bounds its own lines."""
    parts = path.strip("/").split("/")
    if parts[:3] == ["v1", "listings", "batch"]:
        return None
    if parts == ["v1", "listings"]:
        return settings.listing_max_bytes * 4 // 3 + SMALL  # pictures may come as base64
    if parts[-1] == "catalogs":
        return settings.catalog_max_bytes + SMALL
    if parts[-1] in ("references", "negatives", "search", "rights", "proofs"):
        return settings.image_max_bytes + SMALL
    return SMALL


class BodyLimits:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, *, settings: Settings, admit: Callable[[Scope], None] = lambda _: None) -> None:
        self.app = app
        self.settings = settings
        self.admit = admit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a guarded body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(scope, receive, send, cap=body_cap(self.settings, scope["path"]), wait=self.settings.body_timeout)
        try:
            body.check_length()
            self.admit(scope)
        except ServiceError as error:
            await body.refuse(error, unread=True)
            return
        try:
            await self.app(scope, body.receive, body.send)
        except Exception:
            if not body.refused:
                raise


@dataclass(slots=True)
class _Body:
    """One request's body on its way in, and the answer on its way out."""

    scope: Scope
    inner_receive: Receive
    inner_send: Send
    cap: int | None
    wait: float
    refused: bool = False
    started: bool = False
    complete: bool = False
    received: int = 0
    waited: float = 0.0
    expects_continue: bool = False
    headers: dict[bytes, bytes] = field(default_factory=dict)

    def check_length(self) -> None:
        """Refuse a declared length that is too large or not a number."""
        self.headers = dict(self.scope["headers"])
        self.expects_continue = self.headers.get(b"expect", b"").lower() == b"100-continue"
        declared = self.headers.get(b"content-length")
        if declared is None:
            return
        if not declared.isdigit():
            raise BadRequest("Content-Length is not a number.")
        if self.cap is not None and int(declared) > self.cap:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next message for the application; a refused request looks disconnected to it."""
        if self.refused:
            return {"type": "http.disconnect"}
        if self.complete:
            return await self.inner_receive()
        try:
            return await self._next()
        except ServiceError as error:
            await self.refuse(error)
            return {"type": "http.disconnect"}

    async def _next(self) -> Message:
        began = time.monotonic()
        try:
            message = await asyncio.wait_for(self.inner_receive(), self.wait)
        except TimeoutError:
            raise RequestTimeout(f"No bytes came for {self.wait:g} s; send the whole body again.") from None
        self.waited += time.monotonic() - began
        if message["type"] != "http.request":
            return message
        self.received += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        if self.cap is not None:
            if self.received > self.cap:
                raise self._too_large()
            if not self.complete and self.waited > self.wait + self.received / SLOWEST:
                raise RequestTimeout("The body comes too slowly; send it again over a faster connection.")
        return message

    async def send(self, message: Message) -> None:
        """Pass the application's answer on, unless the request was refused meanwhile."""
        if self.refused:
            return
        self.started = True
        await self.inner_send(message)

    async def refuse(self, error: ServiceError, *, unread: bool = False) -> None:
        """Answer with the problem and let go of the connection.

        It is kept where all of a small body is `unread`: uvicorn drops that as it comes, which costs less than another
        connection.
        """
        self.refused = True
        if self.started:
            return
        answer = describe(error).response()
        keeps = unread and self._is_small()
        headers = answer.raw_headers if keeps else [*answer.raw_headers, (b"connection", b"close")]
        await self.inner_send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
        await self.inner_send({"type": "http.response.body", "body": bytes(answer.body), "more_body": not keeps})
        if keeps:
            return
        comes = not self.complete and not (self.expects_continue and not self.received)
        if comes and (unread or error.status == 413):
            await self._drain()
        await self.inner_send({"type": "http.response.body", "body": b"", "more_body": False})

    def _is_small(self) -> bool:
        declared = self.headers.get(b"content-length", b"")
        return declared.isdigit() and int(declared) <= SMALL and not self.expects_continue

    async def _drain(self) -> None:
        """Read on for a moment: closing on unread bytes would reset the connection and lose the answer."""
        left = DRAIN_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0:
                    message = await self.inner_receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"This call takes at most {self.cap:,} bytes; send less at once.")
