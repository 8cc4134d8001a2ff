"""`/login` and `/logout`: a key becomes a session, and a session ends.

The sign-in form has no session to take a CSRF token from, so it brings its own: the same random value in a cookie and
in a field, which a foreign page can neither read nor set.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Form, Query, Request, Response
from starlette.responses import RedirectResponse

from service.api.dependencies import RuntimeOf
from service.pages.rendering import page_router, render
from service.pages.visitors import Visiting, allow
from service.runtime import Runtime
from service.sessions import COOKIE, LIFETIME
from service.sign_ins import is_guessable

FORM_COOKIE = "bw_login"
_HOURS = int(LIFETIME.total_seconds() // 3600)
_WRONG_KEY = "This key is not known or was revoked. Check that you copied all of it."
_STALE = "The sign-in form was out of date. Enter your key again."
_SLOW_DOWN = "Too many wrong keys from your address. Wait {minutes} and try again."

router = page_router()


@router.get("/login")
def show_login(request: Request, runtime: RuntimeOf, next: Annotated[str, Query()] = "/") -> Response:  # noqa: A002  # the name in the URL
    """The form, or straight on for somebody who is signed in."""
    token = request.cookies.get(COOKIE)
    if token and runtime.sessions.find(token) is not None:
        return RedirectResponse(safe_path(next), status_code=303)
    return _form(request, next)


@router.post("/login")
def sign_in(
    request: Request,
    runtime: RuntimeOf,
    key: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
    next: Annotated[str, Form()] = "/",  # noqa: A002  # the name of the field
) -> Response:
    """Take the key, set the cookie, go on to where the visitor wanted to be."""
    expected = request.cookies.get(FORM_COOKIE, "")
    if not expected or not hmac.compare_digest(expected.encode(), csrf.encode()):
        return _form(request, next, problem=_STALE, status=403)
    address = request.client.host if request.client else "unknown"
    key = key.strip()
    wait = runtime.sessions.failures.wait(address)
    started = None if wait and is_guessable(key) else runtime.sessions.start(key)
    if started is None:
        return _refuse(request, runtime, next, address, wait)
    response = RedirectResponse(safe_path(next), status_code=303)
    response.delete_cookie(FORM_COOKIE, path="/login")
    _set_cookie(request, response, COOKIE, started[0], path="/", max_age=int(LIFETIME.total_seconds()))
    return response


@router.post("/logout")
def sign_out(request: Request, runtime: RuntimeOf, visitor: Visiting, csrf: Annotated[str, Form()] = "") -> Response:
    """End the session here and in the browser."""
    allow(visitor, csrf)
    runtime.sessions.end(request.cookies[COOKIE])
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


def safe_path(wanted: str) -> str:
    """`wanted` when it is a path of this service, else `/`: a link must not lead from sign-in to another site."""
    plain = wanted.isprintable() and "\\" not in wanted and wanted.startswith("/") and not wanted.startswith("//")
    if not plain:
        return "/"
    parts = urlsplit(wanted)
    return "/" if parts.scheme or parts.netloc or parts.path in ("/login", "/logout") else wanted


def _form(request: Request, wanted: str, *, problem: str = "", status: int = 200) -> Response:
    csrf = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    values = {"csrf": csrf, "next": safe_path(wanted), "problem": problem, "hours": _HOURS}
    response = render(request, "login.html", status=status, **values)
    _set_cookie(request, response, FORM_COOKIE, csrf, path="/login", max_age=3600)
    return response


def _refuse(request: Request, runtime: Runtime, wanted: str, address: str, wait: int) -> Response:
    if not wait:
        runtime.sessions.failures.record(address)
        return _form(request, wanted, problem=_WRONG_KEY, status=401)
    minutes = "a minute" if wait <= 60 else f"{-(-wait // 60)} minutes"
    response = _form(request, wanted, problem=_SLOW_DOWN.format(minutes=minutes), status=429)
    response.headers["Retry-After"] = str(wait)
    return response


def _set_cookie(request: Request, response: Response, name: str, value: str, *, path: str, max_age: int) -> None:
    # Behind a proxy that ends TLS only this header tells; whoever forges it spoils nothing but their own cookie.
    secure = "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", ""))
    response.set_cookie(name, value, max_age=max_age, path=path, secure=secure, httponly=True, samesite="lax")
