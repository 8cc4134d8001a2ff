"""Errors as RFC 9457 problem documents: one place where every error of ours gets its HTTP status and words.

`describe` turns any exception into a `Problem`; `install` makes FastAPI answer with it. The `type` is the relative
reference `/problems/<slug>`, which the service itself explains. What was not foreseen is a 500 without its message.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response

from indexes import errors as indexes_errors
from service import errors
from service.logs import REQUEST_ID
from vision import errors as vision_errors

MEDIA_TYPE = "application/problem+json"
_CLIENT_LEFT = 499
"""For the log and the metrics: nobody is there to read it."""
_LOG = logging.getLogger("brandwarden.problems")


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal. `slug` is stable; `extra` are further members of the document."""

    status: int
    slug: str
    title: str
    detail: str
    retry_after: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The JSON object, with the id of the request being answered."""
        members = {"type": f"/problems/{self.slug}", "title": self.title, "status": self.status, "detail": self.detail}
        return {**members, "request_id": REQUEST_ID.get(), **self.extra}

    def response(self) -> ProblemResponse:
        """The HTTP answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="brandwarden"'
        return ProblemResponse(self.document(), status_code=self.status, headers=headers)


def kinds() -> dict[str, tuple[int, str]]:
    """Status and title of every `type` there is, by slug."""
    found = {slug: (status, title) for status, slug, title in _MAP.values()}
    found |= {slug: (status, title) for status, (slug, title, _) in _HTTP.items()}
    return found | {kind.slug: (kind.status, kind.title) for kind in _below(errors.ServiceError)}


def _below(base: type[errors.ServiceError]) -> Iterator[type[errors.ServiceError]]:
    yield base
    for kind in base.__subclasses__():
        yield from _below(kind)


class ProblemResponse(JSONResponse):
    """A JSON answer of the media type of problems."""

    media_type = MEDIA_TYPE


# Error class → status, slug, title. The nearest class in an error's ancestry counts.
_MAP: dict[type[Exception], tuple[int, str, str]] = {
    vision_errors.VisionError: (500, "vision", "Picture processing failed"),
    vision_errors.ImageError: (415, "bad-image", "No picture we read"),
    vision_errors.EmptyImage: (415, "empty-image", "Empty picture"),
    vision_errors.UnsupportedImage: (415, "unsupported-image", "Unsupported picture format"),
    vision_errors.CorruptImage: (415, "corrupt-image", "Damaged picture"),
    vision_errors.ImageTooLarge: (413, "image-too-large", "Picture too large"),
    vision_errors.ImageTooSmall: (415, "image-too-small", "Picture too small"),
    vision_errors.ModelError: (503, "model", "Model unavailable"),
    indexes_errors.IndexesError: (500, "index", "Index failed"),
    indexes_errors.NotFound: (404, "not-found", "Not found"),
    indexes_errors.Conflict: (409, "conflict", "Conflict"),
    indexes_errors.BadCursor: (422, "invalid", "Invalid request"),
    indexes_errors.BlobMissing: (500, "picture-missing", "Stored picture is missing"),
    indexes_errors.Unstorable: (422, "invalid", "Invalid request"),
    indexes_errors.StorageFailed: (503, "storage-failed", "Storage failed"),
    indexes_errors.SnapshotDamaged: (503, "index-unavailable", "Index unavailable"),
    indexes_errors.SpaceMismatch: (503, "index-unavailable", "Index unavailable"),
    indexes_errors.CalibrationError: (503, "calibration", "Calibration unavailable"),
}
_RETRY_AFTER = {"storage-failed": 30, "index-unavailable": 5, "model": 30, "calibration": 30}
_INTERNAL = Problem(
    500, "internal", "Internal error", "Something failed here; send again, and give this request id if it stays."
)


def describe(error: BaseException) -> Problem:
    """The problem for `error`; an error that is none of ours says nothing of itself."""
    match error:
        case errors.ServiceError():
            return _of_service(error)
        case RequestValidationError():
            return _of_validation(error)
        case HTTPException():
            return _of_http(error)
    for kind in type(error).__mro__:
        if kind in _MAP:
            return _of_mapped(error, *_MAP[kind])
    return _INTERNAL


def _of_service(error: errors.ServiceError) -> Problem:
    retry_after = error.retry_after if isinstance(error, errors.TooManyRequests) else None
    return Problem(error.status, error.slug, error.title, error.detail, retry_after, dict(error.extra))


def _of_mapped(error: BaseException, status: int, slug: str, title: str) -> Problem:
    extra: dict[str, Any] = {}
    detail = str(error) or title
    match error:
        case indexes_errors.NotFound():
            return _of_service(errors.Missing())  # unseen and missing answer the same
        case indexes_errors.Conflict(existing_id=str(existing)):
            extra = {"existing_id": existing}
        case indexes_errors.Unstorable():
            extra = {"errors": [{"loc": [], "msg": detail}]}
        case indexes_errors.BadCursor():
            extra = {"errors": [{"loc": ["query", "cursor"], "msg": detail}]}
    return Problem(status, slug, title, detail, _RETRY_AFTER.get(slug), extra)


def _of_validation(error: RequestValidationError) -> Problem:
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        return _of_service(errors.BadRequest("The body is not valid JSON; send one UTF-8 JSON document."))
    listed = [{"loc": [_sendable(part) for part in entry["loc"]], "msg": entry["msg"]} for entry in found]
    names = ", ".join(".".join(str(part) for part in entry["loc"]) for entry in listed[:3])
    return Problem(422, "invalid", "Invalid request", f"Mend {names} and send again.", extra={"errors": listed})


def _sendable(part: str | int) -> str | int:
    """A name as it came, without the halves of characters that JSON can hold and UTF-8 cannot."""
    return part.encode(errors="replace").decode() if isinstance(part, str) else part


_HTTP = {
    404: ("not-found", "Not found", str(errors.Missing())),
    405: ("method-not-allowed", "Method not allowed", "This path does not take this method; see the Allow header."),
    413: ("too-large", "Too large", "The body has more bytes than this call takes; send less."),
}


def _of_http(error: HTTPException) -> Problem:
    phrase = HTTPStatus(error.status_code).phrase
    slug, title, detail = _HTTP.get(error.status_code, (phrase.lower().replace(" ", "-"), phrase, str(error.detail)))
    return Problem(error.status_code, slug, title, detail)


async def _answer(request: Request, error: Exception) -> ProblemResponse:
    problem = describe(error)
    if (lifecycle := getattr(request.app.state, "lifecycle", None)) is not None:
        lifecycle.metrics.observe_refusal(problem.slug)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and problem.retry_after is None:
        _LOG.error("%s: %s", type(error).__name__, error, extra={"problem": problem.slug})
    response = problem.response()
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response


async def _nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=_CLIENT_LEFT)


def install(app: FastAPI) -> None:
    """Answer every error of ours, of validation and of routing with a problem document."""
    for kind in (errors.ServiceError, vision_errors.VisionError, indexes_errors.IndexesError):
        app.add_exception_handler(kind, _answer)
    app.add_exception_handler(ClientDisconnect, _nobody)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(HTTPException, _answer)
