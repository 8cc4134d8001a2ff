"""Idempotency keys, through an application of one call and through the table."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import JSONResponse

from service import problems
from service.errors import Invalid, Missing, Overloaded, StateConflict
from service.idempotency import Answer, Claim, Idempotency, fingerprint, once


@dataclass
class Desk:
    """The one call: counts its work and does what the test says."""

    store: Idempotency
    done: int = 0
    error: Exception | None = None
    status: int = 201


@pytest.fixture
def desk(database) -> Desk:
    return Desk(Idempotency(database))


@pytest.fixture
def client(desk):
    app = FastAPI()
    problems.install(app)

    @app.post("/v1/{thing}")
    async def make(thing: str, request: Request):
        body = await request.json()

        async def work():
            desk.done += 1
            if desk.error is not None:
                raise desk.error
            return JSONResponse({"number": desk.done}, desk.status, {"Location": f"/v1/{desk.done}"})

        caller = SimpleNamespace(key_id=request.headers.get("x-key", "key_1"))
        return await once(request, SimpleNamespace(idempotency=desk.store), caller, body, work)

    with TestClient(app, raise_server_exceptions=False) as opened:
        yield opened


def post(client, body, key="k-1", path="/v1/things", who="key_1"):
    headers = {"x-key": who} | ({} if key is None else {"Idempotency-Key": key})
    return client.post(path, json=body, headers=headers)


def test_the_same_again_gives_the_stored_answer(client, desk):
    first, again = post(client, {"a": 1, "b": [2]}), post(client, {"b": [2], "a": 1})
    assert (again.status_code, again.json(), again.headers["location"]) == (201, {"number": 1}, "/v1/1")
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotent-replayed"] == "true"
    assert desk.done == 1


def test_another_body_is_422(client, desk):
    post(client, {"a": 1})
    answer = post(client, {"a": 2})
    assert answer.status_code == 422
    assert answer.json()["errors"]
    assert desk.done == 1


def test_without_the_header_everything_is_done(client, desk):
    post(client, {}, key=None)
    post(client, {}, key=None)
    assert desk.done == 2


def test_keys_belong_to_an_api_key_and_a_route(client, desk):
    post(client, {})
    assert post(client, {}, who="key_2").json() == {"number": 2}
    assert post(client, {}, path="/v1/others").json() == {"number": 3}


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_none_is_400(client, key):
    assert post(client, {}, key=key).status_code == 400


def test_a_refusal_is_stored(client, desk):
    desk.error = Missing()
    assert post(client, {}).status_code == 404
    desk.error = None
    assert post(client, {}).status_code == 404
    assert desk.done == 1


@pytest.mark.parametrize("error", [Overloaded("busy"), ZeroDivisionError()])
def test_what_another_try_could_change_is_not_stored(client, desk, error):
    desk.error = error
    assert post(client, {}).status_code >= 500
    desk.error = None
    assert post(client, {}).status_code == 201
    assert desk.done == 2


@pytest.mark.parametrize(("status", "stored"), [(200, True), (409, True), (429, False), (503, False)])
def test_which_answers_are_stored(client, desk, status, stored):
    desk.status = status
    post(client, {})
    post(client, {})
    assert desk.done == (1 if stored else 2)


def claim(body="one"):
    return Claim("key_1", "POST /v1/things", "k-1", fingerprint(body))


def test_while_it_runs_the_same_is_409_and_another_body_422(desk):
    token = desk.store.begin(claim())
    with pytest.raises(StateConflict):
        desk.store.begin(claim())
    with pytest.raises(Invalid):
        desk.store.begin(claim("two"))
    desk.store.finish(token, Answer(200, {}, b"ok"))
    assert desk.store.begin(claim()) == Answer(200, {}, b"ok")


def test_a_crash_in_the_middle_frees_the_key_when_its_lease_is_over(database):
    crashed, now = Idempotency(database, lease_seconds=-1), Idempotency(database)
    old = crashed.begin(claim())
    new = now.begin(claim())
    assert isinstance(new, str)
    crashed.finish(old, Answer(200, {}, b"late"))  # whoever lost the key cannot answer for it
    with pytest.raises(StateConflict):
        now.begin(claim())


def test_long_work_keeps_its_key(database):
    """The lease is renewed while work goes on."""
    store = Idempotency(database, lease_seconds=1.0)
    scope = {"type": "http", "method": "POST", "path": "/v1/x", "query_string": b"", "scheme": "http"}
    request = Request(scope | {"headers": [(b"idempotency-key", b"k")], "server": ("x", 80)})
    runtime, caller = SimpleNamespace(idempotency=store), SimpleNamespace(key_id="key_1")

    async def work():
        await asyncio.sleep(1.6)
        with pytest.raises(StateConflict):
            await asyncio.to_thread(store.begin, Claim("key_1", "POST /v1/x", "k", fingerprint({})))
        return JSONResponse({})

    assert asyncio.run(once(request, runtime, caller, {}, work)).status_code == 200


def test_answers_are_forgotten_after_their_time(database):
    brief = Idempotency(database, hours=-1)
    brief.finish(brief.begin(claim()), Answer(200, {}, b"ok"))
    assert isinstance(Idempotency(database).begin(claim("two")), str)


def test_of_many_at_once_one_works(database):
    store, tokens, refused = Idempotency(database), [], []

    def begin():
        try:
            tokens.append(store.begin(claim()))
        except StateConflict:
            refused.append(1)

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(tokens), len(refused)) == (1, 7)
