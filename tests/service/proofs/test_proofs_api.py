"""Proofs over HTTP: sent by the seller of a held listing, checked, shown to who may see them and to nobody else."""

from __future__ import annotations

import dataclasses
import hashlib
import io

import pikepdf
import pytest
import sqlalchemy as sa

from indexes.errors import BlobMissing
from service.cases import Acting
from service.erasure import erase_brand
from service.listings import ImageSource, ListingInput
from service.proofs.tables import PROOF_TWINS, PROOF_VECTORS, PROOFS
from tests.callers import as_role
from tests.documents import invoice, pdf, photographed
from tests.photographs import jpeg
from vision.images import decode, encode_jpeg

REVIEWER = Acting("reviewer", "key_rose")


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return dataclasses.replace(settings, database_url=database_url)


@pytest.fixture
def brand(runtime) -> str:
    made = runtime.brands.create("Acme")
    runtime.enrolment.add(made.id, "photo", jpeg("coffee"))
    return made.id


class Seller:
    """A seller of one held listing, with the token of its link."""

    def __init__(self, client, runtime, name: str, **listing) -> None:
        images = (ImageSource(data=jpeg("coffee", 70)),)
        judged = runtime.listings.judge(ListingInput(f"of-{name}", images, seller_id=name, **listing))
        self.client, self.case_id = client, judged.matches[0].case_id
        version = runtime.cases.get(self.case_id).evidence_version
        runtime.cases.act(self.case_id, REVIEWER, "hold", reason="looks copied", evidence_version=version)
        token, _ = runtime.cases.tokens.make(self.case_id, REVIEWER)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.url = f"/v1/cases/{self.case_id}/proofs"

    def send(self, data: bytes, headers=None, **fields):
        fields = {"type": "invoice", "number": "INV-4711", **fields}
        files = {"document": ("../../evil.html", data, "text/html")}
        return self.client.post(self.url, data=fields, files=files, headers=headers or self.headers)


def checks(client, seller: Seller, headers=None, proof: int = 0) -> dict[str, str]:
    shown = client.get(f"/v1/cases/{seller.case_id}", headers=headers).json()["proofs"][proof]["checks"]
    return {check["name"]: check["outcome"] for check in shown}


def test_a_proof_is_filed_and_the_brands_clock_runs(client, runtime, brand):
    seller, sent = Seller(client, runtime, "s-1"), invoice()
    answer = seller.send(sent)
    assert answer.status_code == 201, answer.text
    proof = answer.json()
    assert (proof["type"], proof["number"], proof["pages"]) == ("invoice", "INV-4711", 1)
    assert proof["sha256"] == hashlib.sha256(sent).hexdigest()
    assert [check["name"] for check in proof["checks"]] == ["document"]
    case = client.get(f"/v1/cases/{seller.case_id}").json()
    assert (case["state"], case["clock"]["whose_turn"], case["clock"]["on_silence"]) == ("held", "brand", "reinstate")
    assert case["audit"][-1]["action"] == "submit_proof"
    assert case["audit"][-1]["details"] == {"proof_id": proof["id"], "type": "invoice", "sha256": proof["sha256"]}
    assert checks(client, seller) == {"document": "ok", "number": "ok", "same_document": "ok"}
    assert "accept_proof" in case["allowed_actions"]


def test_documents_are_attachments_that_nothing_runs(client, runtime, brand):
    seller = Seller(client, runtime, "s-1")
    proof = seller.send(invoice()).json()["id"]
    answer = client.get(f"{seller.url}/{proof}/document")
    assert answer.headers["content-disposition"] == f'attachment; filename="{proof}.pdf"'
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    with pikepdf.open(io.BytesIO(answer.content)) as stored:
        assert len(stored.pages) == 1
    shown = client.get(f"{seller.url}/{proof}/preview", headers=seller.headers)
    assert shown.headers["content-type"] == "image/png"
    assert "sandbox" in shown.headers["content-security-policy"]
    assert decode(shown.content).height == 1600


