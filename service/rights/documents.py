"""What may be filed as a document of a right: a PDF or a picture, looked at and not run.

Place in the flow: an upload passes here before it is stored; what is stored is only ever handed out as an attachment.
A PDF is not parsed: its two ends are looked at, and names of what runs by itself refuse it. That keeps the plainest
traps off an operator's desk and is no virus scanner: a trap inside a compressed stream is not seen.
"""

from __future__ import annotations

import re
from typing import Final

from service.errors import Invalid
from vision.errors import UnsupportedImage
from vision.images import DecodeLimits, decode

PDF: Final = "application/pdf"
_MEDIA_TYPES: Final = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "TIFF": "image/tiff"}
_PDF_BEGINS: Final = b"%PDF-"
_PDF_ENDS: Final = b"%%EOF"
_END: Final = 1024
_STREAM, _STREAM_ENDS = b"stream", b"endstream"
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_RUNS: Final = re.compile(rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA)\b")


def media_type_of(data: bytes, limits: DecodeLimits) -> str:
    """The media type of a document; `Invalid` says why a PDF is refused, `ImageError` why a picture is."""
    if data.startswith(_PDF_BEGINS):
        _check_pdf(data)
        return PDF
    kind = _MEDIA_TYPES.get(decode(data, limits=limits).format.upper().replace("MPO", "JPEG"))
    if kind is None:
        raise UnsupportedImage("a document is a PDF, or a picture as JPEG, PNG, WebP or TIFF; send one of these")
    return kind


def _check_pdf(data: bytes) -> None:
    if _PDF_ENDS not in data[-_END:]:
        raise _refused("The PDF is cut off; send the whole file.", "is cut off")
    if found := _RUNS.search(_ESCAPED.sub(_unescaped, _without_streams(data))):
        name = found.group().decode()
        raise _refused(f"The PDF holds something that acts by itself ({name}); print it to a plain PDF.", "is active")


def _without_streams(data: bytes) -> bytes:
    """The objects of a PDF without the bytes of their streams, where any three letters occur by chance."""
    kept, at = [], 0
    while (begins := data.find(_STREAM, at)) >= 0:
        kept.append(data[at:begins])
        ends = data.find(_STREAM_ENDS, begins)
        at = len(data) if ends < 0 else ends + len(_STREAM_ENDS)
    return b"".join([*kept, data[at:]])


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found.group(1).decode())


def _refused(detail: str, message: str) -> Invalid:
    return Invalid(detail, errors=[{"loc": ["body", "document"], "msg": message}])
