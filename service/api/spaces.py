"""`/v1/spaces`: the models whose vectors are compared, and the steps from one to the next. Operators only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from service.api.catalogs import JobStarted
from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, RuntimeOf, require
from service.api.sent import Sent
from service.idempotency import once
from service.keys import Principal
from service.runtime import Runtime
from service.spaces import Space, SpaceStatus
from service.spaces.life import Asked

router = APIRouter(prefix="/v1/spaces", tags=["spaces"])
Operator = Annotated[Principal, Depends(require("operator"))]
Step = Literal["shadow", "promote", "rollback"]


class SpaceOut(BaseModel):
    """A space: a model, where it stands, and the state of its index in the process that answers."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    model: str
    status: SpaceStatus
    photo_dim: int
    logo_dim: int
    calibration: str
    calibrated: bool
    share: float = Field(description="Share of the live listings that it judges in shadow.")
    previous: str | None = Field(description="The space that a rollback returns to.")
    job_id: str | None = Field(description="The job that prepared it.")
    problem: dict[str, Any] | None = Field(description="Why it failed.")
    created_at: datetime
    changed_at: datetime
    index_generation: int | None = Field(None, description="None where it is not loaded.")
    stale: bool | None = None
    vectors: dict[str, int] | None = Field(None, description="Vectors in the index, by kind.")
    without_vectors: int | None = Field(None, description="Active references that it does not match.")


class SpaceEventOut(BaseModel):
    """One step of a space's life."""

    model_config = ConfigDict(from_attributes=True)
    status: SpaceStatus
    by: str
    reason: str | None
    at: datetime


class ChangeOut(BaseModel):
    """Listings whose decision would be another."""

    before: str = Field(alias="from")
    after: str = Field(alias="to")
    listings: int


class BrandShadowOut(BaseModel):
    """Matches of one brand: found by both models, and by one of them alone."""

    brand_id: str
    brand: str
    both: int
    only_current: int
    only_candidate: int


class ExampleOut(BaseModel):
    """A listing to look at: its decision would be another."""

    marketplace: str
    listing_id: str
    before: str = Field(alias="from")
    after: str = Field(alias="to")
    current_confidence: float
    candidate_confidence: float
    at: datetime


class ShadowOut(BaseModel):
    """What a candidate made of live listings. Milliseconds are means for a picture: search and verification of both
    models, and the candidate's pass of the backbone."""

    listings: int
    pictures: int
    shed: int = Field(description="Passed over because the service was busy.")
    failed: int
    agreement: float | None = Field(description="Share of listings with the same decision.")
    current_ms: float | None
    candidate_ms: float | None
    embed_ms: float | None
    changes: list[ChangeOut]
    brands: list[BrandShadowOut]
    examples: list[ExampleOut]


class SpaceWhole(SpaceOut):
    """A space with what is known of its quality and its history, the newest first."""

    gate: dict[str, Any] | None = Field(description="The report of `brandwarden-train gate`.")
    shadow: ShadowOut | None = Field(description="What it found in shadow; None before the first listing.")
    events: list[SpaceEventOut]


class SpacePage(BaseModel):
    """The spaces there are, the newest first."""

    items: list[SpaceOut]
    next_cursor: None


class NewSpace(Sent):
    """What to embed with."""

    model_config = ConfigDict(extra="forbid")
    model: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="A shipped model, `name/pretrained`, `hf-hub:…` or `local-dir:…` on the service's machines."
    )


class GatedModel(BaseModel):
    """One side of a gate."""

    model_config = ConfigDict(extra="allow")
    space: Annotated[str, Field(max_length=80)]


class Gate(BaseModel):
    """The report of `brandwarden-train gate`; further members are kept as they are."""

    model_config = ConfigDict(extra="allow")
    candidate: GatedModel
    current: GatedModel
    passed: bool
    failed: list[str] = []


