"""`/v1/search`: what a picture shows, without policy and without storing anything."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse

from indexes.search import Match
from service.api.dependencies import RuntimeOf, require
from service.api.listing_models import SearchOut
from service.api.waiting import result_of, while_connected
from service.errors import Invalid
from service.forms import Form, FormLimits, read_form
from service.keys import Principal
from service.pipeline import Checked
from service.runtime import Runtime
from vision.embedding import KINDS, Kind

router = APIRouter(tags=["search"])

Anyone = Annotated[Principal, Depends(require("ingest", "brand", "reviewer"))]
_MOST = 100
_KINDS: dict[str, tuple[Kind, ...]] = {"any": KINDS, "photo": ("photo",), "logo": ("logo",)}
_FORM = {
    "type": "object",
    "properties": {
        "image": {"type": "string", "format": "binary", "description": "The picture, or"},
        "url": {"type": "string", "description": "where to fetch it."},
        "kind": {"type": "string", "enum": list(_KINDS), "default": "any"},
        "top_k": {"type": "integer", "minimum": 1, "maximum": _MOST, "default": 10},
        "min_confidence": {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
    },
}


@router.post(
    "/v1/search",
    summary="Search with a picture",
    responses={200: {"model": SearchOut}},
    openapi_extra={"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _FORM}}}},
)
async def search(request: Request, runtime: RuntimeOf, principal: Anyone) -> JSONResponse:
    """Every candidate that verification scored, by falling score. A brand searches its own references only."""
    async with read_form(request, FormLimits(file_bytes=runtime.settings.image_max_bytes)) as form:
        kinds = _kinds(form)
        top_k = int(_number(form, "top_k", default=10, low=1, high=_MOST, whole=True))
        least = _number(form, "min_confidence", default=0.0, low=0.0, high=1.0)
        source = await _picture(form)
    brand_ids = frozenset({principal.brand_id}) if principal.brand_id is not None else None
    checked = await while_connected(request, _check(runtime, source, kinds, brand_ids, top_k))
    found = [match for match in checked.result.matches if match.confidence >= least][:top_k]
    return JSONResponse(
        {
            "matches": [found_json(match) for match in found],
            "space": checked.space.id,
            "index_generation": checked.result.generation,
            "calibration": checked.calibration,
        }
    )


def found_json(match: Match) -> dict[str, Any]:
    """A match as JSON, without what only a listing knows."""
    return {
        "kind": match.kind,
        "brand_id": match.brand.id,
        "brand": match.brand.name,
        "reference_id": match.reference.id,
        "external_id": match.reference.external_id,
        "confidence": round(match.confidence, 6),
        "score": round(match.score, 6),
        "box": match.box.as_list(),
        "reference_box": match.reference_box.as_list(),
        "reasons": list(match.reasons),
    }


async def _check(
    runtime: Runtime, source: bytes | str, kinds: tuple[Kind, ...], brand_ids: frozenset[str] | None, per_kind: int
) -> Checked:
    runtime.pipeline.check_room(1)
    if isinstance(source, str):
        source = await result_of(runtime.listings.fetch(source))
    return await result_of(runtime.pipeline.query(source, kinds=kinds, brand_ids=brand_ids, per_kind=per_kind))


async def _picture(form: Form) -> bytes | str:
    file, url = form.file("image"), form.get("url")
    if (file is None) == (url is None):
        raise _invalid("image", "give either a file image or a field url")
    return url if file is None and url is not None else await asyncio.to_thread(file.read)  # type: ignore[union-attr]  # one of the two is there


def _kinds(form: Form) -> tuple[Kind, ...]:
    kinds = _KINDS.get(form.get("kind") or "any")
    if kinds is None:
        raise _invalid("kind", "photo, logo or any")
    return kinds


def _number(form: Form, name: str, *, default: float, low: float, high: float, whole: bool = False) -> float:
    text = form.get(name)
    if text is None:
        return default
    kind = "a whole number" if whole else "a number"
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        raise _invalid(name, f"{kind} from {low:g} to {high:g}") from None
    if not low <= value <= high:
        raise _invalid(name, f"{kind} from {low:g} to {high:g}")
    return value


def _invalid(name: str, message: str) -> Invalid:
    return Invalid(f"Mend {name}: {message}.", errors=[{"loc": ["body", name], "msg": message}])
