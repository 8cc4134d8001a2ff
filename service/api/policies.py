"""`/v1/brands/{brand_id}/policy`: from which confidence on a brand wants what done, and what that would have done.

A brand keeps to the bounds that the operator sets. Every PUT is a new version, in force with its answer; a replay
stores nothing.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag, field_validator
from starlette.responses import JSONResponse

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, RuntimeOf
from service.api.listing_bodies import PriceIn
from service.api.sent import Sent
from service.api.tenants import require_brand
from service.idempotency import once
from service.keys import Principal
from service.policies import Bounds, Decision, Draft, Policy, ProofRule, Rule
from service.runtime import Runtime

router = APIRouter(prefix="/v1/brands/{brand_id}/policy", tags=["policies"])
BrandOrOperator = Annotated[Principal, Depends(require_brand("brand"))]
Operator = Annotated[Principal, Depends(require_brand("operator"))]

Kind = Literal["stolen_photo", "logo_use"]
Threshold = Annotated[
    float, Field(ge=0, le=1, allow_inf_nan=False, strict=True, description="A confidence; null or absent: never.")
]
Category = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=24, decimal_places=6, allow_inf_nan=False)]
MinPrice = Annotated[
    Annotated[PriceIn, Tag("price")] | Annotated[Amount, Tag("amount")],
    Discriminator(lambda sent: "price" if isinstance(sent, dict | PriceIn) else "amount"),
]


class RuleIn(Sent):
    """What is wanted for matches of a kind at a marketplace, or everywhere. The thresholds rise or are null."""

    model_config = ConfigDict(extra="forbid")
    kind: Kind
    marketplace: Annotated[str, Field(max_length=64, description="Its slug; `*` for all without a rule.")] = "*"
    monitor: Threshold | None = None
    review: Threshold | None = None
    hold: Threshold | None = None
    takedown: Threshold | None = None


class ProofRuleIn(Sent):
    """Listings whose seller has to show proof; without category and price all that match."""

    model_config = ConfigDict(extra="forbid")
    category: Category | None = Field(None, description="A listing's category, or one that holds it.")
    min_price: MinPrice | None = Field(None, description="From this price on, in any currency or in one.")

    @field_validator("category")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        if value is not None and ("<" in value or not value.isprintable()):
            raise ValueError("must be plain text on one line, without markup")
        return value


class PolicyIn(Sent):
    """A policy as it is sent. Where no rule applies: monitor from 0.20, review from 0.50, never more."""

    model_config = ConfigDict(extra="forbid")
    rules: list[RuleIn] = Field([], max_length=200)
    proof_required: list[ProofRuleIn] = Field([], max_length=100)


class BoundsIn(Sent):
    """The lowest thresholds a brand may choose; null or absent: as in the settings."""

    model_config = ConfigDict(extra="forbid")
    hold: Threshold | None = None
    takedown: Threshold | None = None


class BoundsOut(BaseModel):
    """The lowest thresholds a brand may choose."""

    model_config = ConfigDict(from_attributes=True)
    hold: float
    takedown: float


class RuleOut(BaseModel):
    """A rule."""

    kind: Kind
    marketplace: str
    monitor: float | None
    review: float | None
    hold: float | None
    takedown: float | None


class PolicyOut(BaseModel):
    """A version of a policy; 0 where the brand never had one."""

    brand_id: str
    version: int
    rules: list[RuleOut]
    proof_required: list[dict[str, Any]]
    made_by: str | None = Field(description="The key of who made this version.")
    created_at: datetime | None
    bounds: BoundsOut


class FiguresOut(BaseModel):
    """What a policy comes to on the results there are."""

    precision: float | None = Field(
        description="Share of `infringing` among the matches with a verdict that are reviewed, held or taken down."
    )
    precision_by_decision: dict[Decision, float | None]
    queue: float = Field(description="Listings a day that a person has to review.")
    queue_listings: int
    wrongful_holds: int = Field(description="Matches held or taken down whose verdict is authorised or not_a_match.")
    unlabelled: int = Field(description="Matches acted upon that have no verdict.")
    decisions: dict[Decision, int]


class PlaceOut(BaseModel):
    """Decisions of one marketplace."""

    marketplace: str
    before: dict[Decision, int]
    after: dict[Decision, int]


class ChangeOut(BaseModel):
    """A match that would be decided otherwise."""

    match_id: str
    marketplace: str
    listing_id: str
    kind: Kind
    confidence: float
    before: Decision
    after: Decision
    suppressed_by: str | None
    verdict: str | None
    because: list[str]


class ReplayOut(FiguresOut):
    """What the proposed policy comes to, beside what stands (`before`)."""

    before: FiguresOut
    marketplaces: list[PlaceOut]
    results: int = Field(description="Matches looked at: the newest, at most 100,000.")
    listings: int
    complete: bool = Field(description="Whether these are all there are.")
    oldest: datetime | None
    newest: datetime | None
    changed: list[ChangeOut] = Field(description="Newest first, at most 500.")
    changed_count: int


@router.get("", summary="Read a brand's policy")
def read_policy(
    brand_id: str,
    runtime: RuntimeOf,
    _principal: BrandOrOperator,
    version: Annotated[int | None, Query(ge=1, description="An older version.")] = None,
) -> PolicyOut:
    """The one in force, or a version that results name."""
    return _shown(runtime.policies.get(brand_id, version), runtime.policies.bounds(brand_id))


@router.put("", summary="Make a new version of a brand's policy")
def put_policy(brand_id: str, body: PolicyIn, runtime: RuntimeOf, principal: BrandOrOperator) -> PolicyOut:
    """In force with this answer, for what is judged from now on. A brand beyond its bounds is 422."""
    draft = _vetted(runtime, principal, brand_id, body)
    made = runtime.policies.put(brand_id, draft, by=principal.key_id)
    return _shown(made, runtime.policies.bounds(brand_id))


@router.put("/bounds", summary="Set how far a brand may go by itself")
def put_bounds(brand_id: str, body: BoundsIn, runtime: RuntimeOf, principal: Operator) -> BoundsOut:
    """They hold for the policies the brand makes from now on; the one in force stays until it is replaced."""
    made = runtime.policies.set_bounds(brand_id, hold=body.hold, takedown=body.takedown, by=principal.key_id)
    return BoundsOut.model_validate(made)


@router.post(
    "/replay",
    summary="Try a policy on the results there are",
    responses={200: {"model": ReplayOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def replay_policy(
    *, brand_id: str, body: PolicyIn, request: Request, runtime: RuntimeOf, principal: BrandOrOperator
) -> Response:
    """What judging the stored listings again under this policy would come to. Nothing is stored."""

    def work() -> Response:
        draft = _vetted(runtime, principal, brand_id, body)
        replayed = ReplayOut.model_validate(runtime.trials.replay(brand_id, draft).as_json())
        return JSONResponse(replayed.model_dump(mode="json"))

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(work))


def _vetted(runtime: Runtime, principal: Principal, brand_id: str, body: PolicyIn) -> Draft:
    """`body` as a draft that this caller may have for the brand."""
    rules = tuple(Rule(**one.model_dump()) for one in body.rules)
    draft = Draft(rules, tuple(_proof_rule(one) for one in body.proof_required))
    runtime.policies.vet(brand_id, draft, bound=principal.role != "operator")
    return draft


def _proof_rule(sent: ProofRuleIn) -> ProofRule:
    if isinstance(sent.min_price, PriceIn):
        return ProofRule(sent.category, Decimal(sent.min_price.amount), sent.min_price.currency)
    return ProofRule(sent.category, sent.min_price)


def _shown(policy: Policy, bounds: Bounds) -> PolicyOut:
    return PolicyOut(
        brand_id=policy.brand_id,
        version=policy.version,
        rules=[RuleOut.model_validate(one.as_json()) for one in policy.rules],
        proof_required=[one.as_json() for one in policy.proof_required],
        made_by=policy.made_by,
        created_at=policy.created_at,
        bounds=BoundsOut.model_validate(bounds),
    )
