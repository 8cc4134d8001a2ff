"""A packet of a case: what is in it for whom, that it checks, and that what does not agree is told."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile

import pytest

from service.canonical import canonical
from service.cases import Acting
from service.cli import run
from service.listings import ImageSource, ListingInput
from service.packets.checking import check_packet
from service.packets.opening import PacketRefused, open_packet
from service.packets.recomputing import recomputer
from service.packets.sealing import MANIFEST, SIGNATURE, seal
from service.rights import NewRight
from tests.callers import as_role
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg
from vision.images import decode

REVIEWER = Acting("reviewer", "key_rose")
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def settings(settings, database_url):
    """Every test of this module runs on SQLite and on PostgreSQL."""
    return dataclasses.replace(settings, database_url=database_url)


@pytest.fixture
def case(runtime):
    """A held case with a right and a proof."""
    brand = runtime.brands.create(f"Acme {HOSTILE}").id
    runtime.rights.add(brand, NewRight("copyright", "Catalogue", "Acme Ltd"), created_by="key_op")
    runtime.enrolment.add(brand, "photo", jpeg("coffee"))
    images = (ImageSource(data=jpeg("chelsea")), ImageSource(data=jpeg("coffee", 70)))
    judged = runtime.listings.judge(ListingInput("A-1", images, seller_id="s-9", title=HOSTILE))
    case_id = judged.matches[0].case_id
    runtime.cases.act(case_id, REVIEWER, "hold", reason=HOSTILE, evidence_version=1)
    return runtime.cases.get(case_id)


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sealed_again(runtime, data: bytes, change) -> bytes:
    """The packet with its case changed, signed by the installation itself."""
    files = {name: content for name, content in files_of(data).items() if name not in (MANIFEST, SIGNATURE)}
    case = json.loads(files["case.json"])
    change(case, files)
    files["case.json"] = canonical(case)
    return seal(files, "case", runtime.packets.key)


def outcomes(data: bytes) -> dict[str, str]:
    return {finding.name: finding.outcome for finding in check_packet(open_packet(data))}


def test_it_holds_what_the_case_rests_on_and_checks(client, runtime, case):
    answer = client.get(f"/v1/cases/{case.id}/packet")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == f'attachment; filename="{case.id}.zip"'
    data = answer.content
    files = files_of(data)
    assert files["pictures/listing.jpg"] == jpeg("coffee", 70)
    assert files["pictures/reference.jpg"] == jpeg("coffee")
    assert decode(files["side-by-side.png"]).height == 720
    told = json.loads(files["case.json"])
    assert told["judged_by"]["space"] == "spc_thumbnail"
    assert told["judged_by"]["model"] == "thumbnail"
    assert told["features"]
    assert [right["title"] for right in told["rights"]] == ["Catalogue"]
    assert [statement["measure"] for statement in told["statements"]] == ["hold"]
    assert told["policy"] == {"version": 0, "rules": [], "proof_required": []}
    assert [entry["action"] for entry in told["case"]["audit"]] == ["opened", "hold"]
    assert outcomes(data) == dict.fromkeys(
        ("audit", "picture of the listing", "picture of the reference", "score"), "ok"
    )
    assert client.get(f"/v1/cases/{case.id}/packet").content == data
    public = client.get("/v1/installation-key", headers={"Authorization": ""}).json()
    assert open_packet(data).key.text == public["public_key"]


def test_the_page_runs_nothing_and_escapes_everything(client, case):
    page = files_of(client.get(f"/v1/cases/{case.id}/packet").content)["packet.html"].decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page


def test_who_may_not_see_the_case_gets_no_packet_and_the_others_no_names(client, runtime, case):
    token, _ = runtime.cases.tokens.make(case.id, REVIEWER)
    owner = as_role(client, "brand", brand_id=case.brand_id)
    for headers in (owner, {"Authorization": f"Bearer {token}"}):
        data = client.get(f"/v1/cases/{case.id}/packet", headers=headers).content
        assert b"key_rose" not in data
        assert outcomes(data)["audit"] == "ok"
    stranger = as_role(client, "brand", brand_id=runtime.brands.create("Other").id)
    assert client.get(f"/v1/cases/{case.id}/packet", headers=stranger).status_code == 404
    assert client.get(f"/v1/cases/{case.id}/packet", headers={"Authorization": ""}).status_code == 401


def test_what_does_not_agree_is_told_although_it_is_signed(runtime, case):
    data = runtime.packets.make(case, REVIEWER)

    def found(change) -> dict[str, str]:
        return outcomes(sealed_again(runtime, data, change))

    assert set(found(lambda case, files: None).values()) == {"ok"}
    assert found(lambda case, files: case["case"]["match"].update(confidence=0.99))["score"] == "failed"
    assert found(lambda case, files: case["features"].update(agreement=0.0))["score"] == "failed"
    assert found(lambda case, files: case["judged_by"].update(calibration="cal_other"))["score"] == "failed"
    assert found(lambda case, files: files.pop("calibration.json"))["score"] == "unknown"
    assert found(lambda case, files: case["case"]["audit"][1].update(reason="other"))["audit"] == "failed"
    assert found(lambda case, files: case["case"]["audit"].pop())["audit"] == "failed"
    assert found(lambda case, files: case["case"]["audit"].pop(0))["audit"] == "failed"
    assert found(lambda case, files: case["case"].update(state="open"))["audit"] == "failed"
    swapped = found(lambda case, files: files.update({"pictures/listing.jpg": jpeg("chelsea")}))
    assert swapped["picture of the listing"] == "failed"
    with pytest.raises(PacketRefused):
        found(lambda case, files: case.pop("case"))


def test_the_pictures_are_judged_anew_to_the_same_confidence(runtime, case, settings):
    data = runtime.packets.make(case, REVIEWER)
    fresh = recomputer(dataclasses.replace(settings, database_url=None), ThumbnailEmbedder())
    found = {finding.name: finding for finding in check_packet(open_packet(data), fresh)}
    assert found["pictures judged anew"].outcome == "ok", found["pictures judged anew"].detail
    other = recomputer(dataclasses.replace(settings, database_url=None), ThumbnailEmbedder(name="other"))
    found = {finding.name: finding for finding in check_packet(open_packet(data), other)}
    assert found["pictures judged anew"].outcome == "unknown"


def test_pictures_that_are_gone_are_left_out_and_said_to_be(runtime, case):
    for picture in (jpeg("coffee"), jpeg("coffee", 70)):
        runtime.blobs.delete(runtime.blobs.put(picture))
    found = outcomes(runtime.packets.make(case, REVIEWER))
    assert found["picture of the listing"] == found["picture of the reference"] == "unknown"


def test_the_command_tells_by_its_exit_status(runtime, case, tmp_path, capsys):
    data, file = runtime.packets.make(case, REVIEWER), tmp_path / "packet.zip"
    file.write_bytes(data)
    public = runtime.packets.key.public
    assert run(["verify-packet", str(file), "--public-key", public.text]) == 0
    assert "every file is as it was signed" in capsys.readouterr().out
    (tmp_path / "key.pem").write_text(public.as_json()["pem"])
    assert run(["verify-packet", str(file), "--public-key", str(tmp_path / "key.pem"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["intact"], told["key_trusted"], told["case_id"]) == (True, True, case.id)
    assert run(["verify-packet", str(file), "--public-key", "nonsense"]) == 2
    assert run(["verify-packet", str(tmp_path / "none.zip")]) == 2
    file.write_bytes(data.replace(b"hold", b"held"))
    assert run(["verify-packet", str(file)]) == 1
    assert "NOT AS IT WAS SIGNED" in capsys.readouterr().out
    file.write_bytes(sealed_again(runtime, data, lambda case, files: case["case"].update(state="open")))
    assert run(["verify-packet", str(file)]) == 1


def test_changes_all_over_a_real_packet_are_seen(runtime, case):
    data = runtime.packets.make(case, REVIEWER)
    for place in range(0, len(data), max(1, len(data) // 150)):
        changed = bytearray(data)
        changed[place] ^= 0x10
        with pytest.raises(PacketRefused):
            open_packet(bytes(changed))
