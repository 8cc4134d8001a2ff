"""`/v1/brands`: the tenants whose pictures are protected. Operators make and change them, a brand reads its own."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import JSONResponse

from indexes.brands import BrandStatus
from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.sent import Sent
from service.erasure import erase_brand
from service.errors import Missing
from service.idempotency import once
from service.keys import Principal

router = APIRouter(prefix="/v1/brands", tags=["brands"])

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
Operator = Annotated[Principal, Depends(require("operator"))]
BrandOrOperator = Annotated[Principal, Depends(require("brand", "operator"))]


class NewBrand(Sent):
    """What to make."""

    model_config = ConfigDict(extra="forbid")
    name: Name
    status: BrandStatus = Field("verified", description="Matches of an unverified brand are seen and not acted upon.")
    contact_email: Email | None = None


class BrandChange(Sent):
    """What to change; what is left out stays. `contact_email: null` removes it."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    status: BrandStatus | None = None
    contact_email: Email | None = None


class BrandOut(BaseModel):
    """A brand. Matches of a suspended one are not reported."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    name: str
    status: BrandStatus
    contact_email: str | None
    created_at: datetime


class BrandPage(BaseModel):
    """A page of brands in the order they were made."""

    items: list[BrandOut]
    next_cursor: str | None


@router.post(
    "",
    status_code=201,
    summary="Make a brand",
    responses={201: {"model": BrandOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def make_brand(body: NewBrand, request: Request, runtime: RuntimeOf, principal: Operator) -> Response:
    """Made by an operator, a brand is verified unless the body says otherwise."""

    async def work() -> Response:
        made = await run_in_threadpool(runtime.brands.create, body.name, body.status, body.contact_email)
        return JSONResponse(BrandOut.model_validate(made).model_dump(mode="json"), 201)

    return await once(request, runtime, principal, body.model_dump(mode="json"), work)


@router.get("", summary="List brands")
def list_brands(runtime: RuntimeOf, principal: BrandOrOperator, limit: Limit = 50, cursor: Cursor = None) -> BrandPage:
    """All of them for an operator; a brand is shown itself."""
    if principal.brand_id is not None:
        return BrandPage(items=[BrandOut.model_validate(runtime.brands.get(principal.brand_id))], next_cursor=None)
    page = runtime.brands.list(limit=limit, cursor=cursor)
    return BrandPage(items=[BrandOut.model_validate(brand) for brand in page.items], next_cursor=page.next_cursor)


@router.get("/{brand_id}", summary="Read a brand")
def read_brand(brand_id: str, runtime: RuntimeOf, principal: BrandOrOperator) -> BrandOut:
    """404 when there is none that this key may see."""
    if not principal.may_see_brand(brand_id):
        raise Missing()
    return BrandOut.model_validate(runtime.brands.get(brand_id))


@router.patch("/{brand_id}", summary="Change a brand")
def change_brand(brand_id: str, body: BrandChange, runtime: RuntimeOf, principal: Operator) -> BrandOut:
    """Suspending a brand takes its references out of every result at once. A change of status stays on record."""
    changes = body.model_dump(exclude_none=True)
    if "contact_email" in body.model_fields_set:
        changes["contact_email"] = body.contact_email
    if status := changes.pop("status", None):
        runtime.verifications.decide(
            brand_id,
            status,
            right_id=None,
            reason="Set by an operator, without a right.",
            decided_by=principal.key_id,
            against_right=False,
        )
    return BrandOut.model_validate(runtime.brands.update(brand_id, **changes))


@router.delete("/{brand_id}", status_code=204, summary="Erase a brand")
def delete_brand(brand_id: str, runtime: RuntimeOf, _: Operator) -> None:
    """Its references, their vectors, their pictures where nothing else needs them, and its keys go with it."""
    erase_brand(runtime, brand_id)
