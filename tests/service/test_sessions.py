"""Sessions: what starts them, what ends them, and what the table gives away."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from service.keys import Keys
from service.sessions import WEB_SESSIONS, Sessions

OPERATOR_KEY = "chosen by a person"


@pytest.fixture
def keys(database):
    return Keys(database, operator_key=OPERATOR_KEY)


@pytest.fixture
def sessions(database, keys):
    return Sessions(database, keys, operator_key=OPERATOR_KEY)


def test_a_key_starts_a_session_that_is_found_by_its_token(sessions, keys):
    key, secret = keys.create("ingest", "Shop", marketplace="default")
    token, started = sessions.start(secret)
    found = sessions.find(token)
    assert found == started
    assert found.principal.key_id == key.id
    assert found.principal.marketplace == "default"


def test_a_wrong_key_starts_nothing_and_a_wrong_token_finds_nothing(sessions, keys):
    _key, secret = keys.create("reviewer", "R")
    assert sessions.start(secret + "x") is None
    token, _session = sessions.start(secret)
    assert sessions.find(token + "x") is None
    assert sessions.find("") is None


def test_the_table_holds_neither_token_nor_csrf_token_nor_key(sessions, database):
    token, session = sessions.start(OPERATOR_KEY)
    with database.read() as connection:
        stored = " ".join(str(value) for row in connection.execute(sa.select(WEB_SESSIONS)) for value in row)
    for secret in (token, session.csrf, OPERATOR_KEY):
        assert secret not in stored


def test_a_session_ends_with_its_key(sessions, keys):
    key, secret = keys.create("reviewer", "R")
    token, _session = sessions.start(secret)
    keys.delete(key.id)
    assert sessions.find(token) is None


def test_a_session_of_the_operator_key_ends_when_that_key_is_replaced(sessions, database):
    token, _session = sessions.start(OPERATOR_KEY)
    assert sessions.find(token) is not None
    for other in ("another key", None):
        assert Sessions(database, Keys(database, operator_key=other), operator_key=other).find(token) is None


def test_signing_out_ends_one_session_and_leaves_the_others(sessions):
    first, _session = sessions.start(OPERATOR_KEY)
    second, _session = sessions.start(OPERATOR_KEY)
    sessions.end(first)
    sessions.end("never seen")
    assert sessions.find(first) is None
    assert sessions.find(second) is not None


def test_a_session_that_is_over_is_not_found_and_is_swept_at_the_next_sign_in(database, keys, sessions):
    brief = Sessions(database, keys, operator_key=OPERATOR_KEY, lifetime=timedelta(0))
    token, _session = brief.start(OPERATOR_KEY)
    assert brief.find(token) is None
    sessions.start(OPERATOR_KEY)
    with database.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(WEB_SESSIONS)).scalar_one() == 1


def test_csrf_tokens_differ_between_sessions_and_only_the_own_one_is_allowed(sessions):
    _token, first = sessions.start(OPERATOR_KEY)
    _token, second = sessions.start(OPERATOR_KEY)
    assert first.allows(first.csrf)
    for wrong in (second.csrf, "", None, "é"):
        assert not first.allows(wrong)
