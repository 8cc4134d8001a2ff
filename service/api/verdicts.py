"""Verdicts: what people say about matches."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import ConfigDict, Field
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.listing_models import VerdictOut, VerdictPage
from service.api.listings import check_marketplace
from service.api.sent import Moment, Sent
from service.idempotency import once
from service.keys import Principal
from service.listings import VerdictWord

router = APIRouter(tags=["verdicts"])


class NewVerdict(Sent):
    """What a person says."""

    model_config = ConfigDict(extra="forbid")
    match_id: Annotated[str, Field(max_length=40)]
    verdict: VerdictWord
    note: Annotated[str, Field(max_length=4000)] | None = None


@router.post(
    "/v1/listings/{marketplace}/{listing_id:path}/verdicts",
    status_code=201,
    summary="Say what a match is",
    responses={201: {"model": VerdictOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def add_verdict(
    *,
    marketplace: str,
    listing_id: str,
    body: NewVerdict,
    request: Request,
    runtime: RuntimeOf,
    principal: Annotated[Principal, Depends(require("ingest", "reviewer"))],
) -> Response:
    """On a match of the listing's last result."""
    check_marketplace(principal, marketplace)

    def add() -> Response:
        verdict = runtime.verdicts.add(
            marketplace, listing_id, body.match_id, body.verdict, note=body.note, given_by=principal.key_id
        )
        return JSONResponse(verdict.as_json(), 201)

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(add))


@router.get("/v1/verdicts", summary="List verdicts", responses={200: {"model": VerdictPage}})
def list_verdicts(
    *,
    runtime: RuntimeOf,
    principal: Annotated[Principal, Depends(require("reviewer"))],  # noqa: ARG001 - asked for its check
    marketplace: Annotated[str | None, Query(max_length=64)] = None,
    since: Moment | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """In the order they were given, for training."""
    page = runtime.verdicts.list(marketplace=marketplace, since=since, limit=limit, cursor=cursor)
    return JSONResponse({"items": [item.as_json() for item in page.items], "next_cursor": page.next_cursor})
