"""Sign-in of people by OpenID Connect: the code flow with PKCE, state and nonce, through authlib and joserfc.

Place in the flow: off unless the settings name an issuer; `service.pages.oidc` sends people there and takes them back.
What has to survive the way there and back is sealed into a cookie, so that nothing is stored. What comes out is an
e-mail address that the issuer says it verified; whose key that is, `service.keys` knows. Needs the extra `oidc`.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from service.errors import Forbidden, Overloaded
from service.sealing import Sealer, Unsealable
from service.settings import Settings, SettingsError

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client

FLOW_SECONDS: Final = 600
_TIMEOUT: Final = 10.0
_KEPT_SECONDS: Final = 3600.0
_LEEWAY: Final = 60
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]
_PURPOSE: Final = "oidc flow"
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class IssuerFailed(Overloaded):
    """The issuer is away or answers what it must not."""

    status, slug, title = 503, "issuer-failed", "Sign-in service failed"


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to send a person, and what their browser keeps meanwhile."""

    url: str
    cookie: str


class OpenIdConnect:
    """One issuer. Thread-safe."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        client_secret: str,
        sealer: Sealer,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuer, self._client_id, self._client_secret = issuer, client_id, client_secret
        self._sealer, self._clock = sealer, clock
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    @classmethod
    def of(cls, settings: Settings, sealer: Sealer) -> OpenIdConnect | None:
        """As the settings say; None where they name no issuer, `SettingsError` where something is missing."""
        if not settings.oidc_issuer:
            return None
        if not settings.oidc_client_id or not settings.oidc_client_secret:
            raise SettingsError("BRANDWARDEN_OIDC_ISSUER needs BRANDWARDEN_OIDC_CLIENT_ID and _CLIENT_SECRET.")
        if not _is_safe(settings.oidc_issuer):
            raise SettingsError("BRANDWARDEN_OIDC_ISSUER has to be an https:// URL.")
        try:
            import authlib.integrations.httpx_client  # noqa: F401, PLC0415  # only where it is used
        except ImportError as error:
            raise SettingsError("BRANDWARDEN_OIDC_ISSUER needs the extra: pip install brandwarden[oidc].") from error
        return cls(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, sealer)

    def begin(self, redirect_uri: str, wanted: str) -> Begun:
        """Start: `wanted` is where the person goes once they are signed in."""
        flow = {
            "state": secrets.token_urlsafe(24),
            "nonce": secrets.token_urlsafe(24),
            "verifier": secrets.token_urlsafe(48),
            "wanted": wanted,
            "until": self._clock() + FLOW_SECONDS,
        }
        with self._client(redirect_uri) as client:
            url, _state = client.create_authorization_url(
                self._about()["authorization_endpoint"],
                state=flow["state"],
                nonce=flow["nonce"],
                code_verifier=flow["verifier"],
            )
        return Begun(url, self._sealer.seal(json.dumps(flow).encode(), _PURPOSE).hex())

    def finish(self, redirect_uri: str, cookie: str, answer: Mapping[str, str]) -> tuple[str, str]:
        """The verified e-mail address, and where the person wanted to go; `Forbidden` where anything does not fit."""
        flow = self._flow(cookie)
        if not hmac.compare_digest(flow["state"].encode(), answer.get("state", "").encode()):
            raise Forbidden("This sign-in was not begun in this browser; begin again.")
        if answer.get("iss", self._issuer) != self._issuer:
            raise Forbidden("Another issuer answered; begin again.")
        if "code" not in answer:
            raise Forbidden("The sign-in service did not let you in; begin again or use a key.")
        with self._client(redirect_uri) as client:
            token = self._exchange(client, answer["code"], flow["verifier"])
            claims = self._claims(token, flow["nonce"])
            return self._email(client, claims), flow["wanted"]

    def _flow(self, cookie: str) -> dict[str, Any]:
        try:
            flow: dict[str, Any] = json.loads(self._sealer.open(bytes.fromhex(cookie), _PURPOSE))
        except (Unsealable, ValueError) as error:
            raise Forbidden("This sign-in was not begun in this browser; begin again.") from error
        if flow["until"] < self._clock():
            raise Forbidden("This sign-in took too long; begin again.")
        return flow

    def _exchange(self, client: OAuth2Client, code: str, verifier: str) -> dict[str, Any]:
        from authlib.common.errors import AuthlibBaseError  # noqa: PLC0415  # only where it is used

        try:
            token = client.fetch_token(self._about()["token_endpoint"], code=code, code_verifier=verifier)
        except AuthlibBaseError as error:
            raise Forbidden("The sign-in service did not take the answer; begin again.") from error
        except Exception as error:
            raise _failed("its token endpoint") from error
        if not isinstance(token, dict) or not isinstance(token.get("id_token"), str):
            raise _failed("its token endpoint")
        return token

    def _claims(self, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the ID token: signed by the issuer, for us, now, and for this very sign-in."""
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415  # only where it is used
        from joserfc.errors import JoseError  # noqa: PLC0415

        options = {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        params = {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
        try:
            decoded = self._decode(str(token["id_token"]))
            claims = CodeIDToken(decoded.claims, decoded.header, options, params)
            claims.validate(leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise Forbidden("The sign-in service's answer does not hold; begin again.") from error
        return dict(claims)

    def _decode(self, id_token: str) -> Any:
        from joserfc import jwt  # noqa: PLC0415  # only where it is used
        from joserfc.errors import JoseError  # noqa: PLC0415
        from joserfc.jwk import KeySet  # noqa: PLC0415

        uri = self._about()["jwks_uri"]
        try:
            return jwt.decode(id_token, KeySet.import_key_set(cast("Any", self._get(uri))), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):  # signed with a key that is newer than what is kept, or forged
            keys = KeySet.import_key_set(cast("Any", self._get(uri, anew=True)))
            return jwt.decode(id_token, keys, algorithms=_ALGORITHMS)

    def _email(self, client: OAuth2Client, claims: Mapping[str, Any]) -> str:
        """From the ID token, else from the issuer's word about this very person."""
        if "email" not in claims and (endpoint := self._about().get("userinfo_endpoint")):
            answer = _json(client.get(endpoint))
            claims = answer if answer.get("sub") == claims["sub"] else {}
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise Forbidden("The sign-in service does not vouch for an e-mail address of yours.")
        return email

    def _about(self) -> dict[str, Any]:
        """What the issuer says of itself."""
        about = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        named = [about.get(name) for name in _ENDPOINTS]
        if about.get("issuer") != self._issuer or not all(isinstance(url, str) and _is_safe(url) for url in named):
            raise _failed("its description")
        return about

    def _get(self, url: str, *, anew: bool = False) -> dict[str, Any]:
        """A JSON document of the issuer, kept for an hour."""
        with self._lock:
            until, kept = self._kept.get(url, (0.0, {}))
        if not anew and until > self._clock():
            return kept
        with self._client("") as client:
            try:
                document = _json(client.request("GET", url, withhold_token=True))
            except Exception as error:
                raise _failed(urlsplit(url).path) from error
        with self._lock:
            self._kept[url] = (self._clock() + _KEPT_SECONDS, document)
        return document

    def _client(self, redirect_uri: str) -> OAuth2Client:
        from authlib.integrations.httpx_client import OAuth2Client  # noqa: PLC0415  # only where it is used

        return OAuth2Client(
            self._client_id,
            self._client_secret,
            scope="openid email",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=_TIMEOUT,
        )


def _json(response: Any) -> dict[str, Any]:
    response.raise_for_status()
    document = response.json()
    if not isinstance(document, dict):
        raise TypeError("no JSON object")
    return document


def _failed(what: str) -> IssuerFailed:
    return IssuerFailed(
        f"The sign-in service cannot be used now ({what}); sign in with a key, or try again.", retry_after=30
    )


def _is_safe(url: str) -> bool:
    """HTTPS, or plain HTTP within this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )
