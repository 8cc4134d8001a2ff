"""`/healthz`, `/readyz` and `/metrics`: for supervisors, load balancers and Prometheus. No key is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from service.api.dependencies import get_lifecycle
from service.lifecycle import Lifecycle
from service.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="Does the process live?")
async def healthz() -> Alive:
    """200 while the process lives, whether or not it can serve."""
    return Alive()


class Ready(BaseModel):
    """The service takes work."""

    status: Literal["ready"] = "ready"


@router.get("/readyz", summary="Does the service take work?")
async def readyz(request: Request) -> Ready:
    """200 when a canary picture came through embedder and index; 503 with the `reason` otherwise."""
    await request.app.state.readiness.check()
    return Ready()


@router.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
async def metrics(lifecycle: Annotated[Lifecycle, Depends(get_lifecycle)]) -> Response:
    """Counters, gauges and histograms in the text format."""
    return Response(await run_in_threadpool(lifecycle.metrics.render), media_type=CONTENT_TYPE)
