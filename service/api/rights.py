"""`/v1/brands/{brand_id}/rights` and `…/verification`: what a brand owns, and whether an operator believes it."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, ValidationInfo, field_validator
from starlette.responses import JSONResponse, Response

from indexes.brands import BrandStatus
from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf
from service.api.sent import LastMoment, Sent, Territories
from service.api.tenants import require_brand
from service.errors import Missing
from service.forms import FormLimits, read_form
from service.idempotency import once
from service.keys import Principal
from service.rights import NewRight, Right, RightType
from service.rights.documents import PDF, media_type_of
from service.runtime import Runtime
from vision.images import DecodeLimits

router = APIRouter(prefix="/v1/brands/{brand_id}", tags=["rights"])

Owner = Annotated[Principal, Depends(require_brand("brand"))]
Reader = Annotated[Principal, Depends(require_brand("brand", "reviewer"))]
Operator = Annotated[Principal, Depends(require_brand("operator"))]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Vienna = Annotated[str, Field(pattern=r"^\d{1,2}(\.\d{1,2}){0,2}$")]
_REGISTERED = ("trademark", "design")
_ENDINGS = {PDF: "pdf", "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/tiff": "tiff"}


class RightIn(Sent):
    """A right. A trade mark or a design has a `registration_number`."""

    model_config = ConfigDict(extra="forbid")
    type: RightType
    office: Short | None = None
    registration_number: Annotated[Short | None, Field(validate_default=True)] = None
    title: Words = Field(description="The mark's text, or what the work or design is called.")
    owner: Words
    nice_classes: Annotated[list[Annotated[int, Field(ge=1, le=45)]], Field(max_length=45)] = Field([])
    vienna_codes: Annotated[list[Vienna], Field(max_length=100)] = Field([])
    territories: Territories = Field([])
    valid_until: LastMoment | None = None

    @field_validator("nice_classes", "vienna_codes")
    @classmethod
    def _once(cls, value: list[Any]) -> list[Any]:
        return list(dict.fromkeys(value))

    @field_validator("registration_number")
    @classmethod
    def _registered(cls, value: str | None, others: ValidationInfo) -> str | None:
        if value is None and others.data.get("type") in _REGISTERED:
            raise ValueError("a trade mark or a design has one")
        return value

    def value(self) -> NewRight:
        """As the service keeps it."""
        fields = self.model_dump()
        lists = {name: tuple(fields[name]) for name in ("nice_classes", "vienna_codes", "territories")}
        return NewRight(**fields | lists)


class RightOut(BaseModel):
    """A right on record; no `territories` is everywhere."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    brand_id: str
    type: RightType
    office: str | None
    registration_number: str | None
    title: str
    owner: str
    nice_classes: list[int]
    vienna_codes: list[str]
    territories: list[str]
    valid_until: datetime | None
    document_sha256: str | None
    document_media_type: str | None
    created_at: datetime


class RightPage(BaseModel):
    """A page of rights in the order they were added."""

    items: list[RightOut]
    next_cursor: str | None


