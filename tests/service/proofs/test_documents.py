"""Documents of strangers: taken, stripped of what acts, or refused with a reason; a bomb costs a bounded process."""

from __future__ import annotations

import hashlib
import io
import zlib

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, String

from service.errors import WrongMediaType
from service.proofs.documents import PDF, PICTURE, Documents
from service.proofs.rendering import ProofRefused
from tests.documents import invoice, pdf
from tests.photographs import jpeg
from vision.errors import ImageError, ImageTooLarge
from vision.images import DecodeLimits


@pytest.fixture(scope="module")
def documents() -> Documents:
    return Documents(DecodeLimits())


def reason(documents: Documents, data: bytes) -> str:
    with pytest.raises(ProofRefused) as refused:
        documents.open(data)
    assert refused.value.extra["reason"] == refused.value.reason
    return refused.value.reason


def on_first_page(**entries):
    """Put an annotation with these entries on the first page."""

    def tweak(document: pikepdf.Pdf) -> None:
        note = {"Type": Name.Annot, "Subtype": Name.Link, "Rect": Array([0, 0, 90, 90]), **entries}
        document.pages[0].obj.Annots = Array([document.make_indirect(Dictionary(**note))])

    return tweak


def in_root(**entries):
    """Put these entries into the catalogue of the document."""

    def tweak(document: pikepdf.Pdf) -> None:
        for name, value in entries.items():
            document.Root[f"/{name}"] = value

    return tweak


SCRIPT = {"S": Name.JavaScript, "JS": String("app.alert(1)")}


def test_a_pdf_is_kept_and_its_first_page_drawn(documents):
    sent = invoice()
    opened = documents.open(sent)
    assert (opened.media_type, opened.pages, opened.size) == (PDF, 1, len(sent))
    assert opened.sha256 == hashlib.sha256(sent).hexdigest()
    assert opened.page.shape == (1600, 1131, 3)
    assert (opened.page < 100).any()
    assert opened.preview().startswith(b"\x89PNG")
    assert documents.open(sent).stored == opened.stored


def test_a_picture_is_written_anew_from_its_pixels(documents):
    sent = jpeg("coffee") + b"<script>alert(1)</script>PK\x03\x04"
    opened = documents.open(sent)
    assert (opened.media_type, opened.pages, opened.size) == (PICTURE, 1, len(sent))
    assert opened.stored.startswith(b"\xff\xd8\xff")
    assert b"script" not in opened.stored
    assert opened.sha256 == hashlib.sha256(sent).hexdigest() != opened.stored_sha256


