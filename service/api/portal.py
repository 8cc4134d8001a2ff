"""`/v1/brands/{brand_id}/manager`, `…/messages` and `…/figures`: what the portal shows, without pages."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.sent import Sent
from service.api.tenants import require_brand
from service.errors import Missing
from service.idempotency import once
from service.keys import Principal
from service.portal.figures import figures_of
from service.portal.managers import MOST_TEXT, Manager, Message
from service.stamps import stamp

router = APIRouter(prefix="/v1/brands/{brand_id}", tags=["portal"])
Watching = Annotated[Principal, Depends(require_brand("brand", "reviewer"))]


class NewManager(Sent):
    """Who looks after the brand."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1, max_length=200)]
    key_id: Annotated[str, Field(max_length=40)] | None = None


class MessageOut(BaseModel):
    """What was written. `author` is `brand`, `reviewer` or `operator`."""

    id: str
    author: str
    text: str
    at: str


class NewMessage(Sent):
    """A message."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)]


@router.put("/manager", summary="Name a brand's case manager", dependencies=[Depends(require("operator"))])
def assign_manager(brand_id: str, body: NewManager, runtime: RuntimeOf) -> dict[str, Any]:
    """The brand sees the name; the conversation with the one before stays."""
    return manager_json(runtime.managers.assign(brand_id, body.name, key_id=body.key_id))


@router.get("/manager", summary="Read a brand's case manager")
def read_manager(brand_id: str, runtime: RuntimeOf, _asker: Watching) -> dict[str, Any]:
    """404 before one is named."""
    found = runtime.managers.manager(brand_id)
    if found is None:
        raise Missing
    return manager_json(found)


@router.get("/messages", summary="List the messages of a brand and its case manager")
def list_messages(
    brand_id: str, runtime: RuntimeOf, _asker: Watching, limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    """Newest first."""
    page = runtime.managers.messages(brand_id, limit=limit, cursor=cursor)
    return {"items": [message_json(item) for item in page.items], "next_cursor": page.next_cursor}


@router.post(
    "/messages",
    status_code=201,
    responses={201: {"model": MessageOut}},
    summary="Write to a brand's case manager, or to the brand",
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def add_message(
    brand_id: str, body: NewMessage, request: Request, runtime: RuntimeOf, principal: Watching
) -> Response:
    """A message about one case goes to the case."""

    def add() -> Response:
        made = runtime.managers.write(brand_id, body.text, role=principal.role, key_id=principal.key_id)
        return JSONResponse(message_json(made), 201)

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(add))


@router.get("/figures", summary="Read a brand's figures")
def read_figures(brand_id: str, runtime: RuntimeOf, _asker: Watching) -> dict[str, Any]:
    """Of the last ninety days; `waiting` is now."""
    return dataclasses.asdict(figures_of(runtime.database, brand_id))


def manager_json(manager: Manager) -> dict[str, Any]:
    """As the interface shows it; which key it is stays with the operator."""
    return {"name": manager.name, "since": stamp(manager.since)}


def message_json(message: Message) -> dict[str, Any]:
    """As the interface shows it."""
    return {"id": message.id, "author": message.author, "text": message.text, "at": stamp(message.at)}
