"""`promote` and `rollback` against a running service over a real connection; the key is never shown."""

from __future__ import annotations

import json
import threading
import time

import pytest
import uvicorn
from typer.testing import CliRunner

from tests.conftest import OPERATOR_KEY
from tests.photographs import NAMES, jpeg
from tests.service.spaces import active, add, judge, serving
from training.cli import app
from training.promotion import shadow_told


@pytest.fixture
def client(settings):
    with serving(settings) as opened:
        brand = opened.post("/v1/brands", json={"name": "Acme"}).json()["id"]
        for name in NAMES:
            add(opened, brand, jpeg(name))
        yield opened


@pytest.fixture
def address(client):
    server = uvicorn.Server(uvicorn.Config(client.app, port=0, ws="none", log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def run(address, *arguments, key=OPERATOR_KEY):
    done = CliRunner().invoke(app, [*arguments, "--service", address], env={"BRANDWARDEN_KEY": key})
    assert key not in done.output
    return done


def test_a_model_goes_all_the_way_and_back(client, address, tmp_path):
    gate = {"candidate": {"space": "spc_contrary"}, "current": {"space": "spc_thumbnail"}, "passed": True}
    (tmp_path / "gate.json").write_text(json.dumps(gate))
    refused = run(address, "promote", "--model", "contrary")
    assert refused.exit_code == 1
    assert "passed no gate" in refused.output
    assert active(client) == "spc_thumbnail"

    held = run(address, "promote", "--model", "contrary", "--no-flip")
    assert held.exit_code == 0, held.output
    assert active(client) == "spc_thumbnail"
    sender = threading.Thread(target=lambda: [judge(client, f"A-{n}", jpeg("coffee", 70)) for n in range(3)])
    sender.start()
    arguments = [
        "--model",
        "contrary",
        "--gate",
        str(tmp_path / "gate.json"),
        "--shadow-minutes",
        "0.05",
        "--share",
        "1",
    ]
    done = run(address, "promote", *arguments)
    sender.join()
    assert done.exit_code == 0, done.output
    assert "contrary (spc_contrary) serves" in done.output
    assert active(client) == "spc_contrary"
    back = run(address, "rollback", "--reason", "it finds nothing")
    assert back.exit_code == 0, back.output
    assert "thumbnail (spc_thumbnail) serves again" in back.output
    assert active(client) == "spc_thumbnail"
    assert run(address, "rollback").exit_code == 1


def test_what_the_service_refuses_is_told(client, address):
    unknown = run(address, "promote", "--model", "unknown")
    assert unknown.exit_code == 1
    assert "cannot be used" in unknown.output
    stranger = run(address, "rollback", key="bw_operator_wrong")
    assert stranger.exit_code == 1
    assert "key" in stranger.output


def test_a_shadow_is_told_in_words():
    assert "nothing is known" in shadow_told(None)
    figures = {
        "listings": 4, "shed": 1, "failed": 0, "agreement": 0.75, "current_ms": 12.0, "candidate_ms": 9.5,
        "changes": [{"from": "review", "to": "clear", "listings": 1}],
        "brands": [{"brand": "Acme", "both": 3, "only_current": 1, "only_candidate": 0}],
        "examples": [{"marketplace": "default", "listing_id": "A-1"}],
    }  # fmt: skip
    said = shadow_told(figures)
    for words in ("75.0%", "review -> clear: 1", "Acme: 3 matches of both, 1 lost", "default/A-1"):
        assert words in said
