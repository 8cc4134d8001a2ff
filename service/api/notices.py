"""`/v1/notices`: anybody may say that a listing infringes a right; the desk decides what no case decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.sent import Sent
from service.cases import acting_as
from service.errors import Forbidden, Missing, NotSignedIn, TooManyRequests
from service.idempotency import once
from service.keys import Principal
from service.notices import NewNotice, NoticeState
from service.notices.values import LONGEST_EXPLANATION, LONGEST_URL, MOST_URLS
from service.runtime import Runtime

router = APIRouter(prefix="/v1/notices", tags=["notices"])
Inside = Annotated[Principal, Depends(require("reviewer"))]
Reader = Annotated[Principal, Depends(require("reviewer", "brand"))]


class NoticeIn(Sent):
    """A notice, with what Article 16 of the Digital Services Act and section 512(c)(3) of the DMCA ask for."""

    model_config = ConfigDict(extra="forbid")
    explanation: Annotated[str, Field(max_length=LONGEST_EXPLANATION, description="Why it is illegal.")]
    urls: Annotated[list[Annotated[str, Field(max_length=LONGEST_URL)]], Field(min_length=1, max_length=MOST_URLS)]
    name: Annotated[str, Field(max_length=200)]
    email: Annotated[str, Field(max_length=254)]
    bona_fide: bool = Field(description="You believe in good faith that what you say is true and complete.")
    brand: Annotated[str, Field(max_length=200, description="Whose right is infringed.")]
    signature: Annotated[str, Field(max_length=200)] | None = None
    work: Annotated[str, Field(max_length=2000)] | None = Field(None, description="The work or mark.")
    accuracy: bool = Field(False, description="Under penalty of perjury: accurate, and sent for the owner.")


class ReceiptUrl(BaseModel):
    """An address, and what became of it; `received` where the sender is not a brand."""

    url: str
    outcome: str | None


class Receipt(BaseModel):
    """Word that the notice arrived, and what happens next."""

    id: str
    received_at: datetime
    state: NoticeState
    urls: list[ReceiptUrl]
    next: str


class NoticeUrlOut(BaseModel):
    """An address of a notice."""

    url: str
    outcome: str | None
    marketplace: str | None
    listing_id: str | None
    case_id: str | None


class NoticeOut(BaseModel):
    """A notice as the desk sees it."""

    id: str
    brand_id: str | None
    trusted: bool
    brand: str
    explanation: str
    name: str
    email: str
    signature: str | None
    work: str | None
    accuracy: bool
    received_at: datetime
    state: NoticeState
    urls: list[NoticeUrlOut]
    decided_at: datetime | None
    decided_by: str | None
    decision_reason: str | None


class NoticePage(BaseModel):
    """A page of notices, newest first."""

    items: list[NoticeOut]
    next_cursor: str | None


class NewDecision(Sent):
    """How a notice is decided."""

    model_config = ConfigDict(extra="forbid")
    decision: Literal["founded", "unfounded"]
    reason: Annotated[str, Field(min_length=1, max_length=4000)]


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends a notice: a key where there is one, and the address it comes from."""

    key_id: str
    principal: Principal | None
    address: str


async def read_sender(request: Request, runtime: RuntimeOf) -> Sender:
    """A brand, an operator, or anybody. No security requirement of the document: a key is not asked for."""
    address = request.client.host if request.client else "unknown"
    credentials: HTTPAuthorizationCredentials | None = await HTTPBearer(auto_error=False)(request)
    if credentials is None:
        return Sender(f"anybody:{address}"[:64], None, address)
    found = await run_in_threadpool(runtime.keys.find, credentials.credentials)
    if found is None:
        raise NotSignedIn(
            "This key is not known or was deleted; send the notice without one, or with one that is live."
        )
    if found.role not in ("brand", "operator"):
        raise Forbidden(f"The role {found.role} sends no notices; leave the key out.")
    return Sender(found.key_id, found, address)


def _vouched(runtime: Runtime, principal: Principal | None) -> bool:
    """Whether somebody stands behind the sender: a brand that is not verified may be anybody."""
    if principal is None or principal.brand_id is None:
        return principal is not None
    return runtime.brands.get(principal.brand_id).status == "verified"


@router.post(
    "",
    status_code=201,
    summary="Send a notice",
    responses={201: {"model": Receipt}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def send_notice(
    body: NoticeIn, request: Request, runtime: RuntimeOf, sender: Annotated[Sender, Depends(read_sender)]
) -> Response:
    """Without a key of a verified brand a few times an hour; a brand in the fast lane is acted on at once."""

    def take() -> Response:
        new = NewNotice(**body.model_dump() | {"urls": tuple(body.urls)})
        new.check()
        known = _vouched(runtime, sender.principal)
        if not known and (wait := runtime.trust.notice_brake.take(sender.address)):
            raise TooManyRequests("Too many notices came from this address; send again later.", retry_after=wait)
        of_brand = sender.principal is not None and sender.principal.role == "brand"
        kept = runtime.trust.notices.take(
            new,
            brand_id=sender.principal.brand_id if of_brand and sender.principal else None,
            sent_by=sender.key_id if sender.principal else None,
        )
        return JSONResponse(kept.receipt(known=known and of_brand), 201)

    return await once(request, runtime, sender, body.model_dump(mode="json"), lambda: run_in_threadpool(take))


@router.get("", summary="List notices", responses={200: {"model": NoticePage}})
def list_notices(
    *,
    runtime: RuntimeOf,
    principal: Reader,
    state: NoticeState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """Newest first; `state=received` is what waits for a person. A brand sees those its keys sent."""
    page = runtime.trust.notices.list(state=state, brand_id=principal.brand_id, limit=limit, cursor=cursor)
    known = _vouched(runtime, principal)
    return JSONResponse({"items": [one.as_json(known=known) for one in page.items], "next_cursor": page.next_cursor})


@router.get("/{notice_id}", summary="Read a notice", responses={200: {"model": NoticeOut}})
def get_notice(notice_id: str, runtime: RuntimeOf, principal: Reader) -> JSONResponse:
    """With what became of each address."""
    notice = runtime.trust.notices.get(notice_id)
    if principal.role == "brand" and notice.brand_id != principal.brand_id:
        raise Missing
    return JSONResponse(notice.as_json(known=_vouched(runtime, principal)))


@router.post(
    "/{notice_id}/decision",
    summary="Decide a notice",
    responses={200: {"model": NoticeOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def decide_notice(
    notice_id: str, body: NewDecision, request: Request, runtime: RuntimeOf, principal: Inside
) -> Response:
    """At the desk, with a reason. Counts for or against the brand that sent it; 409 when it was decided."""

    def decide() -> Response:
        founded = body.decision == "founded"
        decided = runtime.trust.notices.decide(notice_id, acting_as(principal), founded=founded, reason=body.reason)
        return JSONResponse(decided.as_json())

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(decide))
