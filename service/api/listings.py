"""`/v1/listings`: judge one listing, read results, poll them, erase them; and what was found for a brand."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import time
from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.api.listing_bodies import ListingIn, parse_listing, to_input
from service.api.listing_models import BrandMatchPage, ListingOut, ListingPage
from service.api.sent import Moment
from service.api.waiting import settle, while_connected
from service.errors import Missing
from service.forms import FormLimits, read_form
from service.idempotency import HEADER, once
from service.keys import Principal
from service.listings import ListingInput
from service.policies.decisions import Decision
from service.runtime import Runtime

router = APIRouter(tags=["listings"])
Judged: TypeAlias = tuple[list[Any], list[Any]]
"""The bytes of each picture or why there are none, and what the pipeline made of it."""

Sender = Annotated[Principal, Depends(require("ingest"))]
Reader = Annotated[Principal, Depends(require("ingest", "reviewer"))]
BrandReader = Annotated[Principal, Depends(require("brand"))]

_FORM = {
    "type": "object",
    "required": ["listing", "images"],
    "properties": {
        "listing": {"type": "string", "contentMediaType": "application/json"},
        "images": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
}
_BODY = {
    "required": True,
    "content": {
        "application/json": {"schema": ListingIn.model_json_schema()},
        "multipart/form-data": {"schema": _FORM},
    },
}


@router.post(
    "/v1/listings",
    summary="Judge a listing",
    responses={200: {"model": ListingOut}},
    openapi_extra={"requestBody": _BODY},
    dependencies=[TAKES_IDEMPOTENCY_KEY],
)
async def judge_listing(request: Request, runtime: RuntimeOf, principal: Sender) -> Response:
    """Judged before the answer, stored when it arrives. The same listing again replaces the result."""
    started = time.perf_counter()
    listing = await _read(request, runtime, principal)

    async def work() -> Response:
        judged = await while_connected(request, wait_for_pictures(runtime, listing))
        return JSONResponse(await conclude(runtime, listing, judged, started))

    content = await asyncio.to_thread(_content, listing) if HEADER in request.headers else None
    return await once(request, runtime, principal, content, work)


async def wait_for_pictures(runtime: Runtime, listing: ListingInput) -> Judged:
    """Collect and check the pictures of a listing: what each one is, and what became of it."""
    sources = await settle(runtime.listings.collect(listing))
    return sources, await settle(runtime.listings.check(sources, owner=listing.marketplace))


async def conclude(runtime: Runtime, listing: ListingInput, judged: Judged, started: float) -> dict[str, Any]:
    """Decide, store and show."""
    seconds = time.perf_counter() - started
    result = await asyncio.to_thread(runtime.listings.conclude, listing, *judged, seconds)
    runtime.metrics.decisions.labels(result.decision).inc()
    return result.as_json()


@router.get("/v1/listings", summary="Poll results", responses={200: {"model": ListingPage}})
def list_listings(
    *,
    runtime: RuntimeOf,
    principal: Reader,
    marketplace: Annotated[str | None, Query(max_length=64)] = None,
    decision: Decision | None = None,
    since: Annotated[Moment | None, Query(description="Judged at this time or later.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JSONResponse:
    """In the order they were judged. Keep `next_cursor`, or `since` the last `judged_at`, to go on from there."""
    if marketplace is None:
        marketplace = principal.marketplace
    elif not principal.may_see_marketplace(marketplace):
        raise Missing
    page = runtime.listings.list(marketplace=marketplace, decision=decision, since=since, limit=limit, cursor=cursor)
    return _page(page.items, page.next_cursor)


@router.get("/v1/listings/{marketplace}/{listing_id:path}", responses={200: {"model": ListingOut}})
def get_listing(marketplace: str, listing_id: str, runtime: RuntimeOf, principal: Reader) -> JSONResponse:
    """The last result."""
    check_marketplace(principal, marketplace)
    return JSONResponse(runtime.listings.get(marketplace, listing_id).as_json())


@router.delete("/v1/listings/{marketplace}/{listing_id:path}", status_code=204, summary="Erase a listing")
def delete_listing(marketplace: str, listing_id: str, runtime: RuntimeOf, principal: Reader) -> None:
    """Its result, pictures and vectors are gone when the answer arrives."""
    check_marketplace(principal, marketplace)
    runtime.listings.delete(marketplace, listing_id)


@router.get(
    "/v1/brands/{brand_id}/matches", summary="What was found for a brand", responses={200: {"model": BrandMatchPage}}
)
def brand_matches(
    brand_id: str, runtime: RuntimeOf, principal: BrandReader, limit: Limit = 50, cursor: Cursor = None
) -> JSONResponse:
    """Newest first."""
    if not principal.may_see_brand(brand_id):
        raise Missing
    runtime.brands.get(brand_id)
    page = runtime.listings.matches_of_brand(brand_id, limit=limit, cursor=cursor)
    return _page(page.items, page.next_cursor)


def check_marketplace(principal: Principal, marketplace: str) -> None:
    """`Missing` for another's marketplace."""
    if not principal.may_see_marketplace(marketplace):
        raise Missing


def _page(items: Sequence[Any], next_cursor: str | None) -> JSONResponse:
    return JSONResponse({"items": [item.as_json() for item in items], "next_cursor": next_cursor})


async def _read(request: Request, runtime: Runtime, principal: Principal) -> ListingInput:
    settings = runtime.settings

    def parse(body: bytes | str, files: Sequence[bytes]) -> ListingInput:
        return to_input(
            parse_listing(body), files, principal=principal, marketplaces=runtime.marketplaces, settings=settings
        )

    if not request.headers.get("content-type", "").startswith("multipart/"):
        return await asyncio.to_thread(parse, await request.body(), ())
    limits = FormLimits(
        file_bytes=settings.image_max_bytes,
        files=settings.listing_max_images + 1,  # one more is a 422 that says so
        total_bytes=settings.listing_max_bytes,
    )
    async with read_form(request, limits) as form:
        files = await asyncio.to_thread(lambda: [file.read() for file in form.files("images")])
        return await asyncio.to_thread(parse, form.require("listing"), files)


def _content(listing: ListingInput) -> dict[str, Any]:
    """What an idempotency key's bodies are compared by: the fields, and each picture by its hash."""
    fields = dataclasses.asdict(dataclasses.replace(listing, images=()))
    pictures = [image.url or hashlib.sha256(image.data or b"").hexdigest() for image in listing.images]
    return {**fields, "listed_at": str(listing.listed_at), "images": pictures}
