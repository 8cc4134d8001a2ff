"""`/v1/brands/{brand_id}/standing`: how a brand's claims held up, and the lane that gives it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from service.api.dependencies import RuntimeOf
from service.api.tenants import require_brand
from service.keys import Principal
from service.standing import Lane

router = APIRouter(prefix="/v1/brands", tags=["standing"])


class FiguresOut(BaseModel):
    """Claims within the window."""

    decided: int
    upheld: int
    rejected: int
    countered: int = Field(description="Ended for the seller by a counter-notice; among the rejected.")
    withdrawn: int = Field(description="Taken back before the seller answered; not among the decided.")
    pending: int
    upheld_share: float | None
    countered_share: float | None


class ReasonOut(BaseModel):
    """The standing for one reason code."""

    reason: str = Field(description="`stolen_photo`, `logo_use`, or `notice` for notices no case came of.")
    lane: Lane
    since: datetime
    until: datetime | None = Field(description="End of the lock-out.")
    figures: FiguresOut


class StandingEventOut(BaseModel):
    """What changed the standing, with the figures it went by."""

    event: Literal["earned", "lapsed", "lost", "unlocked", "warned", "suspended"]
    reason: str | None
    at: datetime
    until: datetime | None
    figures: dict[str, float | None]


class TermsOut(BaseModel):
    """What the fast lane takes."""

    window_days: float
    lockout_days: float
    minimum: int
    upheld: float
    countered: float


class StandingOut(BaseModel):
    """A brand's standing."""

    brand_id: str
    lane: Lane = Field(description="Of the brand as a whole: `fast` where every reason is.")
    until: datetime | None = Field(description="When the last lock-out ends.")
    reasons: list[ReasonOut]
    events: list[StandingEventOut]
    terms: TermsOut


@router.get("/{brand_id}/standing", summary="Read a brand's standing", responses={200: {"model": StandingOut}})
def get_standing(
    brand_id: str,
    runtime: RuntimeOf,
    principal: Annotated[Principal, Depends(require_brand("brand"))],  # noqa: ARG001 - asked for its check
) -> JSONResponse:
    """Figures of this moment; lanes and events as they were worked out when something was decided."""
    return JSONResponse({"brand_id": brand_id, **runtime.trust.standings.document(brand_id)})