class NewVerification(Sent):
    """What an operator decides, against which right, and why."""

    model_config = ConfigDict(extra="forbid")
    status: BrandStatus
    right_id: Annotated[str, Field(max_length=40)] | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class VerificationOut(BaseModel):
    """A decision about a brand, with the brand's status before it."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    brand_id: str
    status: BrandStatus
    before: BrandStatus
    right_id: str | None
    reason: str
    decided_by: str
    decided_at: datetime


class VerificationPage(BaseModel):
    """A page of decisions, newest first."""

    items: list[VerificationOut]
    next_cursor: str | None


_FORM = {
    "type": "object",
    "required": ["right"],
    "properties": {
        "right": {"type": "string", "contentMediaType": "application/json"},
        "document": {"type": "string", "format": "binary", "description": "A PDF or a picture."},
    },
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": RightIn.model_json_schema()},
        "multipart/form-data": {"schema": _FORM},
    },
}


@router.post(
    "/rights",
    status_code=201,
    summary="Put a right on record",
    responses={201: {"model": RightOut}},
    openapi_extra={"requestBody": _BODY},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def add_right(brand_id: str, request: Request, runtime: RuntimeOf, principal: Owner) -> Response:
    """JSON, or a form with the field `right` and a file `document`. What is on record is not changed any more."""
    right, document = await _read(request, runtime)
    digest = None if document is None else hashlib.sha256(document).hexdigest()

    def add() -> Response:
        made = _store(runtime, brand_id, right.value(), document, principal)
        return JSONResponse(_shown(made), 201, headers={"Location": f"/v1/brands/{brand_id}/rights/{made.id}"})

    content = {"right": right.model_dump(mode="json"), "document": digest}
    return await once(request, runtime, principal, content, lambda: run_in_threadpool(add))


@router.get("/rights", summary="List rights")
def list_rights(brand_id: str, runtime: RuntimeOf, _: Owner, limit: Limit = 50, cursor: Cursor = None) -> RightPage:
    """In the order they were added, those that ran out among them."""
    page = runtime.rights.list(brand_id, limit=limit, cursor=cursor)
    return RightPage(items=[RightOut.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.get("/rights/{right_id}", summary="Read a right")
def get_right(brand_id: str, right_id: str, runtime: RuntimeOf, _: Reader) -> RightOut:
    """One right."""
    return RightOut.model_validate(runtime.rights.get(brand_id, right_id))


@router.get("/rights/{right_id}/document", summary="Fetch its document", response_class=Response)
def get_document(brand_id: str, right_id: str, runtime: RuntimeOf, _: Reader) -> Response:
    """The bytes as they were uploaded, to be saved and not shown in the browser."""
    right = runtime.rights.get(brand_id, right_id)
    if right.document_sha256 is None or right.document_media_type is None:
        raise Missing("This right has no document.")
    name = f"{right.id}.{_ENDINGS.get(right.document_media_type, 'bin')}"
    headers = {
        "Cache-Control": "private, no-store",
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(runtime.blobs.get(right.document_sha256), media_type=right.document_media_type, headers=headers)


@router.post(
    "/verification",
    summary="Verify or suspend a brand",
    responses={200: {"model": VerificationOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def verify_brand(
    brand_id: str, body: NewVerification, request: Request, runtime: RuntimeOf, principal: Operator
) -> Response:
    """`verified` needs a right of that brand which is in force; every decision stays on record."""

    def decide() -> Response:
        made = runtime.verifications.decide(
            brand_id, body.status, right_id=body.right_id, reason=body.reason, decided_by=principal.key_id
        )
        return JSONResponse(VerificationOut.model_validate(made).model_dump(mode="json"))

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(decide))


@router.get("/verification", summary="What was decided about a brand")
def list_verifications(
    brand_id: str, runtime: RuntimeOf, _: Owner, limit: Limit = 50, cursor: Cursor = None
) -> VerificationPage:
    """Newest first; a brand sees what was decided about it, and why."""
    page = runtime.verifications.list(brand_id, limit=limit, cursor=cursor)
    items = [VerificationOut.model_validate(item) for item in page.items]
    return VerificationPage(items=items, next_cursor=page.next_cursor)


async def _read(request: Request, runtime: Runtime) -> tuple[RightIn, bytes | None]:
    if not request.headers.get("content-type", "").startswith("multipart/"):
        return _parse(await request.body()), None
    async with read_form(request, FormLimits(file_bytes=runtime.settings.image_max_bytes)) as form:
        file = form.file("document")
        document = None if file is None else await asyncio.to_thread(file.read)
        return _parse(form.require("right")), document


def _parse(body: bytes | str) -> RightIn:
    try:
        return RightIn.model_validate_json(body)
    except ValidationError as error:
        listed = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors(include_input=False)]
        raise RequestValidationError(listed) from error


def _store(runtime: Runtime, brand_id: str, new: NewRight, document: bytes | None, principal: Principal) -> Right:
    if document is None:
        return runtime.rights.add(brand_id, new, created_by=principal.key_id)
    settings = runtime.settings
    limits = DecodeLimits(max_bytes=settings.image_max_bytes, max_pixels=settings.image_max_pixels)
    kind = media_type_of(document, limits)
    sha256 = hashlib.sha256(document).hexdigest()
    with runtime.pictures.keep({sha256: document}):
        return runtime.rights.add(
            brand_id, new, created_by=principal.key_id, document_sha256=sha256, document_media_type=kind
        )


def _shown(right: Right) -> dict[str, Any]:
    return RightOut.model_validate(right).model_dump(mode="json")
