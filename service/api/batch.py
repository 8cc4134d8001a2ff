"""`/v1/listings/batch`: listings as NDJSON in, results as NDJSON out, in the order they came.

Lines are judged side by side while the body still arrives, at most `_AT_ONCE` at a time. Results wait here for a
client that sends everything before it reads, up to `_BACKLOG` bytes; then reading the body waits too.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.api.batch_lines import Line, read_lines
from service.api.dependencies import RuntimeOf, require
from service.api.listing_bodies import ListingIn, parse_listing, to_input
from service.api.listings import conclude, wait_for_pictures
from service.errors import Overloaded
from service.keys import Principal
from service.listings import ListingInput
from service.problems import describe
from service.runtime import Runtime

router = APIRouter(tags=["listings"])

MEDIA_TYPE = "application/x-ndjson"
_AT_ONCE = 8
_BACKLOG = 64 << 20
_PATIENCE = 60.0
_NDJSON = {MEDIA_TYPE: {"schema": {"type": "string", "description": "One listing a line, as in `POST /v1/listings`."}}}


@router.post(
    "/v1/listings/batch",
    summary="Judge many listings",
    response_class=Response,
    responses={200: {"content": _NDJSON, "description": "One result a line, in the order of the lines."}},
    openapi_extra={"requestBody": {"required": True, "content": _NDJSON}},
)
async def judge_batch(
    request: Request, runtime: RuntimeOf, principal: Annotated[Principal, Depends(require("ingest"))]
) -> Response:
    """A bad line answers `{"listing_id", "problem"}` in its place; the others go on. Busy is waited for."""
    return _Stream(_Batch(request, runtime, principal).answers())


class _Stream(Response):
    """A body sent while it is made. Starlette's own streaming response reads the request to notice a client that
    leaves, and would swallow the lines that are still coming; here whoever reads the lines notices."""

    media_type = MEDIA_TYPE

    def __init__(self, parts: AsyncGenerator[bytes, None]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the lines' reader has it
        """Send the parts as they come."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with contextlib.aclosing(self._parts) as parts:
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class _Batch:
    """One batch on its way: lines being judged, and answers that wait for their turn."""

    def __init__(self, request: Request, runtime: Runtime, principal: Principal) -> None:
        self._request, self._runtime, self._principal = request, runtime, principal
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._changed = asyncio.Event()
        self._tasks: deque[asyncio.Task[bytes]] = deque()
        self._backlog = 0
        self._drained = asyncio.Event()

    async def answers(self) -> AsyncGenerator[bytes, None]:
        """Each line's answer, in order."""
        reading = asyncio.create_task(self._read())
        try:
            while True:
                if self._tasks:
                    answer = await self._tasks[0]
                    self._tasks.popleft()
                    self._backlog -= len(answer)
                    self._drained.set()
                    yield answer
                elif reading.done():
                    with contextlib.suppress(ClientDisconnect):  # nobody is left to be told
                        reading.result()
                    return
                else:
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            for task in (reading, *self._tasks):
                task.cancel()

    async def _read(self) -> None:
        try:
            async for line in read_lines(self._request.stream(), self._runtime.settings.batch_line_max_bytes):
                await self._places.acquire()
                await self._room()
                self._tasks.append(asyncio.create_task(self._answer(line)))
                self._changed.set()
        finally:
            self._changed.set()

    async def _room(self) -> None:
        while self._backlog > _BACKLOG:
            self._drained.clear()
            await self._drained.wait()

    async def _answer(self, line: Line) -> bytes:
        try:
            document = await self._judge(line)
        finally:
            self._places.release()
        answer = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        self._backlog += len(answer)
        return answer

    async def _judge(self, line: Line) -> dict[str, Any]:
        listing_id: str | None = None
        started = time.perf_counter()
        try:
            body = await asyncio.to_thread(parse_listing, line.content())
            listing_id = body.listing_id
            listing = await asyncio.to_thread(self._input, body)
            return await self._judge_patiently(listing, started)
        except Exception as error:  # noqa: BLE001 - a line's error is its answer; describe tells nothing of strangers
            return {"listing_id": listing_id or line.listing_id(), "problem": describe(error).document()}

    def _input(self, body: ListingIn) -> ListingInput:
        runtime = self._runtime
        return to_input(
            body, (), principal=self._principal, marketplaces=runtime.marketplaces, settings=runtime.settings
        )

    async def _judge_patiently(self, listing: ListingInput, started: float) -> dict[str, Any]:
        """Wait for room rather than refuse: whoever sends a batch is not waiting at a screen."""
        while True:
            try:
                judged = await wait_for_pictures(self._runtime, listing)
                return await conclude(self._runtime, listing, judged, started)
            except Overloaded as busy:
                if self._runtime.pipeline.draining or time.perf_counter() - started > _PATIENCE:
                    raise
                await asyncio.sleep(min(busy.retry_after, 0.25))
