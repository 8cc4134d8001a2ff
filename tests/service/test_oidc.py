"""OpenID Connect against a real issuer on loopback: who gets in, and every answer that must let nobody in."""

from __future__ import annotations

import dataclasses
import time
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import ECKey

from service.oidc import OpenIdConnect
from service.sealing import Sealer
from service.settings import Settings, SettingsError
from tests.service.issuer import CLIENT_ID, CLIENT_SECRET, Issuer

OIDC = {"oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}


@pytest.fixture
def issuer():
    opened = Issuer()
    yield opened
    opened.end()


@pytest.fixture
def settings(settings, issuer):
    return dataclasses.replace(settings, oidc_issuer=issuer.url, **OIDC)


@pytest.fixture
def visitor(app):
    """A browser: it has no key, follows no redirect by itself and keeps cookies."""
    with TestClient(app, base_url="http://127.0.0.1", follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def ada(client) -> str:
    """The id of the key that bears the address of the issuer's person."""
    made = client.post("/v1/keys", json={"role": "reviewer", "name": "Ada", "email": "ada@example.com"})
    assert made.status_code == 201, made.text
    return made.json()["id"]


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def sign_in(visitor, issuer, wanted="/"):
    """The whole way there and back; the answer to the way back."""
    begun = visitor.get("/login/oidc", params={"next": wanted})
    assert begun.status_code == 303, begun.text
    return visitor.get(path_of(issuer.let_in(begun.headers["location"])))


def who(visitor, runtime):
    token = visitor.cookies.get("bw_session")
    session = runtime.sessions.find(token) if token else None
    return None if session is None else session.principal.key_id


def test_whoever_the_issuer_vouches_for_signs_in_as_their_key(visitor, runtime, issuer, ada):
    assert 'href="/login/oidc?next=%2Fcatalog"' in visitor.get("/login", params={"next": "/catalog"}).text
    answer = sign_in(visitor, issuer, "/catalog")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/catalog"
    assert who(visitor, runtime) == ada
    assert "bw_oidc" not in visitor.cookies


def test_an_address_that_no_key_bears_gets_nobody_in(visitor, runtime, issuer):
    assert sign_in(visitor, issuer).status_code == 403
    assert who(visitor, runtime) is None


def test_an_address_belongs_to_one_key(client, ada):
    again = client.post("/v1/keys", json={"role": "operator", "name": "Eve", "email": "ADA@example.com"})
    assert again.status_code == 409
    assert again.json()["existing_id"] == ada
    for wrong in ("no address", "<b>@x", "a@b@c", "x" * 250 + "@example.com"):
        made = client.post("/v1/keys", json={"role": "operator", "name": "Eve", "email": wrong})
        assert made.status_code == 422, wrong


def test_the_address_may_come_from_the_userinfo_endpoint(visitor, runtime, issuer, ada):
    issuer.claims = {"email": None, "email_verified": None}
    issuer.userinfo = dict(issuer.person)
    assert sign_in(visitor, issuer).status_code == 303
    assert who(visitor, runtime) == ada


def test_another_persons_userinfo_gets_nobody_in(visitor, runtime, issuer, ada):
    issuer.claims = {"email": None, "email_verified": None}
    issuer.userinfo = {**issuer.person, "sub": "43"}
    assert sign_in(visitor, issuer).status_code == 403
    assert who(visitor, runtime) is None


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another sign-in"},
        {"nonce": None},
        {"aud": "somebody else"},
        {"aud": ["somebody else", CLIENT_ID], "azp": "somebody else"},
        {"iss": "http://127.0.0.1:1"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"iat": int(time.time()) + 3600},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": ["ada@example.com"]},
        {"at_hash": "of another token"},
    ],
)
def test_claims_that_do_not_hold_get_nobody_in(visitor, runtime, issuer, ada, claims):
    issuer.claims = claims
    assert sign_in(visitor, issuer).status_code == 403
    assert who(visitor, runtime) is None


@pytest.mark.parametrize("algorithm", ["none", "HS256", "forged"])
def test_tokens_that_the_issuer_did_not_sign_get_nobody_in(visitor, runtime, issuer, ada, algorithm):
    if algorithm == "forged":
        issuer.signing = ECKey.generate_key("P-256", {"kid": issuer.key.kid})
    else:
        issuer.algorithm = algorithm
    assert sign_in(visitor, issuer).status_code == 403
    assert who(visitor, runtime) is None


