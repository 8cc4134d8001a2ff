"""`/v1/conflicts`: references that are held because somebody else had their picture first. Operators only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.sent import Sent
from service.conflicts.values import Agreement, Cause, ConflictState, Resolution
from service.idempotency import once
from service.keys import Principal

router = APIRouter(prefix="/v1/conflicts", tags=["conflicts"])

Operator = Annotated[Principal, Depends(require("operator"))]


class NewResolution(Sent):
    """What an operator decides, and why."""

    model_config = ConfigDict(extra="forbid")
    resolution: Resolution
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class ConflictOut(BaseModel):
    """A reference that is held, and who had its picture first: another brand's reference, or a listing."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    state: ConflictState
    cause: Cause
    agreement: Agreement
    confidence: float
    seen_at: datetime
    found_at: datetime
    reference_id: str
    reference_status: str
    kind: str
    external_id: str | None
    brand_id: str
    brand: str
    other_reference_id: str | None
    other_brand_id: str | None
    other_brand: str | None
    marketplace: str | None
    listing_id: str | None
    image_index: int | None
    reason: str | None
    resolved_by: str | None
    resolved_at: datetime | None


class ConflictPage(BaseModel):
    """A page of conflicts in the order they were found."""

    items: list[ConflictOut]
    next_cursor: str | None


@router.get("", summary="List conflicts")
def list_conflicts(
    *,
    runtime: RuntimeOf,
    _: Operator,
    state: ConflictState | None = None,
    brand_id: Annotated[str | None, Query(max_length=40, description="On either side.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> ConflictPage:
    """In the order they were found."""
    page = runtime.conflicts.list(state=state, brand_id=brand_id, limit=limit, cursor=cursor)
    items = [ConflictOut.model_validate(item) for item in page.items]
    return ConflictPage(items=items, next_cursor=page.next_cursor)


@router.get("/{conflict_id}", summary="Read a conflict")
def get_conflict(conflict_id: str, runtime: RuntimeOf, _: Operator) -> ConflictOut:
    """One conflict."""
    return ConflictOut.model_validate(runtime.conflicts.get(conflict_id))


@router.post(
    "/{conflict_id}/resolve",
    summary="Release or reject the reference that is held",
    responses={200: {"model": ConflictOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def resolve_conflict(
    conflict_id: str, body: NewResolution, request: Request, runtime: RuntimeOf, principal: Operator
) -> Response:
    """`release` lets it be matched again unless another conflict holds it; `reject` leaves it held."""

    def resolve() -> Response:
        made = runtime.resolutions.resolve(conflict_id, body.resolution, reason=body.reason, by=principal.key_id)
        shown: dict[str, Any] = ConflictOut.model_validate(made).model_dump(mode="json")
        return JSONResponse(shown)

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(resolve))
