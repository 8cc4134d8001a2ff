"""`GET /v1/cases/{case_id}/packet`, and the key that signs packets."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from service.api.dependencies import RuntimeOf, require
from service.cases import acting_as
from service.keys import Principal

router = APIRouter(tags=["cases"])

Party = Annotated[Principal, Depends(require("reviewer", "brand", "seller"))]


class InstallationKeyOut(BaseModel):
    """The public half of the key: 32 bytes in base64, and the same as PEM."""

    key_id: str
    algorithm: str
    public_key: str
    pem: str


@router.get("/v1/cases/{case_id}/packet", summary="Take the evidence along", response_class=Response)
def get_packet(case_id: str, runtime: RuntimeOf, principal: Party) -> Response:
    """A signed zip of everything the case rests on, as you may see it; `brandwarden verify-packet` checks it."""
    case = runtime.cases.find_for(principal, case_id)
    headers = {
        "Content-Disposition": f'attachment; filename="{case.id}.zip"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(runtime.packets.make(case, acting_as(principal)), media_type="application/zip", headers=headers)


@router.get("/v1/installation-key", summary="The key that signs evidence packets")
def get_installation_key(runtime: RuntimeOf) -> InstallationKeyOut:
    """For everybody who is handed a packet."""
    return InstallationKeyOut(**runtime.packets.key.public.as_json())
