"""`brandwarden demo`, the way a stranger runs it: its own process, a real service, every expectation held."""

import json
import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "out" / "report.html"


@pytest.fixture(scope="module")
def done(report):
    command = [sys.executable, "-m", "service", "demo", "--json", "--report", str(report)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=540)


@pytest.fixture(scope="module")
def result(done):
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout)


def test_every_expectation_holds(done, result):
    wrong = {entry["listing_id"]: entry["wrong"] for entry in result["listings"] if not entry["held"]}
    assert wrong == {}
    assert result["held"]
    assert done.returncode == 0


def test_every_kind_of_listing_was_sent(result):
    assert len(result["listings"]) >= 16
    assert {entry["decision"] for entry in result["listings"]} == {"clear", "review", "refused"}
    kinds = {match["kind"] for entry in result["listings"] for match in entry["matches"] if match["confidence"] >= 0.5}
    assert kinds == {"stolen_photo", "logo_use"}


def test_the_report_shows_each_listing_beside_what_it_matched(result, report):
    page = report.read_text("utf-8")
    for entry in result["listings"]:
        assert f'<article id="{entry["listing_id"]}"' in page
    flagged = [entry for entry in result["listings"] if entry["decision"] == "review"]
    assert page.count("Reference ") == page.count('<div class="pair">') >= len(flagged)
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_it_tells_how_it_goes_and_leaves_nothing_running(done):
    assert "Ready at http://127.0.0.1:" in done.stderr
    assert "Traceback" not in done.stderr
