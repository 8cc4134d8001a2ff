"""The commands that judge pictures, on a real data directory: in this process, and by HTTP at a real service."""

import csv
import json
import shutil

import pytest

from service.cli import run
from service.demo.pictures import mark, photograph
from service.demo.server import running_service
from vision import edits
from vision.boxes import Box
from vision.images import decode, encode_jpeg

OPERATOR = "bw_operator_of_the_commands"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures: a catalogue to import, and listings to check."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "catalogue" / "logos").mkdir(parents=True)
    for name in ("motorcycle_left", "china", "chelsea"):
        (root / "catalogue" / f"{name}.{'jpg' if name == 'china' else 'png'}").write_bytes(photograph(name))
    (root / "catalogue" / "logos" / "twitch.png").write_bytes(mark("twitch"))
    (root / "catalogue" / "notes.txt").write_text("not a picture")
    (root / "listings").mkdir()
    crop = edits.crop(decode(photograph("motorcycle_left")).pixels, Box(0.1, 0.1, 0.9, 0.9))
    (root / "listings" / "stolen.jpg").write_bytes(encode_jpeg(crop))
    (root / "listings" / "clean.jpg").write_bytes(photograph("flower"))
    (root / "listings" / "corrupt.png").write_bytes(photograph("coffee")[:3000])
    return root


