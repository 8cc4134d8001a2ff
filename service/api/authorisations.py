"""`/v1/brands/{brand_id}/authorisations`: the sellers, listings and products a brand allows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf
from service.api.marketplaces import Slug
from service.api.sent import LastMoment, Moment, Sent, Territories
from service.api.tenants import require_brand
from service.authorised import NewAuthorisation
from service.idempotency import once
from service.keys import Principal

router = APIRouter(prefix="/v1/brands/{brand_id}/authorisations", tags=["authorised use"])

Owner = Annotated[Principal, Depends(require_brand("brand"))]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]

Address = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^(?i:https?)://\S+$", max_length=4096)]


class AuthorisationIn(Sent):
    """What to allow; what is left out is not asked about."""

    model_config = ConfigDict(extra="forbid")
    seller_id: Text | None = None
    marketplace: Slug | None = None
    url: Address | None = Field(None, description="The page of one listing, not the beginning of many.")
    gtin: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9][0-9 -]{6,30}$")] | None = None
    territories: Territories = Field([])
    valid_from: Moment | None = None
    valid_until: LastMoment | None = None
    note: Annotated[str, Field(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _names_something(self) -> AuthorisationIn:
        if self.seller_id is None and self.url is None and self.gtin is None:
            raise ValueError("name at least one of seller_id, url and gtin")
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self

    def value(self) -> NewAuthorisation:
        """As the service keeps it."""
        return NewAuthorisation(**self.model_dump() | {"territories": tuple(self.territories)})


class AuthorisationOut(BaseModel):
    """What is allowed."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    brand_id: str
    seller_id: str | None
    marketplace: str | None
    url: str | None
    gtin: str | None
    territories: list[str]
    valid_from: datetime | None
    valid_until: datetime | None
    note: str | None
    created_at: datetime


class AuthorisationPage(BaseModel):
    """A page of authorisations in the order they were made."""

    items: list[AuthorisationOut]
    next_cursor: str | None


@router.post(
    "",
    status_code=201,
    summary="Allow a seller, a listing or a product",
    responses={201: {"model": AuthorisationOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def add_authorisation(
    brand_id: str, body: AuthorisationIn, request: Request, runtime: RuntimeOf, principal: Owner
) -> Response:
    """Holds for listings judged from now on: their matches are shown with its id and do not count."""

    def add() -> Response:
        made = runtime.authorised.add(brand_id, body.value(), created_by=principal.key_id)
        return JSONResponse(AuthorisationOut.model_validate(made).model_dump(mode="json"), 201)

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(add))


@router.get("", summary="List authorisations")
def list_authorisations(
    brand_id: str, runtime: RuntimeOf, _: Owner, limit: Limit = 50, cursor: Cursor = None
) -> AuthorisationPage:
    """In the order they were made, those that ran out among them."""
    page = runtime.authorised.list(brand_id, limit=limit, cursor=cursor)
    items = [AuthorisationOut.model_validate(item) for item in page.items]
    return AuthorisationPage(items=items, next_cursor=page.next_cursor)


@router.delete("/{authorisation_id}", status_code=204, summary="Withdraw an authorisation")
def delete_authorisation(brand_id: str, authorisation_id: str, runtime: RuntimeOf, _: Owner) -> None:
    """Listings judged from now on are not permitted by it."""
    runtime.authorised.delete(brand_id, authorisation_id)
