"""Keys: hashed at rest, shown once, bound to their tenant, revoked at once."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from indexes.database import Database
from indexes.errors import NotFound
from service.errors import Invalid
from service.keys import API_KEYS, ENVIRONMENT_KEY_ID, Keys, Principal


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


def test_a_secret_finds_its_principal_and_stands_nowhere(keys, database):
    key, secret = keys.create("ingest", "I", marketplace="default")
    assert secret.startswith("bw_ingest_")
    assert keys.find(secret) == Principal("ingest", key.id, None, "default")
    assert keys.find_id(key.id) == keys.find(secret)
    assert keys.find(secret + "x") is None
    with database.read() as connection:
        row = connection.execute(sa.select(API_KEYS)).one()
    assert secret not in [str(value) for value in row]
    assert secret.removeprefix("bw_ingest_") not in str(row)


def test_a_deleted_key_finds_nobody(keys):
    key, secret = keys.create("reviewer", "R")
    keys.delete(key.id)
    assert keys.find(secret) is None
    assert keys.find_id(key.id) is None
    with pytest.raises(NotFound):
        keys.delete(key.id)


def test_two_live_keys_make_rotation_possible(keys):
    old, new = (keys.create("brand", name, brand_id="brd_1") for name in ("old", "new"))
    assert keys.find(old[1]) is not None
    keys.delete(old[0].id)
    assert keys.find(old[1]) is None
    assert keys.find(new[1]) is not None


@pytest.mark.parametrize(
    ("role", "tenant"),
    [
        ("brand", {}),
        ("ingest", {}),
        ("operator", {"brand_id": "brd_1"}),
        ("reviewer", {"marketplace": "default"}),
        ("ingest", {"marketplace": "default", "brand_id": "brd_1"}),
        ("king", {}),
    ],
)
def test_role_and_tenant_have_to_fit(keys, role, tenant):
    with pytest.raises(Invalid):
        keys.create(role, "x", **tenant)
    assert keys.list().items == []


def test_the_first_operator_key_is_made_once(keys, database):
    secret = keys.ensure_operator()
    assert keys.find(secret).role == "operator"
    assert keys.ensure_operator() is None
    assert Keys(database).ensure_operator() is None


def test_an_operator_key_in_the_settings_is_enough(database):
    keys = Keys(database, operator_key="chosen")
    assert keys.ensure_operator() is None
    assert keys.find("chosen") == Principal("operator", ENVIRONMENT_KEY_ID)
    assert keys.find_id(ENVIRONMENT_KEY_ID) == keys.find("chosen")
    assert keys.find("chosen ") is None
    assert Keys(database).find_id(ENVIRONMENT_KEY_ID) is None


@pytest.mark.parametrize(
    ("principal", "brand", "other_brand", "marketplace", "other_marketplace"),
    [
        (Principal("operator", "k"), True, True, True, True),
        (Principal("reviewer", "k"), True, True, True, True),
        (Principal("brand", "k", brand_id="brd_1"), True, False, False, False),
        (Principal("ingest", "k", marketplace="m1"), False, False, True, False),
    ],
)
def test_who_sees_what(principal, brand, other_brand, marketplace, other_marketplace):
    assert principal.may_see_brand("brd_1") is brand
    assert principal.may_see_brand("brd_2") is other_brand
    assert principal.may_see_marketplace("m1") is marketplace
    assert principal.may_see_marketplace("m2") is other_marketplace


def test_keys_come_in_pages_newest_first(keys):
    made = [keys.create("reviewer", str(n))[0].id for n in range(5)]
    first = keys.list(limit=3)
    second = keys.list(limit=3, cursor=first.next_cursor)
    assert [key.id for key in first.items + second.items] == made[::-1]
    assert second.next_cursor is None


def test_over_http_a_key_is_shown_once(client):
    made = client.post("/v1/keys", json={"role": "ingest", "name": "I"})
    assert made.status_code == 201
    assert made.json()["marketplace"] == "default"
    listed = client.get("/v1/keys").json()["items"]
    assert listed == [{name: value for name, value in made.json().items() if name != "key"}]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"role": "brand", "name": "B", "brand_id": "brd_nothing"}, 404),
        ({"role": "ingest", "name": "I", "marketplace": "nowhere"}, 404),
        ({"role": "brand", "name": "B"}, 422),
        ({"role": "operator", "name": ""}, 422),
        ({"role": "seller", "name": "S"}, 422),
    ],
)
def test_over_http_a_key_needs_a_tenant_that_exists(client, body, status):
    assert client.post("/v1/keys", json=body).status_code == status
    assert client.get("/v1/keys").json()["items"] == []
