"""`/v1/brands/{brand_id}/references`: the pictures a brand protects."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from indexes.catalog import Reference
from indexes.errors import NotFound
from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.sent import Sent
from service.api.stored import picture_response
from service.api.waiting import result_of, while_connected
from service.errors import Forbidden, Invalid, Missing
from service.forms import Form, FormLimits, read_form
from service.idempotency import once
from service.keys import Principal
from service.runtime import Runtime
from vision.embedding import Kind

router = APIRouter(prefix="/v1/brands/{brand_id}/references", tags=["references"])

Writer = Annotated[Principal, Depends(require("brand"))]
Reader = Annotated[Principal, Depends(require("brand", "reviewer"))]
Status = Literal["active", "disabled", "quarantined"]

_LONGEST = {"external_id": 200, "title": 2000, "gtin": 32, "right_id": 40}
_FORM = {
    "type": "object",
    "required": ["image", "kind"],
    "properties": {
        "image": {"type": "string", "format": "binary"},
        "kind": {"type": "string", "enum": ["photo", "logo"]},
        **{name: {"type": "string", "maxLength": longest} for name, longest in _LONGEST.items()},
    },
}
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif", "image/bmp": "bmp"}


class ReferenceOut(BaseModel):
    """A reference."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    brand_id: str
    kind: Kind
    external_id: str | None
    title: str | None
    gtin: str | None
    right_id: str | None
    width: int
    height: int
    sha256: str
    media_type: str
    status: Status
    created_at: datetime
    updated_at: datetime


class ReferencePage(BaseModel):
    """A page of references in the order they were added."""

    items: list[ReferenceOut]
    next_cursor: str | None


class ReferenceChange(Sent):
    """What to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(max_length=_LONGEST["title"])] | None = None
    gtin: Annotated[str, Field(max_length=_LONGEST["gtin"])] | None = None
    status: Literal["active", "disabled"] = "active"


@router.post(
    "",
    status_code=201,
    summary="Add a reference",
    responses={201: {"model": ReferenceOut}},
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def add_reference(brand_id: str, request: Request, runtime: RuntimeOf, principal: Writer) -> Response:
    """Searchable when the answer arrives. A used `external_id` of that brand and kind is 409 with `existing_id`."""
    await asyncio.to_thread(check_may_enrol, runtime, principal, brand_id)
    async with read_form(request, FormLimits(file_bytes=runtime.settings.image_max_bytes)) as form:
        kind, fields = _fields(form)
        data = await asyncio.to_thread(form.require_file("image").read)
        content = form.content()
    await asyncio.to_thread(_check_right, runtime, brand_id, fields["right_id"])

    async def work() -> Response:
        await asyncio.to_thread(runtime.enrolment.known, brand_id, kind, fields["external_id"])
        embedded = await while_connected(request, result_of(runtime.enrolment.embed(data, kind)))
        reference = await asyncio.to_thread(runtime.enrolment.store, brand_id, kind, data, embedded, fields)
        document = ReferenceOut.model_validate(reference).model_dump(mode="json")
        return JSONResponse(document, 201, headers={"Location": f"/v1/brands/{brand_id}/references/{reference.id}"})

    return await once(request, runtime, principal, content, work)


@router.get("", summary="List references")
def list_references(
    *,
    brand_id: str,
    runtime: RuntimeOf,
    principal: Reader,
    kind: Kind | None = None,
    status: Status | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    q: Annotated[str | None, Query(max_length=200, description="Words to search for.")] = None,
) -> ReferencePage:
    """In the order they were added; with `q` the best answers first, on one page.

    Words are looked for in titles, ids and GTINs and, where the model can, in what the pictures show.
    """
    check_brand(runtime, principal, brand_id)
    if q is not None:
        found = runtime.find_words(runtime.brands.get(brand_id), q, kind=kind, status=status, limit=limit)
        return ReferencePage(items=[ReferenceOut.model_validate(item) for item in found], next_cursor=None)
    page = runtime.catalog.list(brand_id, kind=kind, status=status, limit=limit, cursor=cursor)
    return ReferencePage(items=[ReferenceOut.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/{reference_id}", summary="Read a reference")
def get_reference(brand_id: str, reference_id: str, runtime: RuntimeOf, principal: Reader) -> ReferenceOut:
    """One reference."""
    return ReferenceOut.model_validate(_reference(runtime, principal, brand_id, reference_id))


@router.get("/{reference_id}/image", summary="Read its picture", response_class=Response)
def get_image(brand_id: str, reference_id: str, request: Request, runtime: RuntimeOf, principal: Reader) -> Response:
    """The bytes as they were uploaded."""
    reference = _reference(runtime, principal, brand_id, reference_id)
    media = (reference.media_type, _EXTENSIONS.get(reference.media_type, "bin"))
    return picture_response(request, runtime, reference.sha256, reference.id, media=media)


@router.patch("/{reference_id}", summary="Change a reference")
def change_reference(
    brand_id: str, reference_id: str, body: ReferenceChange, runtime: RuntimeOf, principal: Writer
) -> ReferenceOut:
    """Disabled means not matched any more when the answer arrives. What is quarantined only an operator frees."""
    reference = _reference(runtime, principal, brand_id, reference_id)
    changes = body.model_dump(exclude_unset=True)
    if "status" in changes and reference.status == "quarantined" and principal.role != "operator":
        raise Forbidden("This reference is quarantined; an operator has to look at it first.")
    return ReferenceOut.model_validate(runtime.enrolment.update(reference_id, **changes))


@router.delete("/{reference_id}", status_code=204, summary="Erase a reference")
def delete_reference(brand_id: str, reference_id: str, runtime: RuntimeOf, principal: Writer) -> None:
    """Its row, vectors and picture are gone when the answer arrives."""
    _reference(runtime, principal, brand_id, reference_id)
    runtime.enrolment.delete(reference_id)


def check_brand(runtime: Runtime, principal: Principal, brand_id: str) -> None:
    """`Missing` for another's brand and for one that does not exist, alike."""
    if not principal.may_see_brand(brand_id):
        raise Missing
    runtime.brands.get(brand_id)


