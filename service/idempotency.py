"""Idempotency keys: the same POST again gives the stored answer instead of doing the work twice.

A handler reads its body, then hands the rest of its work over:

    async def work() -> Response:
        ...
        return JSONResponse(content, status_code=201, headers={"Location": ...})

    return await once(request, runtime, principal, form.content(), work)

`content` is what bodies are compared by: parsed fields and the SHA-256 of files (`Form.content()`, or a pydantic
model's `model_dump(mode="json")`). Errors of ours raised by `work` become problem answers here, so that refusals are
stored too; answers that another try could change (5xx, 429) are not. Not to be used where the answer shows a secret,
nor for search and batches. Work that committed and crashed before its answer was stored is done again once the lease is
over, so it must not mind meeting its own result.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette.responses import Response

from indexes.database import METADATA, BigKey, Database, Json, UtcDateTime, utc_now
from indexes.errors import IndexesError
from indexes.ids import new_id
from service.errors import BadRequest, Invalid, ServiceError, StateConflict
from service.problems import describe
from vision.errors import VisionError

HEADER = "Idempotency-Key"
MAX_ANSWER = 4 << 20
_KEPT_HEADERS = ("content-type", "location")

_KEYS = sa.Table(
    "idempotency_keys",
    METADATA,
    sa.Column("pk", BigKey, primary_key=True),
    sa.Column("key_id", sa.String(64), nullable=False),
    sa.Column("route", sa.String(500), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("token", sa.String(40), nullable=False),
    sa.Column("lease_until", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False, index=True),
    sa.Column("status", sa.Integer),
    sa.Column("headers", Json),
    sa.Column("body", sa.LargeBinary),
    sa.UniqueConstraint("key_id", "route", "key"),
)


@dataclass(frozen=True, slots=True)
class Claim:
    """One use of a key: whose, for which call, with which body."""

    key_id: str
    route: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_final(self) -> bool:
        """Whether the same request would be answered so again: not when it was a matter of the moment."""
        return self.status < 500 and self.status not in (408, 429) and len(self.body) <= MAX_ANSWER

    def response(self) -> Response:
        """As HTTP, marked as a replay."""
        return Response(self.body, self.status, {**self.headers, "Idempotent-Replayed": "true"})


class Idempotency:
    """The table. A reservation lives for `lease_seconds` unless renewed; answers for `hours`."""

    def __init__(self, database: Database, *, hours: float = 24, lease_seconds: float = 30.0) -> None:
        self._database = database
        self._kept = timedelta(hours=hours)
        self.lease = timedelta(seconds=lease_seconds)

    def begin(self, claim: Claim) -> Answer | str:
        """The stored answer, or the token of a fresh reservation; 422 another body, 409 still running."""
        try:
            return self._begin(claim)
        except IntegrityError:  # another process reserved it between our look and our insert
            return self._begin(claim)

    def _begin(self, claim: Claim) -> Answer | str:
        now, token = utc_now(), new_id("idm")
        held = {"token": token, "lease_until": now + self.lease, "expires_at": now + self._kept}
        with self._database.write() as connection:
            connection.execute(_KEYS.delete().where(_KEYS.c.expires_at < now))
            row = connection.execute(sa.select(_KEYS).where(*_of(claim)).with_for_update()).one_or_none()
            if row is None:
                names = {"key_id": claim.key_id, "route": claim.route, "key": claim.key}
                connection.execute(_KEYS.insert().values(**names, fingerprint=claim.fingerprint, **held))
                return token
            if row.fingerprint != claim.fingerprint:
                raise Invalid(f"This {HEADER} was used with another body; use a new one.", errors=_ANOTHER_BODY)
            if row.status is not None:
                return Answer(row.status, row.headers, row.body)
            if row.lease_until > now:
                raise StateConflict(f"The first request with this {HEADER} is still running; ask again in a moment.")
            connection.execute(_KEYS.update().where(_KEYS.c.pk == row.pk).values(**held))
            return token

    def renew(self, token: str) -> None:
        """The work is still going on."""
        with self._database.write() as connection:
            connection.execute(_KEYS.update().where(_KEYS.c.token == token).values(lease_until=utc_now() + self.lease))

    def finish(self, token: str, answer: Answer) -> None:
        """Store the answer; what is not final is forgotten instead."""
        if not answer.is_final:
            self.release(token)
            return
        values = {"status": answer.status, "headers": answer.headers, "body": answer.body}
        with self._database.write() as connection:
            connection.execute(_KEYS.update().where(_KEYS.c.token == token).values(**values))

    def release(self, token: str) -> None:
        """Forget the reservation: the work came to no answer."""
        with self._database.write() as connection:
            connection.execute(_KEYS.delete().where(_KEYS.c.token == token))


_ANOTHER_BODY = [{"loc": ["header", HEADER], "msg": "already used with another body"}]


class Caller(Protocol):
    """What is needed of a principal."""

    @property
    def key_id(self) -> str:
        """Id of the API key."""


class HasIdempotency(Protocol):
    """What is needed of the runtime."""

    @property
    def idempotency(self) -> Idempotency:
        """The table."""


async def once(
    request: Request,
    runtime: HasIdempotency,
    caller: Caller,
    content: Any,
    work: Callable[[], Awaitable[Response]],
) -> Response:
    """Do `work`, or give the answer it gave before; without the header just do it."""
    key = request.headers.get(HEADER)
    if key is None:
        return await work()
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise BadRequest(f"{HEADER} must be 1 to 255 printable ASCII characters.")
    store = runtime.idempotency
    claim = Claim(caller.key_id, f"{request.method} {request.url.path}"[:500], key, fingerprint(content))
    begun = await asyncio.to_thread(store.begin, claim)
    if isinstance(begun, Answer):
        return begun.response()
    try:
        async with _renewed(store, begun):
            response = await _answered(work)
    except BaseException:
        await asyncio.shield(asyncio.to_thread(store.release, begun))
        raise
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    await asyncio.to_thread(store.finish, begun, Answer(response.status_code, headers, bytes(response.body)))
    return response


def fingerprint(content: Any) -> str:
    """SHA-256 of `content` as canonical JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


async def _answered(work: Callable[[], Awaitable[Response]]) -> Response:
    try:
        return await work()
    except (ServiceError, VisionError, IndexesError) as error:
        return describe(error).response()


@contextlib.asynccontextmanager
async def _renewed(store: Idempotency, token: str) -> AsyncIterator[None]:
    async def renew() -> None:
        while True:
            await asyncio.sleep(store.lease.total_seconds() / 3)
            await asyncio.to_thread(store.renew, token)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _of(claim: Claim) -> tuple[sa.ColumnElement[bool], ...]:
    return (_KEYS.c.key_id == claim.key_id, _KEYS.c.route == claim.route, _KEYS.c.key == claim.key)
