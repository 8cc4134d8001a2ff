"""A stored picture as an HTTP answer, for a handler that knows who may see it: its bytes and nothing that runs."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from service.errors import Missing
from service.runtime import Runtime

_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"GIF8", "image/gif", "gif"),
    (b"BM", "image/bmp", "bmp"),
    (b"II*\x00", "image/tiff", "tif"),
    (b"MM\x00*", "image/tiff", "tif"),
)


def picture_response(
    request: Request, runtime: Runtime, sha256: str | None, name: str, *, media: tuple[str, str] | None = None
) -> Response:
    """The picture as it came in; `Missing` when there is none. `media` is its type and ending, where they are known."""
    if sha256 is None:
        raise Missing
    headers = {
        "ETag": f'"{sha256}"',
        "Cache-Control": "private, max-age=3600",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    data = runtime.blobs.get(sha256)
    media_type, extension = media or media_type_of(data)
    headers["Content-Disposition"] = f'inline; filename="{name}.{extension}"'
    return Response(data, media_type=media_type, headers=headers)


def media_type_of(data: bytes) -> tuple[str, str]:
    """The media type that bytes begin as, and the ending of a file's name."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp", "webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif", "avif"
    for beginning, media_type, extension in _BEGINNINGS:
        if data.startswith(beginning):
            return media_type, extension
    return "application/octet-stream", "bin"
