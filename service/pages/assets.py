"""`/static/…`: the pages' own style sheet, scripts and icon, from the package and nowhere else."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Request, Response

from service.errors import Missing
from service.pages.rendering import HEADERS

router = APIRouter(include_in_schema=False)
_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/static/{name}")
def serve_asset(name: str, request: Request) -> Response:
    """One file; the browser keeps it and asks whether it changed."""
    path = next((path for path in _FOLDER.iterdir() if path.name == name and path.suffix in _TYPES), None)
    if path is None:
        raise Missing
    data = path.read_bytes()
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**HEADERS, "Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=_TYPES[path.suffix], headers=headers)
