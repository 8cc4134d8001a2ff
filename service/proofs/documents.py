"""What a seller sent, made harmless: a PDF without what acts, or a picture written anew from its pixels.

Place in the flow: first thing after the upload. The bytes as they came are kept nowhere; their SHA-256 is. What is
stored cannot be a page, a script or an archive in disguise any more, because we wrote it ourselves.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from service.errors import WrongMediaType
from service.proofs.rendering import Rendering
from vision.embedding import Pixels
from vision.errors import UnsupportedImage
from vision.images import DecodeLimits, decode, encode_jpeg, encode_png, fit

PDF: Final = "application/pdf"
PICTURE: Final = "image/jpeg"
PAGE_SIDE: Final = 1600
"""Pixels of the longer side of a first page as it is shown and compared."""

_KEPT_SIDE: Final = 3000
_PDF_MARK: Final = re.compile(rb"%PDF-[12]\.\d")
_PDF_WITHIN: Final = 1024


@dataclass(frozen=True, slots=True)
class Document:
    """A document that is safe to keep. `page` is its first page, uint8 RGB `[h, w, 3]`."""

    media_type: str
    pages: int
    size: int
    """Bytes as they were sent."""
    sha256: str
    """Of the bytes as they were sent."""
    stored: bytes
    page: Pixels

    @property
    def stored_sha256(self) -> str:
        """The name of what is stored."""
        return hashlib.sha256(self.stored).hexdigest()

    def preview(self) -> bytes:
        """The first page as a PNG."""
        return encode_png(self.page)


class Documents:
    """Opens what strangers send. Safe among threads; slow, so call it off the event loop."""

    def __init__(self, limits: DecodeLimits, rendering: Rendering | None = None) -> None:
        self._limits = limits
        self._rendering = rendering or Rendering()

    def open(self, data: bytes) -> Document:
        """The document in `data`.

        `ProofRefused` for a PDF that is harmful or unreadable, `WrongMediaType` for what is neither PDF nor picture,
        another `ImageError` for a picture that is damaged or too large.
        """
        sha256 = hashlib.sha256(data).hexdigest()
        if _PDF_MARK.search(data[:_PDF_WITHIN]):
            drawn = self._rendering.draw(data)
            return Document(PDF, drawn.pages, len(data), sha256, drawn.document, drawn.pixels)
        pixels = fit(self._picture(data), _KEPT_SIDE)
        stored = encode_jpeg(pixels, quality=92)
        return Document(PICTURE, 1, len(data), sha256, stored, fit(pixels, PAGE_SIDE))

    def _picture(self, data: bytes) -> Pixels:
        try:
            return decode(data, limits=self._limits, side=_KEPT_SIDE).pixels
        except UnsupportedImage as error:
            raise WrongMediaType("A proof is a PDF or a picture (JPEG, PNG, WebP); send one of those.") from error