@pytest.mark.parametrize(
    "tweak",
    [
        in_root(OpenAction=Dictionary(**SCRIPT)),
        lambda document: in_root(OpenAction=document.make_indirect(Dictionary(**SCRIPT)))(document),
        in_root(AA=Dictionary(WC=Dictionary(**SCRIPT))),
        in_root(Names=Dictionary(JavaScript=Dictionary(Names=Array([])))),
        in_root(AcroForm=Dictionary(Fields=Array([]), XFA=String("<xdp/>"))),
        on_first_page(A=Dictionary(**SCRIPT)),
        on_first_page(A=Dictionary(S=Name.Launch, F=String("calc.exe"))),
        on_first_page(A=Dictionary(S=Name.URI, URI=String("x"), Next=Dictionary(**SCRIPT))),
        on_first_page(A=Dictionary(S=Name.SubmitForm, F=String("https://x.example"))),
        on_first_page(Subtype=Name.FreeText, AA=Dictionary(E=Dictionary(**SCRIPT))),
        on_first_page(A=Dictionary(S=Name.Rendition, OP=0)),
    ],
)
def test_a_script_is_refused_wherever_it_stands(documents, tweak):
    plain = pdf(tweak=tweak)
    packed = pdf(tweak=tweak, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    assert reason(documents, plain) == reason(documents, packed) == "script"


def test_another_spelling_of_a_name_hides_nothing(documents):
    plain = pdf(tweak=on_first_page(A=Dictionary(S=Name.JavaScript, Code=String("x"))))
    spelled = plain.replace(b"/JavaScript", b"/J#61vaScript")
    assert spelled != plain
    assert reason(documents, spelled) == "script"


def test_files_inside_and_what_happens_on_opening_are_left_out(documents):
    def tweak(document: pikepdf.Pdf) -> None:
        document.attachments["factur-x.xml"] = b"<Invoice>attached</Invoice>"
        document.Root.OpenAction = Array([document.pages[0].obj, Name.Fit])
        document.pages[0].obj.AA = Dictionary(O=Dictionary(S=Name.GoTo, D=Array([document.pages[0].obj, Name.Fit])))

    opened = documents.open(pdf(tweak=tweak))
    with pikepdf.open(io.BytesIO(opened.stored)) as stored:
        assert not stored.attachments
        assert not {"/OpenAction", "/AA"} & set(stored.Root.keys())
        assert "/AA" not in stored.pages[0].obj
    assert b"attached" not in opened.stored


def test_a_link_to_the_web_is_no_reason_to_refuse(documents):
    opened = documents.open(pdf(tweak=on_first_page(A=Dictionary(S=Name.URI, URI=String("https://x.example")))))
    assert opened.pages == 1


@pytest.mark.parametrize("around", [(b"", b"\nPK\x03\x04<script>"), (b"<html><script>alert(1)</script>\n", b"")])
def test_what_stands_around_a_pdf_is_not_kept(documents, around):
    before, after = around
    opened = documents.open(before + invoice() + after)
    assert opened.stored.startswith(b"%PDF-")
    assert b"script" not in opened.stored


def encrypted(user: str) -> bytes:
    with pikepdf.open(io.BytesIO(invoice())) as document:
        written = io.BytesIO()
        document.save(written, encryption=pikepdf.Encryption(user=user, owner="other"))
    return written.getvalue()


def test_a_password_is_refused_and_mere_restrictions_are_not(documents):
    assert reason(documents, encrypted("secret")) == "encrypted"
    with pikepdf.open(io.BytesIO(documents.open(encrypted("")).stored)) as stored:
        assert not stored.is_encrypted


def test_too_many_pages_and_impossible_sizes_are_refused(documents):
    assert reason(documents, pdf(*[b"q Q"] * 51)) == "pages"
    for box in ([0, 0, 10_000_000, 10_000_000], [0, 0, 14_000, 1]):
        assert reason(documents, pdf(tweak=lambda document, box=box: set_box(document, box))) == "page-size"


def set_box(document: pikepdf.Pdf, box: list[int]) -> None:
    document.pages[0].obj.MediaBox = Array(box)


def test_a_page_that_unpacks_to_hundreds_of_megabytes_is_refused(documents):
    def tweak(document: pikepdf.Pdf) -> None:
        packed = zlib.compress(b"0 0 m 500 500 l S\n" * 15_000_000, 1)
        document.pages[0].obj.Contents = pikepdf.Stream(document, packed, Filter=Name.FlateDecode)

    assert reason(documents, pdf(tweak=tweak)) == "memory"


def test_a_page_that_draws_itself_a_billion_times_is_refused(documents):
    def tweak(document: pikepdf.Pdf) -> None:
        form = {"Type": Name.XObject, "Subtype": Name.Form, "BBox": Array([0, 0, 500, 500])}
        drawn = document.make_stream(b"0 0 m 9 9 l S " * 10, **form)
        for _ in range(12):
            inner = Dictionary(XObject=Dictionary(F=drawn))
            drawn = document.make_stream(b"/F Do " * 10, **form, Resources=inner)
        document.pages[0].obj.Resources.XObject = Dictionary(F=drawn)

    assert reason(documents, pdf(b"/F Do", tweak=tweak)) == "memory"


def test_deep_nesting_is_refused(documents):
    def tweak(document: pikepdf.Pdf) -> None:
        nested = Array([])
        for _ in range(400):
            nested = Array([nested])
        document.Root.Deep = nested

    assert reason(documents, pdf(tweak=tweak)) == "nested"


@pytest.mark.parametrize("data", [b"%PDF-1.4\n", b"%PDF-1.7<script>alert(1)</script>", invoice()[:200]])
def test_a_damaged_pdf_is_refused(documents, data):
    assert reason(documents, data) == "damaged"


@pytest.mark.parametrize(
    "data", [b"<svg onload='alert(1)'/>", b"<html><script>1</script>", b"MZ\x90", b"PK\x03\x04", b"%!PS-Adobe", b"text"]
)
def test_what_is_neither_pdf_nor_picture_is_refused(documents, data):
    with pytest.raises(WrongMediaType):
        documents.open(data)


def test_picture_bombs_and_empty_files_are_refused(documents):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")
    with pytest.raises(ImageTooLarge):
        documents.open(bomb)
    for data in (b"", jpeg("coffee")[:300]):
        with pytest.raises(ImageError):
            documents.open(data)
