"""Templates, the headers every page carries, and pages for errors: what the page modules share.

`PageRoute` is the route class of everything a person navigates to: it leads those without a session to `/login`,
shows refusals as pages instead of problem documents, and adds the headers.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, RedirectResponse

from indexes.errors import IndexesError
from service.errors import ServiceError
from service.problems import describe

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SignInNeeded(Exception):
    """Nobody is signed in; the page answers with the way to `/login`."""


class PageRoute(APIRoute):
    """A route whose refusals are pages."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]  # Coroutine
        """The handler, wrapped."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                response = await handle(request)
            except SignInNeeded:
                response = _to_sign_in(request)
            except (ServiceError, IndexesError, RequestValidationError) as error:
                response = _error_page(request, error)
            response.headers.update(HEADERS)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return answer


def page_router() -> APIRouter:
    """A router for pages; they are no part of the OpenAPI document."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)


def render(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """The template as an answer; `here` is the path, for the navigation."""
    values = {"visitor": None, **values, "here": request.url.path}
    return HTMLResponse(_templates().get_template(template).render(values), status_code=status)


def moment(at: datetime | str) -> str:
    """A time with its zone as people read it, from a value or from the interface's text: 5 March 2026, 14:07 UTC."""
    told = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{told.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


@functools.cache
def _templates() -> jinja2.Environment:
    folder = Path(__file__).parent / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["moment"] = moment
    return environment


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method != "GET" or wanted == "/":
        return RedirectResponse("/login", status_code=303)
    return RedirectResponse(f"/login?next={quote(wanted, safe='')}", status_code=303)


def _error_page(request: Request, error: Exception) -> Response:
    problem = describe(error)
    response = render(request, "error.html", status=problem.status, title=problem.title, detail=problem.detail)
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(problem.retry_after)
    return response
