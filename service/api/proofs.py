"""`/v1/cases/{case_id}/proofs`: what a seller shows for a held listing. A document is only ever an attachment."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, RuntimeOf, require
from service.cases import Case, acting_as
from service.errors import Invalid
from service.forms import Form, FormLimits, read_form
from service.idempotency import once
from service.keys import Principal
from service.proofs import PROOF_TYPES, Proof, ProofType, Said
from service.runtime import Runtime

router = APIRouter(prefix="/v1/cases/{case_id}/proofs", tags=["cases"])

Seller = Annotated[Principal, Depends(require("seller"))]
Party = Annotated[Principal, Depends(require("reviewer", "brand", "seller"))]

_LONGEST = 100
_ENDINGS = {"application/pdf": "pdf", "image/jpeg": "jpg"}
_FORM = {
    "type": "object",
    "required": ["document", "type", "number"],
    "properties": {
        "document": {"type": "string", "format": "binary", "description": "A PDF or a picture."},
        "type": {"type": "string", "enum": list(PROOF_TYPES)},
        "number": {"type": "string", "maxLength": _LONGEST},
        "valid_until": {"type": "string", "format": "date", "description": "The last day it holds."},
    },
}
_HARMLESS = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


class CheckOut(BaseModel):
    """One thing that was looked at. `cases` are the other cases concerned; only reviewers are given them."""

    name: str
    outcome: str
    detail: str
    cases: list[str] | None = None


class ProofOut(BaseModel):
    """A document of a case. Size and SHA-256 are those of the file as it was sent."""

    id: str
    type: ProofType
    number: str
    valid_until: date | None
    media_type: str
    pages: int
    size: int
    sha256: str
    received_at: datetime
    checks: list[CheckOut]


@router.post(
    "",
    status_code=201,
    summary="Send a proof",
    responses={201: {"model": ProofOut}},
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def send_proof(case_id: str, request: Request, runtime: RuntimeOf, principal: Seller) -> Response:
    """While the listing is held; the brand's clock runs from then on. What is harmful or out of date is refused."""
    case = await asyncio.to_thread(runtime.cases.find_for, principal, case_id)
    async with read_form(request, FormLimits(file_bytes=runtime.settings.image_max_bytes)) as form:
        said = _said(form)
        data = await asyncio.to_thread(form.require_file("document").read)
        content = form.content()

    def file() -> Response:
        acting = acting_as(principal)
        proof = runtime.proofs.file(case, acting, data, said)
        with runtime.database.read() as connection:
            shown = runtime.proofs.show(connection, [case], acting)[case.id]
        document = next(entry for entry in shown if entry["id"] == proof.id)
        return JSONResponse(document, 201, headers={"Location": f"/v1/cases/{case.id}/proofs/{proof.id}/document"})

    return await once(request, runtime, principal, content, lambda: asyncio.to_thread(file))


@router.get("/{proof_id}/document", summary="Read a proof", response_class=Response)
def get_document(case_id: str, proof_id: str, runtime: RuntimeOf, principal: Party) -> Response:
    """As an attachment: a PDF without scripts and embedded files, or a picture written anew from its pixels."""
    _case, proof = _find(runtime, principal, case_id, proof_id)
    name = f"{proof.id}.{_ENDINGS.get(proof.media_type, 'bin')}"
    headers = {**_HARMLESS, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(runtime.proofs.document(proof), media_type=proof.media_type, headers=headers)


@router.get("/{proof_id}/preview", summary="Look at a proof", response_class=Response)
def get_preview(case_id: str, proof_id: str, runtime: RuntimeOf, principal: Party) -> Response:
    """The first page as a PNG."""
    _case, proof = _find(runtime, principal, case_id, proof_id)
    headers = {**_HARMLESS, "Content-Disposition": f'inline; filename="{proof.id}.png"'}
    return Response(runtime.proofs.preview(proof), media_type="image/png", headers=headers)


def _find(runtime: Runtime, principal: Principal, case_id: str, proof_id: str) -> tuple[Case, Proof]:
    case = runtime.cases.find_for(principal, case_id)
    return case, runtime.proofs.find(case, proof_id)


def _said(form: Form) -> Said:
    number, wrong = form.require("number"), []
    match form.require("type"):
        case "invoice" | "authorisation" as kind:
            pass
        case _:
            raise Invalid("type is invoice or authorisation.", errors=[{"loc": ["body", "type"], "msg": "unknown"}])
    if len(number) > _LONGEST or not Said(kind, number).number_key:
        wrong.append({"loc": ["body", "number"], "msg": f"1 to {_LONGEST} characters, a letter or a digit among them"})
    until = None
    if (text := form.get("valid_until")) is not None:
        try:
            until = date.fromisoformat(text[:10])
            if len(text) > 10:
                datetime.fromisoformat(text)
        except ValueError:
            wrong.append({"loc": ["body", "valid_until"], "msg": "a date such as 2027-01-31"})
    if wrong:
        raise Invalid("A field is not as it should be; mend it and send again.", errors=wrong)
    return Said(kind, number, until)
