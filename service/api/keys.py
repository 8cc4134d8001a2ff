"""`/v1/keys`: make, list and revoke keys. Operators only; a secret is shown once, in the answer that makes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from service.api.dependencies import Cursor, Limit, RuntimeOf, public_url, require
from service.api.sent import Sent
from service.keys import KeyRole
from service.marketplaces import DEFAULT

router = APIRouter(prefix="/v1/keys", tags=["keys"], dependencies=[Depends(require("operator"))])


Email = Annotated[str, Field(max_length=254, pattern=r"^[^@\s<>\"']+@[^@\s<>\"']+$")]


class NewKey(Sent):
    """What to make."""

    role: KeyRole
    name: Annotated[str, Field(min_length=1, max_length=200)]
    brand_id: Annotated[str, Field(max_length=40)] | None = Field(
        None, description="Whose key; with the role `brand` only."
    )
    marketplace: Annotated[str, Field(max_length=64)] | None = Field(
        None, description="Whose listings; with the role `ingest` only, else `default`."
    )
    email: Email | None = Field(None, description="Of the person who signs in with it by OpenID Connect.")


class KeyOut(BaseModel):
    """A key without its secret."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    role: KeyRole
    name: str
    brand_id: str | None
    marketplace: str | None
    email: str | None
    created_at: datetime


class KeyMade(KeyOut):
    """A new key; `key` is the secret and is never shown again."""

    key: str


class SignInLinkMade(BaseModel):
    """A link that signs in once, as the key it was made for; shown once."""

    url: str
    expires_at: datetime


class KeyPage(BaseModel):
    """A page of keys, newest first."""

    items: list[KeyOut]
    next_cursor: str | None


@router.post("", status_code=201, summary="Make a key")
def make_key(body: NewKey, runtime: RuntimeOf) -> KeyMade:
    """Two live keys of one tenant may exist at once: make the new one, switch, delete the old one."""
    if body.brand_id is not None:
        runtime.brands.get(body.brand_id)
    marketplace = body.marketplace
    if body.role == "ingest":
        marketplace = runtime.marketplaces.get(marketplace or DEFAULT).slug
    key, secret = runtime.keys.create(
        body.role, body.name, brand_id=body.brand_id, marketplace=marketplace, email=body.email
    )
    return KeyMade(key=secret, **KeyOut.model_validate(key).model_dump())


@router.get("", summary="List keys")
def list_keys(runtime: RuntimeOf, limit: Limit = 50, cursor: Cursor = None) -> KeyPage:
    """Without secrets, newest first."""
    page = runtime.keys.list(limit=limit, cursor=cursor)
    return KeyPage(items=[KeyOut.model_validate(key) for key in page.items], next_cursor=page.next_cursor)


@router.delete("/{key_id}", status_code=204, summary="Revoke a key")
def delete_key(key_id: str, runtime: RuntimeOf) -> None:
    """The key stops working with this answer."""
    runtime.keys.delete(key_id)


@router.post("/{key_id}/sign-in-link", status_code=201, summary="Make a one-time sign-in link")
def make_sign_in_link(key_id: str, request: Request, runtime: RuntimeOf) -> SignInLinkMade:
    """For a person who is to use the pages with this key, without seeing it. Works once, for fifteen minutes."""
    token, expires_at = runtime.sign_in_links.make(key_id)
    return SignInLinkMade(url=f"{public_url(request, runtime)}/login/link?token={token}", expires_at=expires_at)
