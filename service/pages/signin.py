"""`/login` and `/logout`: a key becomes a session, and a session ends.

The sign-in form has no session to take a CSRF token from, so it brings its own: the same random value in a cookie and
in a field, which a foreign page can neither read nor set.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Query, Request, Response
from starlette.responses import RedirectResponse

from service.api.dependencies import RuntimeOf
from service.pages.arriving import arrive, go, safe_path, set_cookie
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
    session = runtime.sessions.find(token) if token else None
    return _form(request, runtime, next) if session is None else go(session.principal, next)


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
        return _form(request, runtime, next, problem=_STALE, status=403)
    address = request.client.host if request.client else "unknown"
    key = key.strip()
    wait = runtime.sessions.failures.wait(address)
    principal = None if wait and is_guessable(key) else runtime.keys.find(key)
    if principal is None:
        return _refuse(request, runtime, next, address, wait)
    response = arrive(request, runtime, principal, next)
    response.delete_cookie(FORM_COOKIE, path="/login")
    return response


@router.post("/logout")
def sign_out(request: Request, runtime: RuntimeOf, visitor: Visiting, csrf: Annotated[str, Form()] = "") -> Response:
    """End the session here and in the browser."""
    allow(visitor, csrf)
    runtime.sessions.end(request.cookies[COOKIE])
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


def _form(request: Request, runtime: Runtime, wanted: str, *, problem: str = "", status: int = 200) -> Response:
    csrf = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    values = {"csrf": csrf, "next": safe_path(wanted), "problem": problem, "hours": _HOURS}
    values["oidc"] = "" if runtime.oidc is None else f"/login/oidc?next={quote(safe_path(wanted), safe='')}"
    response = render(request, "login.html", status=status, **values)
    set_cookie(request, response, FORM_COOKIE, csrf, path="/login", max_age=3600)
    return response


def _refuse(request: Request, runtime: Runtime, wanted: str, address: str, wait: int) -> Response:
    if not wait:
        runtime.sessions.failures.record(address)
        return _form(request, runtime, wanted, problem=_WRONG_KEY, status=401)
    minutes = "a minute" if wait <= 60 else f"{-(-wait // 60)} minutes"
    response = _form(request, runtime, wanted, problem=_SLOW_DOWN.format(minutes=minutes), status=429)
    response.headers["Retry-After"] = str(wait)
    return response
