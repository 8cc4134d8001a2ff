"""`/v1/marketplaces`: the tenants that send listings. Operators only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictFloat, StrictInt
from starlette.responses import JSONResponse

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.sent import Sent
from service.cases.clocks import check_length
from service.cases.states import Clock
from service.idempotency import once
from service.keys import Principal
from service.sellers import StrikeTerms

_operator = require("operator")
router = APIRouter(prefix="/v1/marketplaces", tags=["marketplaces"], dependencies=[Depends(_operator)])
Operator = Annotated[Principal, Depends(_operator)]

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Territories = Annotated[list[Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")]], Field(max_length=300)]


def _check_points(points: dict[str, float]) -> dict[str, float]:
    StrikeTerms.of(points)
    return points


_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Clocks = dict[Clock, Annotated[StrictInt | StrictFloat | str, AfterValidator(check_length)]]
Numbers = Annotated[dict[Annotated[str, Field(max_length=64)], _Number], Field(max_length=50)]
Points = Annotated[Numbers, AfterValidator(_check_points)]

_CLOCKS = (
    "Lengths of the case clocks by name: a number of days, or text such as `30s`, `15m`, `2h`, `4d`, `10bd` (business "
    "days). What is left out has its default: 4 d, 3 d and 10 bd. Clocks that run are not changed."
)


class NewMarketplace(Sent):
    """What to make."""

    model_config = ConfigDict(extra="forbid")
    slug: Slug
    name: Name
    territories: Territories = Field(default=[], description="Codes such as `EU` or `DE`; none is everywhere.")
    clocks: Clocks = Field(default={}, description=_CLOCKS)
    strike_points: Points = Field(
        default={}, description="What a takedown weighs by kind, the marks of the four levels, and `decay_days`."
    )


class MarketplaceChange(Sent):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    name: Name | None = None
    territories: Territories | None = None
    clocks: Clocks | None = Field(default=None, description=_CLOCKS)
    strike_points: Points | None = None


class MarketplaceOut(BaseModel):
    """A marketplace."""

    model_config = ConfigDict(from_attributes=True)
    slug: str
    name: str
    territories: list[str]
    clocks: dict[str, Any]
    strike_points: dict[str, Any]
    created_at: datetime


class MarketplacePage(BaseModel):
    """A page of marketplaces in the order they were made."""

    items: list[MarketplaceOut]
    next_cursor: str | None


@router.post(
    "",
    status_code=201,
    summary="Make a marketplace",
    responses={201: {"model": MarketplaceOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def make_marketplace(body: NewMarketplace, request: Request, runtime: RuntimeOf, principal: Operator) -> Response:
    """409 when the slug is taken."""

    async def work() -> Response:
        made = await run_in_threadpool(lambda: runtime.marketplaces.create(**body.model_dump()))
        return JSONResponse(MarketplaceOut.model_validate(made).model_dump(mode="json"), 201)

    return await once(request, runtime, principal, body.model_dump(mode="json"), work)


@router.get("", summary="List marketplaces")
def list_marketplaces(runtime: RuntimeOf, limit: Limit = 50, cursor: Cursor = None) -> MarketplacePage:
    """`default` is always among them."""
    page = runtime.marketplaces.list(limit=limit, cursor=cursor)
    return MarketplacePage(
        items=[MarketplaceOut.model_validate(item) for item in page.items], next_cursor=page.next_cursor
    )


@router.get("/{slug}", summary="Read a marketplace")
def read_marketplace(slug: str, runtime: RuntimeOf) -> MarketplaceOut:
    """404 when there is none."""
    return MarketplaceOut.model_validate(runtime.marketplaces.get(slug))


@router.patch("/{slug}", summary="Change a marketplace")
def change_marketplace(slug: str, body: MarketplaceChange, runtime: RuntimeOf) -> MarketplaceOut:
    """The slug itself cannot change: listings and keys name it."""
    return MarketplaceOut.model_validate(runtime.marketplaces.update(slug, **body.model_dump(exclude_none=True)))
