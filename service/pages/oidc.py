"""`/login/oidc`: to the sign-in service of an organisation and back. Not there unless the settings name one."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response
from starlette.responses import RedirectResponse

from service.api.dependencies import RuntimeOf, public_url
from service.errors import Forbidden, Missing
from service.oidc import FLOW_SECONDS, OpenIdConnect
from service.pages.arriving import arrive, safe_path, set_cookie
from service.pages.rendering import page_router
from service.runtime import Runtime

FLOW_COOKIE: Final = "bw_oidc"
_PATH: Final = "/login/oidc"
router = page_router()


@router.get("/login/oidc")
def begin(request: Request, runtime: RuntimeOf, next: Annotated[str, Query()] = "/") -> Response:  # noqa: A002  # the name in the URL
    """On to the sign-in service."""
    begun = _oidc(runtime).begin(_redirect_uri(request, runtime), safe_path(next))
    response = RedirectResponse(begun.url, status_code=303)
    set_cookie(request, response, FLOW_COOKIE, begun.cookie, path=_PATH, max_age=FLOW_SECONDS)
    return response


@router.get("/login/oidc/callback")
def finish(request: Request, runtime: RuntimeOf) -> Response:
    """Back from there: signed in with the key that bears the address it vouches for."""
    cookie = request.cookies.get(FLOW_COOKIE, "")
    answer = dict(request.query_params)
    email, wanted = _oidc(runtime).finish(_redirect_uri(request, runtime), cookie, answer)
    principal = runtime.keys.find_email(email)
    if principal is None:
        raise Forbidden("No key here bears your e-mail address; ask the operator for one.")
    response = arrive(request, runtime, principal, wanted)
    response.delete_cookie(FLOW_COOKIE, path=_PATH)
    return response


def _oidc(runtime: Runtime) -> OpenIdConnect:
    if runtime.oidc is None:
        raise Missing
    return runtime.oidc


def _redirect_uri(request: Request, runtime: Runtime) -> str:
    return f"{public_url(request, runtime)}{_PATH}/callback"
