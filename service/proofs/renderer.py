"""A PDF taken apart and drawn, in a process of its own that may use little time and memory and no files.

Run as a script by `service.proofs.rendering`, never imported by the service: it reads a PDF from standard input and
writes a line of JSON, the PDF written anew without anything that acts, and the pixels of its first page. Whatever the
document does to its readers it does here, where nothing of the service is within reach.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

MEMORY = 768 << 20
CPU_SECONDS = 10
OUTPUT = 64 << 20
"""The largest answer."""
SIDE = 1600
"""Pixels of the longer side of the drawn page: A4 at 137 dots an inch, where the small print can still be read."""
LONGEST_PAGE = 14_400
"""Points, as the format allows."""
NARROWEST = 20
"""How many times longer than wide a page may be: a receipt is ten times."""
DEEPEST = 100
"""Arrays and dictionaries inside one another."""

ACTING = frozenset(
    (
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToE",
        "/Rendition",
        "/RichMediaExecute",
        "/Movie",
        "/Sound",
    )
)
"""Actions that no invoice needs."""
SCRIPTS = frozenset(("/JS", "/XFA"))
TAKEN_OUT = frozenset(
    (
        "/OpenAction",
        "/AA",
        "/EmbeddedFiles",
        "/EF",
        "/AF",
        "/Collection",
        "/RichMediaContent",
        "/RichMediaSettings",
        "/PieceInfo",
    )
)
"""What is left out of the stored document: what happens on opening, and files inside the file."""


class Refused(Exception):
    """Ends with a word for the reason, and a number where it has one."""

    def __init__(self, reason: str, number: int = 0) -> None:
        super().__init__(reason)
        self.reason, self.number = reason, number


def limit() -> None:
    """Give up what is not needed, for good."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


def rewrite(data: bytes, most_pages: int) -> tuple[bytes, int]:
    """The document written anew from its objects, and its number of pages."""
    import pikepdf  # noqa: PLC0415  # under the limits only

    try:
        with pikepdf.open(io.BytesIO(data)) as document:
            if not 1 <= len(document.pages) <= most_pages:
                raise Refused("pages", len(document.pages))
            for item in document.objects:
                disarm(item)
            for key in ("/Names", "/AcroForm"):
                disarm(document.Root.get(key))
            written = io.BytesIO()
            document.save(written, deterministic_id=True)
            return written.getvalue(), len(document.pages)
    except pikepdf.PasswordError as error:
        raise Refused("encrypted") from error
    except pikepdf.PdfError as error:
        raise Refused("damaged") from error


def disarm(item: Any) -> None:
    """Take out what acts of an object and of what stands directly in it; `Refused` for a script."""
    left = [(item, 0)]
    while left:
        value, depth = left.pop()
        if depth > DEEPEST:
            raise Refused("nested")
        left += [(child, depth + 1) for child in children(value)]


def children(value: Any) -> Iterator[Any]:
    """What stands directly in a dictionary or an array, which is disarmed itself."""
    import pikepdf  # noqa: PLC0415  # under the limits only

    if isinstance(value, pikepdf.Array):
        yield from (child for child in value if is_direct(child))
    elif isinstance(value, pikepdf.Dictionary | pikepdf.Stream):
        keys = set(value.keys())
        if keys & SCRIPTS or ("/S" in keys and str(value["/S"]) in ACTING) or "/JavaScript" in keys:
            raise Refused("script")
        yield from (value[key] for key in keys if is_direct(value[key]))  # what is taken out may hold a script too
        for key in keys.intersection(TAKEN_OUT):
            del value[key]


def is_direct(child: Any) -> bool:
    """Objects with a number are visited by themselves."""
    import pikepdf  # noqa: PLC0415  # under the limits only

    return isinstance(child, pikepdf.Object) and not child.is_indirect


def draw(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and RGB pixels of the first page."""
    import pypdfium2  # noqa: PLC0415  # under the limits only

    try:
        page = pypdfium2.PdfDocument(data)[0]
        shortest, longest = sorted(page.get_size())
        if not longest / NARROWEST <= shortest <= longest <= LONGEST_PAGE:
            raise Refused("page-size")
        bitmap = page.render(scale=min(SIDE / longest, 4.0), rev_byteorder=True, may_draw_forms=False)
    except pypdfium2.PdfiumError as error:
        raise Refused("damaged") from error
    lines, width, channels = memoryview(bitmap.buffer), bitmap.width, bitmap.n_channels
    rows = [bytes(lines[y * bitmap.stride : y * bitmap.stride + width * channels]) for y in range(bitmap.height)]
    pixels = b"".join(rows)
    if channels != 3:
        kept = bytearray(width * bitmap.height * 3)
        for channel in range(3):
            kept[channel::3] = pixels[min(channel, channels - 1) :: channels]
        pixels = bytes(kept)
    return width, bitmap.height, pixels


def main() -> None:
    """Read, rewrite, draw, write."""
    limit()
    answer = sys.stdout.buffer
    try:
        document, pages = rewrite(sys.stdin.buffer.read(), int(sys.argv[1]))
        width, height, pixels = draw(document)
    except Refused as refused:
        answer.write(json.dumps({"refused": refused.reason, "number": refused.number}).encode() + b"\n")
        return
    except MemoryError:
        answer.write(b'{"refused": "memory", "number": 0}\n')
        return
    head = {"pages": pages, "size": len(document), "width": width, "height": height}
    answer.write(json.dumps(head).encode() + b"\n" + document + pixels)


if __name__ == "__main__":
    main()
