"""Waiting for the pipeline's futures from the event loop, and letting go of them when the client has left."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from service.errors import Overloaded

T = TypeVar("T")


async def settle(futures: Sequence[Future[Any]]) -> list[Any]:
    """Results and errors of `futures` in order; when the waiting is cancelled so are they.

    One that was cancelled by nobody here was waiting for a thread of a service that stops: it is refused like the rest.
    """
    ended = await asyncio.gather(*map(asyncio.wrap_future, futures), return_exceptions=True)
    return [_stopped() if isinstance(outcome, asyncio.CancelledError) else outcome for outcome in ended]


async def result_of(future: Future[T]) -> T:
    """The result of `future`, or its error raised, as `settle` tells it; when the waiting is cancelled so is it."""
    (outcome,) = await settle([future])
    if isinstance(outcome, BaseException):
        raise outcome
    result: T = outcome
    return result


def _stopped() -> Overloaded:
    return Overloaded("The service stopped before this picture was there; send it again.", retry_after=5)


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; cancels it and raises `ClientDisconnect` when the client leaves first.

    The body has to be read already: what comes next from the client can only be its leaving.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientDisconnect
    finally:
        for task in (working, leaving):
            task.cancel()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
