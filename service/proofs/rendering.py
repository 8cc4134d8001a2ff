"""Running the renderer: one bounded process for each PDF, two at a time.

Place in the flow: under `service.proofs.documents`. The process gets the document, no environment, no files and no
network worth the name; what it answers is measured before it is believed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import numpy as np

from service.errors import ServiceError
from vision.embedding import Pixels

_SCRIPT: Final = Path(__file__).with_name("renderer.py")
_SECONDS: Final = 20.0
_LARGEST: Final = 64 << 20
_WORDS: Final = {
    "encrypted": "The PDF asks for a password; send it without one.",
    "damaged": "The PDF is damaged and cannot be opened; print it to a new PDF, or send a picture of it.",
    "script": "The PDF holds a script or acts by itself; print it to a new PDF, or send a picture of it.",
    "nested": "The PDF is built in a way that no program prints; print it to a new PDF.",
    "page-size": "The first page of the PDF has the size of no paper; print it to a new PDF.",
    "memory": "The PDF takes more time or memory to draw than a document does; send a picture of it.",
}


class ProofRefused(ServiceError):
    """A document that is not taken: harmful, unreadable, or expired. `reason` is a word for programs."""

    status, slug, title = 422, "proof-refused", "Proof refused"

    def __init__(self, detail: str, *, reason: str = "damaged") -> None:
        super().__init__(detail, reason=reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Drawn:
    """A PDF without what acts, its number of pages, and its first page as uint8 RGB `[h, w, 3]`."""

    document: bytes
    pages: int
    pixels: Pixels


class Rendering:
    """Starts the renderer. Safe among threads; at most two processes run at once."""

    def __init__(self, *, most_pages: int = 50) -> None:
        self._most_pages = most_pages
        self._places = threading.BoundedSemaphore(2)

    def draw(self, data: bytes) -> Drawn:
        """Rewrite and draw a PDF; `ProofRefused` says why not."""
        with self._places, tempfile.TemporaryFile() as answer:
            command = [sys.executable, "-I", str(_SCRIPT), str(self._most_pages)]
            try:
                # the script is ours, its limits are set before it reads, and its answer goes to a file of bounded size
                subprocess.run(  # noqa: S603
                    command, input=data, stdout=answer, stderr=subprocess.DEVNULL, env={}, timeout=_SECONDS, check=False
                )
            except subprocess.TimeoutExpired:
                raise _refused("memory", 0) from None
            answer.seek(0)
            return self._read(answer)

    def _read(self, answer: IO[bytes]) -> Drawn:
        line = answer.readline(1000)
        if not line.endswith(b"\n"):  # it was killed at a limit
            raise _refused("memory", 0)
        head = json.loads(line)
        if "refused" in head:
            raise _refused(str(head["refused"]), int(head["number"]), self._most_pages)
        size, width, height = int(head["size"]), int(head["width"]), int(head["height"])
        body = answer.read(_LARGEST)
        if len(body) != size + width * height * 3:
            raise _refused("memory", 0)
        pixels = np.frombuffer(body, np.uint8, offset=size).reshape(height, width, 3).copy()
        return Drawn(body[:size], int(head["pages"]), pixels)


def _refused(reason: str, number: int, most: int = 0) -> ProofRefused:
    if reason == "pages":
        words = f"The PDF has {number} pages; send one of 1 to {most}: the pages that prove it."
    else:
        words = _WORDS.get(reason, _WORDS["damaged"])
    return ProofRefused(words, reason=reason if reason == "pages" or reason in _WORDS else "damaged")
