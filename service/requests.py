"""The outermost layer of every request: its id, its log line, its metrics, and the 500 of what nobody foresaw.

Pure ASGI. `X-Request-ID` is taken from the caller when it is plain, otherwise made, and sent back.
"""

from __future__ import annotations

import logging
import re
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from indexes.ids import new_id
from service.errors import Invalid, Missing, ServiceError
from service.lifecycle import Lifecycle
from service.logs import REQUEST_ID
from service.problems import describe

_ACCESS = logging.getLogger("brandwarden.access")
_PLAIN = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class RequestScope:
    """Wraps the application; `lifecycle` counts what is in flight so that a drain knows when it is done."""

    def __init__(self, app: ASGIApp, lifecycle: Lifecycle) -> None:
        self.app = app
        self.lifecycle = lifecycle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        token = REQUEST_ID.set(request_id)
        try:
            with self.lifecycle.request():
                await self._answer(scope, receive, send)
        finally:
            REQUEST_ID.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._mark(MutableHeaders(scope=message))
            await send(_without_body(message) if is_head else message)

        if is_head := scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        try:
            if (refusal := _refusal(scope)) is not None:
                await describe(refusal).response()(scope, receive, watch)
                return
            await self.app(scope, receive, watch)
        except Exception as error:  # noqa: BLE001  # the last line: whatever it is, the caller gets a problem document
            _ACCESS.exception("unforeseen error", extra={"route": _route(scope)})
            if status == 0:
                await describe(error).response()(scope, receive, watch)
        finally:
            self._record(scope, status or 499, time.perf_counter() - started)

    def _mark(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = REQUEST_ID.get() or ""
        headers.setdefault("X-Content-Type-Options", "nosniff")
        headers.setdefault("Cache-Control", "no-store")
        if self.lifecycle.state == "draining":
            headers["Connection"] = "close"

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], _route(scope)
        counted = method if method in _METHODS else "other"  # callers may invent methods, a label must not grow
        self.lifecycle.metrics.observe_request(counted, route, status, seconds)
        level = logging.DEBUG if route in _QUIET and status < 400 else logging.INFO
        told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
        _ACCESS.log(level, "request", extra=told)


def _without_body(message: Message) -> Message:
    """HEAD is answered as GET is, headers and length, without the bytes."""
    return {**message, "body": b""} if message["type"] == "http.response.body" else message


def _refusal(scope: Scope) -> ServiceError | None:
    """A zero character names nothing, and PostgreSQL does not even look for it."""
    if "\x00" in scope["path"]:
        return Missing()
    if b"%00" in scope["query_string"] or b"\x00" in scope["query_string"]:
        return Invalid("The query holds a zero character.", errors=[{"loc": ["query"], "msg": "zero character"}])
    return None


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _PLAIN.fullmatch(given) else new_id("req")


def _route(scope: Scope) -> str:
    """The route's template: paths carry ids, and a label must not grow with them."""
    return getattr(scope.get("route"), "path", None) or "unmatched"