@pytest.fixture(scope="module")
def data_dir(folder, tmp_path_factory):
    """A data directory with one brand and its catalogue, brought in by the command."""
    path = tmp_path_factory.mktemp("service") / "data"
    assert run(["brands", "create", "Acme", "--data-dir", str(path)]) == 0
    assert run(["import", str(folder / "catalogue"), "--brand", "acme", "--data-dir", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def service(data_dir, tmp_path_factory):
    """A running service on a copy of the data directory."""
    copy = tmp_path_factory.mktemp("running") / "data"
    shutil.copytree(data_dir, copy)
    with running_service(copy, operator_key=OPERATOR) as url:
        yield url


@pytest.fixture(params=["here", "by http"])
def where(request, data_dir):
    """Options that say where the work is done."""
    if request.param == "here":
        return ("--data-dir", str(data_dir))
    return ("--url", request.getfixturevalue("service"), "--key", OPERATOR)


@pytest.fixture
def called(capsys):
    """Run a command; its JSON."""

    def call(*arguments, status=0):
        capsys.readouterr()
        assert run([str(argument) for argument in (*arguments, "--json")]) == status
        return json.loads(capsys.readouterr().out)

    return call


def test_status_counts_what_was_imported(called, data_dir):
    state = called("status", "--data-dir", data_dir)
    assert state["references"] == {"photo": 3, "logo": 1}
    assert state["model"] == "brandwarden-lite1"
    assert state["index"]["stale"] is False
    assert "succeeded" in state["jobs"].values()


def test_status_asks_a_running_service(called, service):
    state = called("status", "--url", service)
    assert state["ready"] is True
    assert state["figures"]


def test_check_names_the_stolen_photo_and_ends_with_1(called, folder, where):
    stolen, clean = called("check", folder / "listings/stolen.jpg", folder / "listings/clean.jpg", *where, status=1)
    assert stolen["matches"][0]["external_id"] == "motorcycle_left.png"
    assert stolen["matches"][0]["kind"] == "stolen_photo"
    assert clean["matches"] == []


def test_check_ends_with_0_when_nothing_is_found(called, folder, where):
    assert called("check", folder / "listings/clean.jpg", *where)[0]["matches"] == []


def test_check_ends_with_2_for_what_is_no_picture(called, folder, where):
    (result,) = called("check", folder / "listings/corrupt.png", *where, status=2)
    assert result["problem"]


def test_scan_judges_every_listing_and_resumes(called, folder, where, tmp_path):
    out, report = tmp_path / "results.jsonl", tmp_path / "results.html"
    options = ("--out", out, "--report", report, *where)
    summary = called("scan", folder / "listings", *options)
    assert (summary["listings"], summary["review"], summary["clear"], summary["problem"]) == (3, 1, 1, 1)
    rows = {row["listing_id"]: row for row in map(json.loads, out.read_text().splitlines())}
    assert rows["stolen.jpg"]["decision"] == "review"
    assert rows["corrupt.png"]["problem"]["status"] == 422
    page = report.read_text()
    assert page.count("data:image/jpeg") == 2
    assert "motorcycle_left.png" in page

    whole = out.read_bytes()
    out.write_bytes(whole[: whole.index(b"\n") + 9])  # killed in the middle of the second line
    assert called("scan", folder / "listings", *options, "--resume")["skipped"] == 1
    assert {row["listing_id"] for row in map(json.loads, out.read_text().splitlines())} == set(rows)


def test_scan_reads_a_table_and_strict_ends_with_1(called, folder, data_dir, tmp_path):
    with (tmp_path / "listings.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["listing_id", "images", "title"])
        table.writerow(["A-1", f"{folder}/listings/clean.jpg | {folder}/listings/stolen.jpg", "Motorbike"])
        table.writerow(["", "x.jpg", ""])
    out = tmp_path / "out.jsonl"
    options = ("--out", out, "--report", tmp_path / "out.html", "--data-dir", data_dir)
    called("scan", tmp_path / "listings.csv", *options, "--strict", status=1)
    first, second = map(json.loads, out.read_text().splitlines())
    assert (first["listing_id"], first["title"], first["matches"][0]["image_index"]) == ("A-1", "Motorbike", 1)
    assert second["problem"]["detail"] == "row 2 has no listing_id"


def test_scan_does_not_overwrite(folder, data_dir, tmp_path, capsys):
    (tmp_path / "out.jsonl").write_text("")
    arguments = ["scan", str(folder / "listings"), "--out", str(tmp_path / "out.jsonl"), "--data-dir", str(data_dir)]
    assert run(arguments) == 2
    assert "--resume" in capsys.readouterr().err


def test_rebuild_makes_the_indexes_anew(called, data_dir):
    before = called("status", "--data-dir", data_dir)["index"]
    after = called("rebuild", "--data-dir", data_dir)
    assert after["vectors"] == before["vectors"]
    assert after["opened"]["from"] == "rebuild"


def test_import_by_http_reports_bad_rows_and_ends_with_1(called, service, folder, tmp_path):
    copy = tmp_path / "catalogue"
    shutil.copytree(folder / "catalogue", copy)
    (copy / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    job = called("import", copy, "--brand", "ACME", "--url", service, "--key", OPERATOR, status=1)
    assert (job["state"], job["done"], job["total"]) == ("succeeded", 5, 5)
    assert [error["file"] for error in job["errors"]] == ["broken.png"]


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (("check", "absent.jpg"), 2, "absent.jpg"),
        (("import", "absent.zip", "--brand", "Acme"), 2, "absent.zip"),
        (("scan", "absent.xlsx", "--url", "http://127.0.0.1:9", "--key", "k"), 2, "absent.xlsx"),
        (("check", __file__, "--url", "http://127.0.0.1:9"), 2, "--key"),
        (("check", __file__, "--url", "http://127.0.0.1:9", "--key", "k"), 3, "does not answer"),
        (("status", "--url", "http://127.0.0.1:9"), 3, "does not answer"),
    ],
)
def test_what_cannot_be_done_is_one_line(arguments, status, word, capsys):
    if "--url" not in arguments:
        arguments = (*arguments, "--url", "http://127.0.0.1:9", "--key", "k")
    assert run(arguments) == status
    complaint = capsys.readouterr().err
    assert word in complaint
    assert "Traceback" not in complaint


def test_a_refused_key_is_said(service, folder, capsys):
    arguments = ["check", str(folder / "listings/clean.jpg"), "--url", service, "--key", "wrong"]
    assert run(arguments) == 3
    assert "refused the key" in capsys.readouterr().err


def test_a_service_is_restored_with_its_index(called, data_dir, folder, tmp_path):
    called("backup", tmp_path / "all.tar", "--data-dir", data_dir)
    called("restore", tmp_path / "all.tar", "--data-dir", tmp_path / "restored")
    (result,) = called("check", folder / "listings/stolen.jpg", "--data-dir", tmp_path / "restored", status=1)
    assert result["matches"][0]["external_id"] == "motorcycle_left.png"
