"""`POST /v1/brands/{brand_id}/catalogs`: a whole catalogue at once, worked through as a job."""

from __future__ import annotations

from typing import Annotated, get_args

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.responses import JSONResponse

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, RuntimeOf, require
from service.catalogs import Mode, Source
from service.errors import Invalid, Missing
from service.forms import Form, FormFile, FormLimits, missing_field, read_form
from service.idempotency import once
from service.keys import Principal

router = APIRouter(prefix="/v1/brands/{brand_id}/catalogs", tags=["references"])
_MULTIPART = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "archive": {"type": "string", "format": "binary", "description": "zip of pictures"},
                        "feed": {"type": "string", "format": "binary", "description": "CSV, TSV, JSON Lines or XML"},
                        "mode": {"type": "string", "enum": ["add", "replace"], "default": "add"},
                    },
                }
            }
        },
    }
}


class JobStarted(BaseModel):
    """Long work has begun; `Location` names its job."""

    job_id: str


@router.post(
    "", status_code=202, response_model=JobStarted, openapi_extra=_MULTIPART, dependencies=[TAKES_IDEMPOTENCY_KEY]
)
async def import_catalog(
    brand_id: str,
    request: Request,
    runtime: RuntimeOf,
    principal: Annotated[Principal, Depends(require("brand"))],
) -> Response:
    """Send a file `archive` (zip) or `feed`; `mode` `replace` also disables what the upload does not name."""
    if not principal.may_see_brand(brand_id):
        raise Missing
    await run_in_threadpool(runtime.brands.get, brand_id)
    limits = FormLimits(file_bytes=runtime.settings.catalog_max_bytes, files=1, fields=5)
    async with read_form(request, limits) as form:
        source, upload, mode = _upload(form)

        async def work() -> Response:
            accept = runtime.catalog_imports.accept
            job = await run_in_threadpool(accept, brand_id, source, upload, mode, principal)
            return JSONResponse({"job_id": job.id}, status_code=202, headers={"Location": f"/v1/jobs/{job.id}"})

        return await once(request, runtime, principal, form.content(), work)


def _upload(form: Form) -> tuple[Source, FormFile, Mode]:
    mode = form.get("mode") or "add"
    if mode not in get_args(Mode):
        raise Invalid("The mode is add or replace.", errors=[{"loc": ["body", "mode"], "msg": "add or replace"}])
    sources: list[Source] = ["archive", "feed"]
    for source in sources:
        upload = form.file(source)
        if upload is not None:
            return source, upload, "replace" if mode == "replace" else "add"
    raise missing_field("archive' or 'feed", what="file")
