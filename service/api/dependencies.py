"""What handlers ask for: the runtime, the principal, a page of a list.

`require(*roles)` answers 401 without a valid key or session and 403 for a role that may never do this; an operator
may always.
Whether this key may see this very thing is the handler's question, and its answer is 404.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Query, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from indexes.paging import MAX_LIMIT
from service.cases.tokens import PREFIX as CASE_TOKEN
from service.errors import Forbidden, NotSignedIn
from service.idempotency import HEADER as IDEMPOTENCY_KEY
from service.keys import Principal, Role
from service.lifecycle import Lifecycle
from service.runtime import Runtime
from service.sessions import COOKIE, CSRF_HEADER

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = HTTPBearer(auto_error=False, description="A key from `POST /v1/keys`, or the token of a seller's link.")


async def get_lifecycle(request: Request) -> Lifecycle:
    """The life of this process."""
    lifecycle: Lifecycle = request.app.state.lifecycle
    return lifecycle


async def get_runtime(request: Request) -> Runtime:
    """The open runtime; 503 with `Retry-After` while there is none."""
    return (await get_lifecycle(request)).runtime


RuntimeOf = Annotated[Runtime, Depends(get_runtime)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items on a page.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before.")]


def public_url(request: Request, runtime: Runtime) -> str:
    """Where people reach the pages, without a slash at the end."""
    return (runtime.settings.public_url or str(request.base_url)).rstrip("/")


def _told_of_idempotency(
    _key: Annotated[
        str | None,
        Header(
            alias=IDEMPOTENCY_KEY,
            description="1 to 255 printable ASCII characters of the caller's choice. The same key and body gives the "
            "stored answer for a day, another body 422, and 409 while the first call is still running.",
        ),
    ] = None,
) -> None:
    """Only for the document: `service.idempotency.once` reads the header."""


TAKES_IDEMPOTENCY_KEY = Depends(_told_of_idempotency)


def require(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    """A dependency that gives the principal when its role is one of `roles` or operator."""
    allowed = frozenset({*roles, "operator"})

    async def principal(
        request: Request,
        runtime: RuntimeOf,
        # As a default and not in the annotation: only here can the OpenAPI document learn the roles.
        credentials: HTTPAuthorizationCredentials | None = Security(_BEARER, scopes=sorted(allowed)),  # noqa: B008
    ) -> Principal:
        token = request.cookies.get(COOKIE)
        found = await (
            _of_session(request, runtime, token) if token and credentials is None else _of_key(runtime, credentials)
        )
        if found.role not in allowed:
            raise Forbidden(f"The role {found.role} may not do this; it takes {' or '.join(sorted(allowed))}.")
        return found

    return principal


async def _of_session(request: Request, runtime: Runtime, token: str) -> Principal:
    session = await run_in_threadpool(runtime.sessions.find, token)
    if session is None:
        raise NotSignedIn("This session is over; sign in again.")
    if request.method not in _SAFE and not session.allows(request.headers.get(CSRF_HEADER)):
        raise Forbidden(f"A call with the session's cookie needs its token in the header {CSRF_HEADER}.")
    return session.principal


async def _of_key(runtime: Runtime, credentials: HTTPAuthorizationCredentials | None) -> Principal:
    if credentials is None:
        raise NotSignedIn("Send a key as `Authorization: Bearer <key>`.")
    secret = credentials.credentials
    find = runtime.cases.tokens.find if secret.startswith(CASE_TOKEN) else runtime.keys.find
    found = await run_in_threadpool(find, secret)
    if found is None:
        raise NotSignedIn("This key is not known or was deleted; use one that is live.")
    return found
