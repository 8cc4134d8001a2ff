"""`/v1/webhooks`: who is told of what, and what became of each message. Operators only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.sent import Sent
from service.idempotency import once
from service.keys import Principal
from service.policies.decisions import Decision
from service.webhooks import Delivery, DeliveryState

_operator = require("operator")
router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"], dependencies=[Depends(_operator)])
Operator = Annotated[Principal, Depends(_operator)]
Event = Annotated[str, Field(max_length=64, pattern=r"^[a-z]+\.([a-z_]+|\*)$")]


class NewWebhook(Sent):
    """Where to send what."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(min_length=1, max_length=2048)]
    events: Annotated[list[Event], Field(min_length=1, max_length=50)] = Field(
        description="`listing.decided`, `case.<state>`, `reference.<status>`; `case.*` is every state."
    )
    marketplace: Annotated[str, Field(max_length=64)] | None = Field(None, description="Only what happens there.")
    decisions: Annotated[list[Decision], Field(min_length=1, max_length=10)] | None = Field(
        None, description="Only listings decided so."
    )


class WebhookOut(BaseModel):
    """An endpoint without its secret. One that is disabled is told nothing."""

    model_config = ConfigDict(from_attributes=True)
    id: str
    url: str
    events: list[str]
    marketplace: str | None
    decisions: list[str] | None
    created_at: datetime
    disabled_at: datetime | None
    disabled_because: str | None


class WebhookMade(WebhookOut):
    """A new endpoint; `secret` verifies what it is sent and is never shown again."""

    secret: str


class WebhookPage(BaseModel):
    """A page of endpoints, newest first."""

    items: list[WebhookOut]
    next_cursor: str | None


class DeliveryOut(BaseModel):
    """One message to one endpoint; `id` is the `webhook-id` it sees."""

    id: str
    webhook_id: str
    event: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None = Field(description="While it is pending.")
    response_status: int | None = Field(description="Of the last attempt that got an answer.")
    last_error: str | None
    created_at: datetime
    finished_at: datetime | None


class DeliveryPage(BaseModel):
    """A page of deliveries, newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None


@router.post("", status_code=201, summary="Make a webhook")
def make_webhook(body: NewWebhook, runtime: RuntimeOf) -> WebhookMade:
    """Told of everything that happens from now on, at least once, in no promised order."""
    if body.marketplace is not None:
        runtime.marketplaces.get(body.marketplace)
    made, secret = runtime.webhooks.create(
        body.url, body.events, marketplace=body.marketplace, decisions=body.decisions
    )
    return WebhookMade(secret=secret, **WebhookOut.model_validate(made).model_dump())


@router.get("", summary="List webhooks")
def list_webhooks(runtime: RuntimeOf, limit: Limit = 50, cursor: Cursor = None) -> WebhookPage:
    """Without secrets, newest first."""
    page = runtime.webhooks.list(limit=limit, cursor=cursor)
    return WebhookPage(items=[WebhookOut.model_validate(item) for item in page.items], next_cursor=page.next_cursor)


@router.delete("/{webhook_id}", status_code=204, summary="Delete a webhook")
def delete_webhook(webhook_id: str, runtime: RuntimeOf) -> None:
    """It is told nothing more; a request under way may still arrive."""
    runtime.webhooks.delete(webhook_id)


@router.get("/{webhook_id}/deliveries", summary="List its deliveries")
def list_deliveries(
    webhook_id: str,
    runtime: RuntimeOf,
    state: DeliveryState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> DeliveryPage:
    """Newest first."""
    page = runtime.webhooks.deliveries(webhook_id, state=state, limit=limit, cursor=cursor)
    return DeliveryPage(items=[_shown(item) for item in page.items], next_cursor=page.next_cursor)


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/retry",
    summary="Send a message again",
    responses={200: {"model": DeliveryOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def retry_delivery(
    webhook_id: str, delivery_id: str, request: Request, runtime: RuntimeOf, principal: Operator
) -> Response:
    """At once and with the same id, whether it was delivered, is dead or waits. One being sent now is left alone."""

    async def work() -> Response:
        delivery = await run_in_threadpool(runtime.webhooks.retry, webhook_id, delivery_id)
        return JSONResponse(_shown(delivery).model_dump(mode="json"))

    return await once(request, runtime, principal, None, work)


def _shown(delivery: Delivery) -> DeliveryOut:
    waits = delivery.next_attempt_at if delivery.state == "pending" else None
    names = (name for name in DeliveryOut.model_fields if name != "next_attempt_at")
    return DeliveryOut(next_attempt_at=waits, **{name: getattr(delivery, name) for name in names})
