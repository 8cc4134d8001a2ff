"""`/v1/register`: any brand may bring itself, without a key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from indexes.brands import BrandStatus
from service.api.brands import Name
from service.api.dependencies import RuntimeOf
from service.api.sent import Sent

router = APIRouter(tags=["brands"])

Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=254, pattern=r"^[^@\s<>\"']{1,64}@[^@\s.]+(\.[^@\s.]+)+$")
]


class NewRegistration(Sent):
    """Who registers."""

    model_config = ConfigDict(extra="forbid")
    brand: Name
    contact_email: Email


class RegistrationMade(BaseModel):
    """The new brand; `key` is the secret and is never shown again."""

    model_config = ConfigDict(from_attributes=True)
    brand_id: str
    key: str
    status: BrandStatus


@router.post("/v1/register", status_code=201, summary="Register a brand")
def register(body: NewRegistration, request: Request, runtime: RuntimeOf) -> RegistrationMade:
    """Free, and for any brand. Its references are matched in shadow until an operator has verified it."""
    address = request.client.host if request.client else "unknown"
    made = runtime.registration.register(body.brand, body.contact_email, address=address)
    return RegistrationMade.model_validate(made)