def test_only_who_sees_the_case_sees_its_proofs(client, runtime, brand):
    seller, other = Seller(client, runtime, "s-1"), Seller(client, runtime, "s-2")
    proof = seller.send(jpeg("chelsea")).json()["id"]
    stranger = as_role(client, "brand", brand_id=runtime.brands.create("Other").id)
    owner = as_role(client, "brand", brand_id=brand)
    for path in ("document", "preview"):
        url = f"{seller.url}/{proof}/{path}"
        assert client.get(url, headers=owner).status_code == 200
        assert client.get(url, headers=as_role(client, "ingest", marketplace="default")).status_code == 403
        for headers in (stranger, other.headers):
            assert client.get(url, headers=headers).status_code == 404
        assert client.get(f"{other.url}/{proof}/{path}").status_code == 404
    assert other.client.post(seller.url, headers=other.headers).status_code == 404
    assert seller.send(jpeg("astronaut"), headers=owner).status_code == 403
    sha256 = runtime.proofs.find(runtime.cases.get(seller.case_id), proof).stored_sha256
    assert client.get(f"/v1/cases/{seller.case_id}/images/0", headers=owner).content != runtime.blobs.get(sha256)


def test_the_number_and_the_file_of_another_seller_are_seen_in_both_cases(client, runtime, brand):
    one, two = Seller(client, runtime, "s-1"), Seller(client, runtime, "s-2")
    one.send(jpeg("chelsea"), number="INV 47-11").raise_for_status()
    answer = two.send(jpeg("chelsea"), number="inv4711")
    assert [check["name"] for check in answer.json()["checks"]] == ["document"]
    for seller, other in ((one, two), (two, one)):
        assert checks(client, seller) == {"document": "ok", "number": "warning", "same_document": "failed"}
        shown = client.get(f"/v1/cases/{seller.case_id}").json()["proofs"][0]["checks"]
        assert [check["cases"] for check in shown] == [[], [other.case_id], [other.case_id]]
        owner = as_role(client, "brand", brand_id=brand)
        shown = client.get(f"/v1/cases/{seller.case_id}", headers=owner).json()["proofs"][0]["checks"]
        assert other.case_id not in str(shown)
        assert "s-1" not in str(shown)
        assert "s-2" not in str(shown)
        assert checks(client, seller, seller.headers) == {"document": "ok"}


def test_the_same_page_is_found_in_a_photograph_and_another_filled_in_form_is_not(client, runtime, brand):
    one, two, three, four = (Seller(client, runtime, name) for name in ("s-1", "s-2", "s-3", "s-4"))
    page = runtime.proofs.preview(runtime.proofs.find(runtime.cases.get(one.case_id), one.send(invoice()).json()["id"]))
    two.send(encode_jpeg(photographed(decode(page, side=1600).pixels)), number="8").raise_for_status()
    three.send(invoice("5005", buyer="Shop Three", seed=5), number="9").raise_for_status()
    assert checks(client, one)["same_document"] == "failed"
    assert checks(client, two)["same_document"] == "failed"
    four.send(invoice(buyer="Another Trader Ltd"), number="10").raise_for_status()
    assert checks(client, three)["same_document"] == "ok"
    assert checks(client, four)["same_document"] == "warning"  # the same but for the buyer


def test_one_sellers_document_for_two_listings_is_no_finding(client, runtime, brand):
    one = Seller(client, runtime, "s-1", title="first")
    images = (ImageSource(data=jpeg("coffee", 60)),)
    second = runtime.listings.judge(ListingInput("of-s-1-too", images, seller_id="s-1")).matches[0].case_id
    runtime.cases.act(second, REVIEWER, "hold", reason="copied", evidence_version=1)
    one.send(jpeg("chelsea")).raise_for_status()
    files = {"document": jpeg("chelsea")}
    fields = {"type": "invoice", "number": "INV-4711"}
    client.post(f"/v1/cases/{second}/proofs", data=fields, files=files).raise_for_status()
    assert checks(client, one) == {"document": "ok", "number": "ok", "same_document": "ok"}


def test_letters_that_have_ended_are_refused_and_nothing_moves(client, runtime, brand):
    seller = Seller(client, runtime, "s-1")
    before = client.get(f"/v1/cases/{seller.case_id}").json()
    answer = seller.send(jpeg("chelsea"), type="authorisation", valid_until="2020-01-31")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/proof-refused")
    assert answer.json()["reason"] == "expired"
    assert client.get(f"/v1/cases/{seller.case_id}").json() == before
    held = seller.send(jpeg("chelsea"), type="authorisation", valid_until="2090-01-31").json()
    assert (held["valid_until"], held["checks"][1]["outcome"]) == ("2090-01-31", "ok")
    endless = seller.send(jpeg("chelsea", 50), type="authorisation").json()
    assert endless["checks"][1]["outcome"] == "warning"