def test_the_issuer_may_change_its_key(visitor, runtime, issuer, ada):
    assert sign_in(visitor, issuer).status_code == 303
    issuer.key = issuer.signing = ECKey.generate_key("P-256", {"kid": "second", "use": "sig", "alg": "ES256"})
    visitor.cookies.clear()
    assert sign_in(visitor, issuer).status_code == 303
    assert who(visitor, runtime) == ada


def test_an_answer_that_another_browser_asked_for_gets_nobody_in(app, visitor, runtime, issuer, ada):
    attacker = TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)
    back = path_of(issuer.let_in(attacker.get("/login/oidc").headers["location"]))
    assert visitor.get(back).status_code == 403
    visitor.get("/login/oidc")
    assert visitor.get(back).status_code == 403
    assert who(visitor, runtime) is None


def test_an_answer_is_good_once(visitor, runtime, issuer, ada):
    begun = visitor.get("/login/oidc")
    cookie = visitor.cookies["bw_oidc"]
    back = path_of(issuer.let_in(begun.headers["location"]))
    assert visitor.get(back).status_code == 303
    visitor.cookies.clear()
    visitor.cookies.set("bw_oidc", cookie, domain="127.0.0.1", path="/login/oidc")
    assert visitor.get(back).status_code == 403


@pytest.mark.parametrize("change", [{"state": "guess"}, {"state": None}, {"code": None}, {"iss": "http://evil"}])
def test_a_tampered_way_back_gets_nobody_in(visitor, runtime, issuer, ada, change):
    begun = visitor.get("/login/oidc")
    back = urlsplit(issuer.let_in(begun.headers["location"]))
    fields = {name: values[0] for name, values in parse_qs(back.query).items()} | change
    query = urlencode({name: value for name, value in fields.items() if value is not None})
    answer = visitor.get(f"{back.path}?{query}")
    assert answer.status_code == 403
    assert "guess" not in answer.text
    assert who(visitor, runtime) is None


def test_a_way_that_took_too_long_is_over(issuer):
    now = time.time()
    oidc = OpenIdConnect(issuer.url, CLIENT_ID, CLIENT_SECRET, Sealer(b"key"), clock=lambda: now)
    begun = oidc.begin("http://here/login/oidc/callback", "/")
    late = OpenIdConnect(issuer.url, CLIENT_ID, CLIENT_SECRET, Sealer(b"key"), clock=lambda: now + 601)
    answer = {name: values[0] for name, values in parse_qs(urlsplit(issuer.let_in(begun.url)).query).items()}
    with pytest.raises(Exception, match="took too long"):
        late.finish("http://here/login/oidc/callback", begun.cookie, answer)


@pytest.mark.parametrize("says", [{"issuer": "http://127.0.0.1:1"}, {"token_endpoint": "http://example.com/"}])
def test_an_issuer_that_describes_another_is_not_used(visitor, issuer, says):
    issuer.says = says
    assert visitor.get("/login/oidc").status_code == 503


def test_an_issuer_that_is_away_is_said_on_a_page(visitor, issuer):
    issuer.end()
    answer = visitor.get("/login/oidc")
    assert answer.status_code == 503
    assert "sign in with a key" in answer.text
    assert visitor.get("/login").status_code == 200


def test_a_link_to_another_site_is_not_followed_after_sign_in(visitor, issuer, ada):
    answer = sign_in(visitor, issuer, "https://evil.example/")
    assert answer.headers["location"].startswith("/")


@pytest.mark.parametrize(
    "wrong",
    [
        {"oidc_issuer": "http://issuer.example", **OIDC},
        {"oidc_issuer": "https://issuer.example", "oidc_client_id": CLIENT_ID},
        {"oidc_issuer": "issuer.example", **OIDC},
    ],
)
def test_half_of_the_settings_is_refused_at_the_start(wrong):
    with pytest.raises(SettingsError, match="BRANDWARDEN_OIDC"):
        OpenIdConnect.of(Settings(**wrong), Sealer(b"key"))


def test_it_is_off_by_default():
    assert OpenIdConnect.of(Settings(), Sealer(b"key")) is None
