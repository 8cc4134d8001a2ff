"""`/v1/sellers`: a seller's points, strikes, restrictions and likenesses, and what people do about it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, RuntimeOf, require
from service.api.sent import Moment, Sent
from service.api.statements import StatementOut
from service.cases import acting_as
from service.idempotency import once
from service.keys import Principal
from service.runtime import Runtime
from service.sellers import ActionWord, Deed
from service.sellers.points import Level
from service.sellers.sellers import View

router = APIRouter(prefix="/v1/sellers", tags=["sellers"])
Inside = Annotated[Principal, Depends(require("reviewer"))]


class NewAction(Sent):
    """What to do about a seller."""

    model_config = ConfigDict(extra="forbid")
    action: ActionWord
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    level: Level | None = Field(None, description="With `restrict`.")
    until: Moment | None = Field(None, description="With `restrict`: when it ends by itself.")
    strike_id: Annotated[str, Field(max_length=40)] | None = Field(None, description="With `forgive`.")


class StrikeOut(BaseModel):
    """Points for a case that took a listing down."""

    id: str
    case_id: str
    kind: str
    points: float
    left: float = Field(description="What it weighs now.")
    at: datetime
    taken_back_at: datetime | None
    taken_back_for: str | None


class RestrictionOut(BaseModel):
    """A warning or a restriction, in force while `ended_at` is null."""

    id: str
    level: Level
    points: float
    by_hand: bool
    reason: str
    began_at: datetime
    until: datetime | None
    appealed_at: datetime | None
    ended_at: datetime | None
    ended_because: str | None
    statement: StatementOut | None


class SellerActionOut(BaseModel):
    """What somebody did."""

    id: str
    at: datetime
    actor_role: str
    actor_id: str
    action: str
    reason: str
    details: dict[str, Any]


class SellerName(BaseModel):
    """A seller."""

    marketplace: str
    seller_id: str


class ShownOut(BaseModel):
    """A picture in a listing; `similarity` is to the first picture like it."""

    listing_id: str
    image_index: int
    sha256: str
    similarity: float


class PairOut(BaseModel):
    """Two near-identical pictures: of the seller in `via`, and of the similar one."""

    theirs: ShownOut
    its: ShownOut


class SimilarOut(SellerName):
    """A seller that shows near-identical pictures."""

    via: SellerName
    shared_pictures: int
    evidence: list[PairOut]


class SellerOut(SellerName):
    """What is known of a seller."""

    points: float
    level: Level | None
    strikes: list[StrikeOut]
    restrictions: list[RestrictionOut]
    actions: list[SellerActionOut]
    similar: list[SimilarOut]


@router.get("/{marketplace}/{seller_id:path}", summary="Read a seller", responses={200: {"model": SellerOut}})
def get_seller(marketplace: str, seller_id: str, runtime: RuntimeOf, principal: Inside) -> JSONResponse:
    """Similar sellers are of the same marketplace; an operator sees those of others as well."""
    everywhere = principal.role == "operator"
    return JSONResponse(_shown(runtime, runtime.trust.sellers.view(marketplace, seller_id, everywhere=everywhere)))


@router.post(
    "/{marketplace}/{seller_id:path}/actions",
    summary="Act on a seller",
    responses={200: {"model": SellerOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def act_on_seller(
    *, marketplace: str, seller_id: str, body: NewAction, request: Request, runtime: RuntimeOf, principal: Inside
) -> Response:
    """`restrict`, `lift`, `forgive` a strike, record an `appeal`, decide it: `appeal_upheld`, `appeal_rejected`."""

    def act() -> Response:
        everywhere = principal.role == "operator"
        deed = Deed(**body.model_dump())
        view = runtime.trust.sellers.act(marketplace, seller_id, acting_as(principal), deed, everywhere=everywhere)
        return JSONResponse(_shown(runtime, view))

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(act))


def _shown(runtime: Runtime, view: View) -> dict[str, Any]:
    statements = runtime.trust.statements.of_restrictions([one.id for one in view.restrictions])
    return view.as_json({name: statement.as_json() for name, statement in statements.items()})
