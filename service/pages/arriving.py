"""The last step of every sign-in: a session begins, its cookie is set, and the person goes to where they work."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.responses import RedirectResponse

from service.keys import Principal, Role
from service.runtime import Runtime
from service.sessions import COOKIE, LIFETIME

_HOMES: Final[dict[Role, str]] = {
    "operator": "/operator",
    "brand": "/portal",
    "reviewer": "/desk",
    "seller": "/seller",
}


def arrive(request: Request, runtime: Runtime, principal: Principal, wanted: str = "/") -> Response:
    """Begin a session for `principal` and lead them to `wanted`, or home where they wanted nothing in particular."""
    token, _session = runtime.sessions.begin(principal)
    response = go(principal, wanted)
    set_cookie(request, response, COOKIE, token, path="/", max_age=int(LIFETIME.total_seconds()))
    return response


def go(principal: Principal, wanted: str) -> Response:
    """Lead somebody who is signed in to `wanted`, or home."""
    path = safe_path(wanted)
    return RedirectResponse(_HOMES.get(principal.role, "/") if path == "/" else path, status_code=303)


def safe_path(wanted: str) -> str:
    """`wanted` when it is a path of this service, else `/`: a link must not lead from sign-in to another site."""
    plain = wanted.isprintable() and "\\" not in wanted and wanted.startswith("/") and not wanted.startswith("//")
    if not plain:
        return "/"
    parts = urlsplit(wanted)
    is_sign_in = parts.path in {"/logout", "/login"} or parts.path.startswith("/login/")
    return "/" if parts.scheme or parts.netloc or is_sign_in else wanted


def set_cookie(request: Request, response: Response, name: str, value: str, *, path: str, max_age: int) -> None:
    """A cookie for this service alone, out of reach of scripts."""
    # Behind a proxy that ends TLS only this header tells; whoever forges it spoils nothing but their own cookie.
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    response.set_cookie(name, value, max_age=max_age, path=path, secure=secure, httponly=True, samesite="lax")
