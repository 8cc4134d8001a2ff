"""Pictures for the pages: what an address holds, thumbnails of references and of negatives. Answered as the API does.

A fetched picture passes the address guard and the decoder and leaves as a JPEG of the pixels that would be judged;
the foreign bytes themselves never reach the browser.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from indexes.catalog import Reference
from service.api.dependencies import RuntimeOf, require
from service.api.sent import Sent
from service.api.waiting import result_of
from service.errors import Missing
from service.keys import Principal

router = APIRouter(include_in_schema=False)
_HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}


class PictureAddress(Sent):
    """Where the picture lies."""

    url: Annotated[str, Field(min_length=1, max_length=4096)]


@router.post("/check/picture")
async def fetch_picture(
    body: PictureAddress,
    runtime: RuntimeOf,
    principal: Annotated[Principal, Depends(require("ingest", "brand", "reviewer"))],  # noqa: ARG001  # who may ask
) -> Response:
    """The picture at `url` as a JPEG; `FetchFailed` or an image error as a problem document."""
    data = await result_of(runtime.listings.fetch(body.url))
    return jpeg(await result_of(runtime.previews.plain(data)), "no-store")


@router.get("/catalog/thumbnails/{brand_id}/{reference_id}")
async def show_thumbnail(
    brand_id: str,
    reference_id: str,
    runtime: RuntimeOf,
    principal: Annotated[Principal, Depends(require("brand", "reviewer"))],
) -> Response:
    """A small JPEG of a reference. Its address names the picture's hash, so the browser may keep it."""
    if not principal.may_see_brand(brand_id):
        raise Missing
    reference: Reference = await run_in_threadpool(runtime.catalog.get, reference_id)
    if reference.brand_id != brand_id:
        raise Missing
    return jpeg(await result_of(runtime.previews.thumbnail(reference.sha256)), "private, max-age=3600")


@router.get("/portal/negatives/{brand_id}/{negative_id}")
async def show_negative(
    brand_id: str,
    negative_id: str,
    runtime: RuntimeOf,
    principal: Annotated[Principal, Depends(require("brand", "reviewer"))],
) -> Response:
    """A small JPEG of a picture that is never flagged for the brand."""
    if not principal.may_see_brand(brand_id):
        raise Missing
    negative = await run_in_threadpool(runtime.negatives.get, brand_id, negative_id)
    return jpeg(await result_of(runtime.previews.thumbnail(negative.sha256)), "private, max-age=3600")


def jpeg(data: bytes, cache: str) -> Response:
    """A JPEG of ours, which nothing in a browser runs."""
    return Response(data, media_type="image/jpeg", headers={**_HEADERS, "Cache-Control": cache})
