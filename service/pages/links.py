"""Signing in by link: `/login/link` by a one-time link of an operator's, `/seller/…` by the link to a seller's case.

A one-time link shows a button and is used up by pressing it: whatever opens links in mails uses up nothing. A seller's
link works until it ends; its token is exchanged for a session at once, so that it leaves the address bar, unless
somebody else is signed in, who is asked first.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Annotated, Final

from fastapi import Form, Query, Request, Response

from service.api.dependencies import RuntimeOf
from service.keys import Principal
from service.pages.arriving import arrive, set_cookie
from service.pages.rendering import page_router, render
from service.runtime import Runtime
from service.sessions import COOKIE
from service.sign_in_links import has_shape

FORM_COOKIE: Final = "bw_link"
_CASE_TOKEN: Final = "bw_case_"  # noqa: S105  # how a token begins, not one
_GONE: Final = 410
router = page_router()


@router.get("/login/link")
def show_link(request: Request, runtime: RuntimeOf, token: Annotated[str, Query(max_length=100)] = "") -> Response:
    """A button, which signs in. Looking uses nothing up."""
    if not has_shape(token) or not runtime.sign_in_links.is_open(token):
        return _over(request, runtime)
    words = "This link signs you in once. It ends fifteen minutes after it was made."
    return _ask(request, "/login/link", token, "Sign in", words)


@router.post("/login/link")
def use_link(
    request: Request, runtime: RuntimeOf, token: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = ""
) -> Response:
    """Use the link up and sign in."""
    if not _came_from_our_form(request, csrf):
        return _stale(request)
    principal = runtime.sign_in_links.take(token) if has_shape(token) else None
    return _over(request, runtime) if principal is None else _enter(request, runtime, principal)


@router.get("/seller/bw_case_{rest}")
def open_seller_link(rest: str, request: Request, runtime: RuntimeOf) -> Response:
    """Exchange the token for a session, or ask first where somebody else is signed in."""
    token = _CASE_TOKEN + rest
    principal = runtime.cases.tokens.find(token)
    if principal is None:
        return _over(request, runtime)
    before = request.cookies.get(COOKIE)
    session = runtime.sessions.find(before) if before else None
    if session is not None and session.principal.role != "seller":
        words = "You are signed in with a key. Opening this seller's case ends that session in this browser."
        return _ask(request, "/seller/enter", token, "Open the case", words)
    return arrive(request, runtime, principal)


@router.post("/seller/enter")
def use_seller_link(
    request: Request, runtime: RuntimeOf, token: Annotated[str, Form()] = "", csrf: Annotated[str, Form()] = ""
) -> Response:
    """As `open_seller_link`, having asked."""
    if not _came_from_our_form(request, csrf):
        return _stale(request)
    principal = runtime.cases.tokens.find(token)
    return _over(request, runtime) if principal is None else _enter(request, runtime, principal)


def _enter(request: Request, runtime: Runtime, principal: Principal) -> Response:
    if before := request.cookies.get(COOKIE):
        runtime.sessions.end(before)
    response = arrive(request, runtime, principal)
    response.delete_cookie(FORM_COOKIE, path="/")
    return response


def _ask(request: Request, action: str, token: str, label: str, words: str) -> Response:
    csrf = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(24)
    response = render(request, "link.html", action=action, token=token, label=label, words=words, csrf=csrf)
    set_cookie(request, response, FORM_COOKIE, csrf, path="/", max_age=3600)
    return response


def _came_from_our_form(request: Request, csrf: str) -> bool:
    expected = request.cookies.get(FORM_COOKIE, "")
    return bool(expected) and hmac.compare_digest(expected.encode(), csrf.encode())


def _stale(request: Request) -> Response:
    return render(request, "link_over.html", status=403, words="This page was out of date. Open the link again.")


def _over(request: Request, runtime: Runtime) -> Response:
    """One answer for links that are used, over or made up; whoever sends many of them is slowed down."""
    address = request.client.host if request.client else "unknown"
    if wait := runtime.sessions.failures.wait(address):
        response = render(request, "link_over.html", status=429, words="Too many links that do not work. Wait a while.")
        response.headers["Retry-After"] = str(wait)
        return response
    runtime.sessions.failures.record(address)
    words = "This link was used already, is over, or was not copied whole. Ask whoever sent it for a new one."
    return render(request, "link_over.html", status=_GONE, words=words)
