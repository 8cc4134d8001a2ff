"""`/v1/brands/{brand_id}/negatives`: pictures that are never flagged for a brand."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf
from service.api.tenants import require_brand
from service.api.waiting import result_of, while_connected
from service.authorised.negatives import Negative, NewNegative
from service.enrolment import media_type
from service.errors import Invalid
from service.forms import FormLimits, read_form
from service.idempotency import once
from service.keys import Principal
from service.pipeline import EmbeddedReference
from service.runtime import Runtime

router = APIRouter(prefix="/v1/brands/{brand_id}/negatives", tags=["authorised use"])

Owner = Annotated[Principal, Depends(require_brand("brand"))]
_NOTE = 2000
_FORM = {
    "type": "object",
    "required": ["image"],
    "properties": {
        "image": {"type": "string", "format": "binary"},
        "note": {"type": "string", "maxLength": _NOTE},
    },
}


class NegativeOut(BaseModel):
    """A picture that is never flagged."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    brand_id: str
    sha256: str
    width: int
    height: int
    media_type: str
    note: str | None
    created_at: datetime


class NegativePage(BaseModel):
    """A page of pictures in the order they were added."""

    items: list[NegativeOut]
    next_cursor: str | None


@router.post(
    "",
    status_code=201,
    summary="Never flag a picture",
    responses={201: {"model": NegativeOut}},
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def add_negative(brand_id: str, request: Request, runtime: RuntimeOf, principal: Owner) -> Response:
    """For listings judged from now on, as this file or as an edited copy. Matches in it are shown with its id."""
    async with read_form(request, FormLimits(file_bytes=runtime.settings.image_max_bytes)) as form:
        note = form.get("note")
        if len(note or "") > _NOTE:
            errors = [{"loc": ["body", "note"], "msg": f"at most {_NOTE} characters"}]
            raise Invalid("The note is too long; shorten it and send again.", errors=errors)
        data = await asyncio.to_thread(form.require_file("image").read)
        content = form.content()

    async def work() -> Response:
        embedded = await while_connected(request, result_of(runtime.pipeline.reference(data, "photo")))
        made = await asyncio.to_thread(_store, runtime, brand_id, data, embedded, note, principal.key_id)
        return JSONResponse(NegativeOut.model_validate(made).model_dump(mode="json"), 201)

    return await once(request, runtime, principal, content, work)


@router.get("", summary="List pictures that are never flagged")
def list_negatives(
    brand_id: str, runtime: RuntimeOf, _: Owner, limit: Limit = 50, cursor: Cursor = None
) -> NegativePage:
    """In the order they were added."""
    page = runtime.negatives.list(brand_id, limit=limit, cursor=cursor)
    return NegativePage(items=[NegativeOut.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.delete("/{negative_id}", status_code=204, summary="Flag a picture again")
def delete_negative(brand_id: str, negative_id: str, runtime: RuntimeOf, _: Owner) -> None:
    """Listings judged from now on are flagged for it again; the picture is erased where nothing else needs it."""
    runtime.pictures.release([runtime.negatives.delete(brand_id, negative_id)])


def _store(  # noqa: PLR0917 - called in a thread
    runtime: Runtime, brand_id: str, data: bytes, embedded: EmbeddedReference, note: str | None, key_id: str
) -> Negative:
    picture = embedded.picture
    new = NewNegative(picture.sha256, picture.width, picture.height, media_type(picture.format), note)
    with runtime.pictures.keep({picture.sha256: data}):
        return runtime.negatives.add(
            brand_id, new, space=embedded.space.id, vector=embedded.regions.vectors[0], created_by=key_id
        )
