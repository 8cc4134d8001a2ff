"""`/v1/cases`: read them, see their pictures, move them by the table, talk, and invite the seller."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from indexes.errors import BlobMissing
from service.api.case_models import CaseOut, CasePage, Deed, LinkOut, MessageOut, NewMessage
from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.stored import picture_response
from service.cases import Case, Filters, acting_as
from service.cases.keeping import AT_REST
from service.cases.states import State
from service.errors import Missing
from service.idempotency import once
from service.keys import Principal
from service.runtime import Runtime
from service.stamps import stamp

router = APIRouter(prefix="/v1/cases", tags=["cases"])

Party = Annotated[Principal, Depends(require("reviewer", "brand", "seller"))]
Inside = Annotated[Principal, Depends(require("reviewer"))]
_Filter = Annotated[str | None, Query(max_length=64)]


@router.get("", summary="List cases", responses={200: {"model": CasePage}})
def list_cases(
    *,
    runtime: RuntimeOf,
    principal: Party,
    state: State | None = None,
    brand_id: _Filter = None,
    kind: _Filter = None,
    marketplace: _Filter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """Newest first. A brand sees its own, a seller the one of their token."""
    if principal.role == "brand":
        if brand_id not in (None, principal.brand_id):
            raise Missing
        brand_id = principal.brand_id
    wanted = Filters(state, brand_id, kind, marketplace, case_id=principal.case_id)
    page = runtime.cases.list(wanted, limit=limit, cursor=cursor)
    items = runtime.cases.documents(page.items, acting_as(principal))
    return JSONResponse({"items": list(items), "next_cursor": page.next_cursor})


@router.get("/{case_id}", summary="Read a case", responses={200: {"model": CaseOut}})
def get_case(case_id: str, runtime: RuntimeOf, principal: Party) -> JSONResponse:
    """The listing and the match as they were judged, whose turn it is, what was done, and what you may do."""
    return JSONResponse(_shown(runtime, principal, runtime.cases.find_for(principal, case_id)))


@router.get("/{case_id}/images/{n}", summary="Read a picture of the listing", response_class=Response)
def get_case_image(
    case_id: str, n: Annotated[int, Path(ge=0, le=10_000)], request: Request, runtime: RuntimeOf, principal: Party
) -> Response:
    """The bytes of the picture with this index, as the case stands on them."""
    case = runtime.cases.find_for(principal, case_id)
    images = runtime.cases.evidence(case)["listing"]["images"]
    sha256 = next((image.get("sha256") for image in images if image["index"] == n), None)
    return _picture(request, runtime, case, sha256, str(n))


@router.get("/{case_id}/reference", summary="Read the brand's picture", response_class=Response)
def get_case_reference(case_id: str, request: Request, runtime: RuntimeOf, principal: Party) -> Response:
    """The bytes of the reference that was found, as it was uploaded."""
    case = runtime.cases.find_for(principal, case_id)
    sha256 = runtime.cases.evidence(case)["reference_sha256"]
    return _picture(request, runtime, case, sha256, "reference")


@router.post(
    "/{case_id}/actions",
    summary="Move a case",
    responses={200: {"model": CaseOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def act_on_case(case_id: str, body: Deed, request: Request, runtime: RuntimeOf, principal: Party) -> Response:
    """409 when it is not possible from here or the evidence moved on: `state` and `evidence_version` say what is."""

    def act() -> Response:
        case = runtime.cases.find_for(principal, case_id)
        details = {"counter_notice": body.counter_notice.model_dump()} if body.counter_notice is not None else {}
        moved = runtime.cases.act(
            case.id,
            acting_as(principal),
            body.action,
            reason=body.reason,
            evidence_version=body.evidence_version,
            details=details,
            seen=body.state,
        )
        return JSONResponse(_shown(runtime, principal, moved))

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(act))


@router.post(
    "/{case_id}/messages",
    status_code=201,
    summary="Say something",
    responses={201: {"model": MessageOut}},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def say_in_case(
    case_id: str, body: NewMessage, request: Request, runtime: RuntimeOf, principal: Party
) -> Response:
    """Every side of the case reads it."""

    def say() -> Response:
        case = runtime.cases.find_for(principal, case_id)
        said = runtime.cases.say(case.id, acting_as(principal), body.text)
        author = {"role": said.author.role, "id": said.author.id}
        return JSONResponse({"id": said.id, "author": author, "text": said.text, "at": stamp(said.at)}, 201)

    return await once(request, runtime, principal, body.model_dump(mode="json"), lambda: run_in_threadpool(say))


@router.post("/{case_id}/seller-link", status_code=201, summary="Invite the seller")
def make_seller_link(case_id: str, request: Request, runtime: RuntimeOf, principal: Inside) -> LinkOut:
    """A link for this case alone. The token is shown once; the audit says that it was made."""
    case = runtime.cases.find_for(principal, case_id)
    token, expires_at = runtime.cases.tokens.make(case.id, acting_as(principal))
    base = runtime.settings.public_url or str(request.base_url)
    return LinkOut(url=f"{base.rstrip('/')}/seller/{token}", token=token, expires_at=expires_at)


def _shown(runtime: Runtime, principal: Principal, case: Case) -> dict[str, Any]:
    return runtime.cases.documents([case], acting_as(principal))[0]


def _picture(request: Request, runtime: Runtime, case: Case, sha256: str | None, name: str) -> Response:
    try:
        return picture_response(request, runtime, sha256, f"{case.id}-{name}")
    except BlobMissing:
        if case.state in AT_REST:  # forgotten, as everything is after a while
            raise Missing from None
        raise