def test_what_is_said_is_checked(client, runtime, brand):
    seller = Seller(client, runtime, "s-1")
    wrong = [{"type": "letter"}, {"type": ""}, {"number": ""}, {"number": "---"}, {"number": "x" * 101}]
    wrong += [{"valid_until": text} for text in ("tomorrow", "2027-13-01", "2027-01-01T99:00")]
    for fields in wrong:
        assert seller.send(jpeg("chelsea"), **fields).status_code == 422, fields
    assert seller.send(jpeg("chelsea"), number="1\x00").status_code == 400
    nothing = client.post(seller.url, data={"type": "invoice", "number": "1"}, headers=seller.headers)
    assert nothing.status_code == 422


def test_harmful_documents_are_refused_with_their_reason_and_nothing_is_kept(client, runtime, brand):
    seller = Seller(client, runtime, "s-1")
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    answer = seller.send(pdf(tweak=lambda document: document.Root.__setitem__("/OpenAction", script)))
    assert (answer.status_code, answer.json()["reason"]) == (422, "script")
    assert seller.send(b"<svg onload='alert(1)'/>").status_code == 415
    assert seller.send(jpeg("coffee")[:200]).status_code in (415, 422)
    assert client.get(f"/v1/cases/{seller.case_id}").json()["proofs"] == []


def test_proofs_are_taken_while_the_listing_is_held_and_each_once(client, runtime, brand):
    seller = Seller(client, runtime, "s-1")
    first = seller.send(jpeg("chelsea"))
    again = seller.send(jpeg("chelsea"), number="other")
    assert (again.status_code, again.json()["existing_id"]) == (409, first.json()["id"])
    for quality in range(50, 59):
        seller.send(jpeg("chelsea", quality)).raise_for_status()
    full = seller.send(jpeg("chelsea", 30))
    assert full.status_code == 409
    assert "10 documents" in full.json()["detail"]
    version = runtime.cases.get(seller.case_id).evidence_version
    runtime.cases.act(seller.case_id, REVIEWER, "accept_proof", reason="genuine", evidence_version=version)
    assert seller.send(jpeg("chelsea", 29)).status_code == 409


def test_the_same_request_again_gives_the_same_answer(client, runtime, brand):
    seller = Seller(client, runtime, "s-1")
    headers = {**seller.headers, "Idempotency-Key": "once"}
    first, again = (seller.send(jpeg("chelsea"), headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert len(client.get(f"/v1/cases/{seller.case_id}").json()["proofs"]) == 1


def test_proofs_go_with_their_brand_files_too(client, runtime, brand):
    seller = Seller(client, runtime, "s-1")
    seller.send(jpeg("chelsea")).raise_for_status()
    (proof,) = (entry for entry, _ in proofs_of(runtime, seller.case_id))
    erase_brand(runtime, brand)
    for sha256 in (proof.stored_sha256, proof.preview_sha256):
        with pytest.raises(BlobMissing):
            runtime.blobs.get(sha256)


def proofs_of(runtime, case_id):
    with runtime.database.read() as connection:
        return runtime.proofs.of_case(connection, runtime.cases.get(case_id))


def test_what_a_crash_left_uncompared_is_compared_later(client, runtime, brand):
    one, two = Seller(client, runtime, "s-1"), Seller(client, runtime, "s-2")
    one.send(invoice()).raise_for_status()
    two.send(photo_of(runtime, one), number="8").raise_for_status()
    with runtime.database.write() as connection:
        connection.execute(sa.delete(PROOF_VECTORS))
        connection.execute(sa.delete(PROOF_TWINS))
        connection.execute(sa.update(PROOFS).values(compared=False))
    for _ in range(8):
        runtime.proofs.settle(limit=1)  # the service's own upkeep may be at it as well
    assert checks(client, two)["same_document"] == checks(client, one)["same_document"] == "failed"


def photo_of(runtime, seller: Seller) -> bytes:
    (proof,) = (entry for entry, _ in proofs_of(runtime, seller.case_id))
    return encode_jpeg(photographed(decode(runtime.proofs.preview(proof), side=1600).pixels))
