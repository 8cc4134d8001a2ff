"""What is taken as a document, and what is not."""

from __future__ import annotations

import pytest

from service.errors import Invalid
from service.rights.documents import media_type_of
from tests.photographs import jpeg, mark
from vision.errors import CorruptImage, ImageTooLarge, UnsupportedImage
from vision.images import DecodeLimits

LIMITS = DecodeLimits(max_pixels=1_000_000)
PLAIN = (
    b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n2 0 obj\n<< /Length 9 >>\nstream\n/JS\x00junk\nendstream\nendobj\n"
)


def pdf(objects: bytes = b"", end: bytes = b"trailer << /Root 1 0 R >>\n%%EOF\n") -> bytes:
    return PLAIN + objects + end


def test_a_pdf_and_pictures_are_taken_by_their_content():
    assert media_type_of(pdf(), LIMITS) == "application/pdf"
    assert media_type_of(jpeg("coffee"), LIMITS) == "image/jpeg"
    assert media_type_of(mark(), LIMITS) == "image/png"


@pytest.mark.parametrize(
    "objects",
    [
        b"3 0 obj << /S /JavaScript /JS (app.alert(1)) >> endobj\n",
        b"3 0 obj << /S /#4aavaScript >> endobj\n",
        b"3 0 obj << /S /Launch /F (cmd.exe) >> endobj\n",
        b"3 0 obj << /EmbeddedFiles 4 0 R >> endobj\n",
    ],
)
def test_a_pdf_that_acts_by_itself_is_refused(objects):
    with pytest.raises(Invalid, match="by itself"):
        media_type_of(pdf(objects), LIMITS)


def test_a_pdf_that_is_cut_off_is_refused():
    with pytest.raises(Invalid, match="cut off"):
        media_type_of(pdf(end=b""), LIMITS)


@pytest.mark.parametrize(
    "data", [b"<html><script>alert(1)</script></html>", b"MZ\x90\x00", b"PK\x03\x04", b" " + pdf()]
)
def test_anything_else_is_refused(data):
    with pytest.raises(UnsupportedImage):
        media_type_of(data, LIMITS)


def test_pictures_are_held_to_their_limits():
    with pytest.raises(CorruptImage):
        media_type_of(jpeg("coffee")[:3000], LIMITS)
    with pytest.raises(ImageTooLarge):
        media_type_of(jpeg("coffee"), DecodeLimits(max_pixels=1000))


def test_many_streams_that_never_end_are_read_once():
    with pytest.raises(Invalid, match="cut off"):
        media_type_of(b"%PDF-1.7\n" + b"stream\n" * 2_000_000, LIMITS)
