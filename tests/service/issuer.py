"""A small OpenID Connect issuer on loopback, with switches for everything it may get wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT_ID, CLIENT_SECRET = "brandwarden", "secret of the client"  # of the tests


class Issuer(ThreadingHTTPServer):
    """Lets everybody in as `person`. `claims` replaces claims of the ID token; what is None is left out."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.person = {"sub": "42", "email": "Ada@Example.com", "email_verified": True}
        self.claims: dict[str, object] = {}
        self.says: dict[str, object] = {}
        self.userinfo: dict[str, object] | None = None
        self.algorithm = "ES256"
        self.key = ECKey.generate_key("P-256", {"kid": "first", "use": "sig", "alg": "ES256"})
        self.signing = self.key
        self.codes: dict[str, dict[str, str]] = {}
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def let_in(self, url: str) -> str:
        """What the person's browser does at the issuer: the address it is sent back to."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state'], 'iss': self.url})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, object] | None:
        """The answer of the token endpoint; None refuses. A code works once."""
        asked = self.codes.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET.replace(' ', '%20')}".encode()).decode()
        plain = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if asked is None or authorization not in (f"Basic {expected}", f"Basic {plain}"):
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if challenge != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        return {"access_token": "opaque", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce, **self.person}
        claims = {name: value for name, value in {**claims, **self.claims}.items() if value is not None}
        header = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "ES256":
            return jwt.encode(header, claims, self.signing)
        signed = ".".join(_packed(json.dumps(part).encode()) for part in (header, claims))
        if self.algorithm == "HS256":  # the public key taken for a shared secret
            secret = self.key.as_pem(private=False)
            return f"{signed}.{_packed(hmac.digest(secret, signed.encode(), 'sha256'))}"
        return f"{signed}."

    def end(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


def _packed(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = self.server.url
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": url,
                "authorization_endpoint": f"{url}/authorize",
                "token_endpoint": f"{url}/token",
                "jwks_uri": f"{url}/keys",
                "userinfo_endpoint": f"{url}/userinfo",
                **self.server.says,
            },
            "/keys": KeySet([self.server.key]).as_dict(private=False),
            "/userinfo": self.server.userinfo,
        }
        if self.path == "/userinfo" and self.headers["Authorization"] != "Bearer opaque":
            return self.answer(401, {})
        document = documents.get(self.path)
        return self.answer(404 if document is None else 200, document or {})

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = {name: values[0] for name, values in parse_qs(body).items()}
        token = self.server.token(form, self.headers.get("Authorization", ""))
        return self.answer(400, {"error": "invalid_grant"}) if token is None else self.answer(200, token)

    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass
