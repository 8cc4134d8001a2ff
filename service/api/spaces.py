"""`/v1/spaces`: the models whose vectors are compared. For now there is one; changing it comes with a later release."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from service.api.dependencies import RuntimeOf, require
from service.api.sent import Sent
from service.errors import NotBuiltYet
from service.openapi import ProblemDocument
from service.problems import ProblemResponse

router = APIRouter(prefix="/v1/spaces", tags=["spaces"], dependencies=[Depends(require("operator"))])

_LATER = "This release serves one model; set BRANDWARDEN_MODEL and run `brandwarden rebuild` to change it."

_NOT_YET: dict[str, Any] = {
    "status_code": 501,
    "response_class": ProblemResponse,
    "responses": {501: {"model": ProblemDocument, "description": "Not in this release."}},
}


class SpaceOut(BaseModel):
    """A space: a model, and the state of its index."""

    id: str
    model: str
    status: Literal["active"]
    photo_dim: int
    logo_dim: int
    calibration: str
    calibrated: bool
    index_generation: int
    stale: bool
    vectors: dict[str, int] = Field(description="Vectors in the index, by kind.")
    without_vectors: int = Field(description="Active references made by another model, which are not matched.")


class SpacePage(BaseModel):
    """The spaces there are."""

    items: list[SpaceOut]
    next_cursor: None


class NewSpace(Sent):
    """What to embed with."""

    model: Annotated[str, Field(min_length=1, max_length=500)]


@router.get("", summary="List spaces")
def list_spaces(runtime: RuntimeOf) -> SpacePage:
    """The one that is served, with the state of its index."""
    space, status, calibration = runtime.embedder.space, runtime.gallery.status(), runtime.calibration
    only = SpaceOut(
        id=space.id,
        model=space.model,
        status="active",
        photo_dim=space.photo_dim,
        logo_dim=space.logo_dim,
        calibration=calibration.version,
        calibrated=calibration.calibrated,
        index_generation=status["generation"],
        stale=status["stale"],
        vectors=status["vectors"],
        without_vectors=status["without_vectors"],
    )
    return SpacePage(items=[only], next_cursor=None)


@router.post("", summary="Embed with another model", **_NOT_YET)
def make_space(body: NewSpace) -> None:
    """Not implemented in this release: 501."""
    raise NotBuiltYet(f"{_LATER} {body.model} was not loaded.")


@router.post("/{space_id}/{step}", summary="Shadow, promote or roll back a space", **_NOT_YET)
def move_space(space_id: str, step: Literal["shadow", "promote", "rollback"]) -> None:
    """Not implemented in this release: 501."""
    raise NotBuiltYet(f"{_LATER} {space_id} was not asked to {step}.")