def check_may_enrol(runtime: Runtime, principal: Principal, brand_id: str) -> None:
    """As `check_brand`; `Forbidden` while the brand is suspended."""
    check_brand(runtime, principal, brand_id)
    if runtime.brands.get(brand_id).status == "suspended":
        raise Forbidden("This brand is suspended and takes no new pictures; ask the operator.")


def _check_right(runtime: Runtime, brand_id: str, right_id: str | None) -> None:
    """`Invalid` for a right that is not the brand's, another's and one that does not exist alike."""
    if right_id is None:
        return
    try:
        runtime.rights.get(brand_id, right_id)
    except NotFound:
        errors = [{"loc": ["body", "right_id"], "msg": "the brand has no such right"}]
        raise Invalid("Name a right of this brand, or leave right_id out.", errors=errors) from None


def _reference(runtime: Runtime, principal: Principal, brand_id: str, reference_id: str) -> Reference:
    if not principal.may_see_brand(brand_id):
        raise Missing
    reference = runtime.catalog.get(reference_id)
    if reference.brand_id != brand_id:
        raise Missing
    return reference


def _fields(form: Form) -> tuple[Kind, dict[str, str | None]]:
    fields = {name: form.get(name) for name in _LONGEST}
    wrong = [
        {"loc": ["body", name], "msg": f"at most {longest} characters"}
        for name, longest in _LONGEST.items()
        if len(fields[name] or "") > longest
    ]
    match form.require("kind"):
        case "photo" | "logo" as kind if not wrong:
            return kind, fields
        case "photo" | "logo":
            raise Invalid("A field is too long; shorten it and send again.", errors=wrong)
    raise Invalid("kind is photo or logo.", errors=[{"loc": ["body", "kind"], "msg": "photo or logo"}, *wrong])