class StepTaken(Sent):
    """What goes with a step. `share` is for shadow, `gate` for shadow and promote."""

    model_config = ConfigDict(extra="forbid")
    reason: Annotated[str, Field(min_length=1, max_length=2000)] | None = Field(
        None, description="Kept in the history; lets a space be promoted that has passed no gate."
    )
    share: Annotated[float, Field(ge=0, le=1)] | None = Field(None, description="0 ends the shadow.")
    gate: Gate | None = None


@router.get("", summary="List spaces")
def list_spaces(runtime: RuntimeOf, _principal: Operator) -> SpacePage:
    """The newest first; the active one judges."""
    return SpacePage(
        items=[SpaceOut(**shown(runtime, space)) for space in runtime.spaces.records.all()], next_cursor=None
    )


@router.get("/{space_id}", summary="Read a space")
def get_space(space_id: str, runtime: RuntimeOf, _principal: Operator) -> SpaceWhole:
    """With its gate and its history."""
    return _whole(runtime, runtime.spaces.records.get(space_id))


@router.post(
    "",
    status_code=202,
    response_model=JobStarted,
    summary="Embed with another model",
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def make_space(body: NewSpace, request: Request, runtime: RuntimeOf, principal: Operator) -> Response:
    """The model is loaded and tried before the answer; every reference is embedded by the job. Serving goes on."""

    def make() -> Response:
        space, job = runtime.life.start(body.model, principal)
        document = {"job_id": job.id, "space_id": space.id}
        return JSONResponse(document, 202, headers={"Location": f"/v1/jobs/{job.id}"})

    return await once(request, runtime, principal, body.model_dump(), lambda: run_in_threadpool(make))


@router.post(
    "/{space_id}/{step}",
    summary="Shadow, promote or roll back a space",
    responses={200: {"model": SpaceWhole}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def move_space(
    *,
    space_id: str,
    step: Step,
    request: Request,
    runtime: RuntimeOf,
    principal: Operator,
    body: StepTaken | None = None,
) -> Response:
    """`shadow` judges live listings beside the active space, `promote` takes its place, `rollback` (of the active
    one) puts the one before it back. Other processes follow within seconds."""
    sent = body or StepTaken(reason=None, share=None)

    def move() -> Response:
        moved = _moved(runtime, space_id, step, sent, Asked(principal.key_id, sent.reason))
        return JSONResponse(_whole(runtime, moved).model_dump(mode="json", by_alias=True))

    return await once(request, runtime, principal, sent.model_dump(mode="json"), lambda: run_in_threadpool(move))


@router.delete("/{space_id}", status_code=204, summary="Forget a space")
def delete_space(space_id: str, runtime: RuntimeOf, _principal: Operator) -> None:
    """With its vectors and statistics; the active one is 409."""
    runtime.life.delete(space_id)


def shown(runtime: Runtime, space: Space) -> dict[str, Any]:
    """The members of a space, with the state of its index where it is loaded."""
    members = {name: getattr(space, name) for name in SpaceOut.model_fields if hasattr(space, name)}
    if (loaded := runtime.spaces.find(space.id)) is not None:
        status = loaded.gallery.status()
        members |= {name: status[name] for name in ("stale", "vectors", "without_vectors")}
        members["index_generation"] = status["generation"]
    return members


def _whole(runtime: Runtime, space: Space) -> SpaceWhole:
    events = [SpaceEventOut.model_validate(event) for event in runtime.spaces.records.events(space)]
    read = runtime.statistics.read(space.pk)
    figures = None if read is None else ShadowOut.model_validate(read)
    return SpaceWhole(**shown(runtime, space), gate=space.gate, events=events, shadow=figures)


def _moved(runtime: Runtime, space_id: str, step: Step, sent: StepTaken, asked: Asked) -> Space:
    gate = None if sent.gate is None else sent.gate.model_dump(mode="json")
    match step:
        case "shadow":
            return runtime.life.shadow(space_id, asked, share=sent.share, gate=gate)
        case "promote":
            return runtime.life.promote(space_id, asked, gate=gate)
        case "rollback":
            return runtime.life.roll_back(space_id, asked)
