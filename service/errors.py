"""Errors the service itself raises on purpose, each with its HTTP status, slug and title.

`service.problems` turns these, and every error of `vision` and `indexes`, into `application/problem+json`.
"""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """Base. `status` is the HTTP status, `slug` the stable end of the problem's `type`."""

    status = 500
    slug = "internal"
    title = "Internal error"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra
        """Further members of the problem document."""


class BadRequest(ServiceError):
    """The request cannot be parsed."""

    status, slug, title = 400, "malformed", "Malformed request"


class NotSignedIn(ServiceError):
    """No key, or one that is not valid."""

    status, slug, title = 401, "unauthorized", "Authentication required"


class Forbidden(ServiceError):
    """The role may never do this."""

    status, slug, title = 403, "forbidden", "Not allowed"


class Missing(ServiceError):
    """No such thing, or none that this key may see: the two answers are the same."""

    status, slug, title = 404, "not-found", "Not found"

    def __init__(self, detail: str = "There is nothing here that this key may see.", **extra: Any) -> None:
        super().__init__(detail, **extra)


class StateConflict(ServiceError):
    """The thing exists, or is not in a state that allows this."""

    status, slug, title = 409, "conflict", "Conflict"


class BodyTooLarge(ServiceError):
    """More bytes, rows or pictures than the limits allow."""

    status, slug, title = 413, "too-large", "Too large"


class RequestTimeout(ServiceError):
    """The body stopped coming."""

    status, slug, title = 408, "body-timeout", "Body came too slowly"


class WrongMediaType(ServiceError):
    """The body is of a type this call does not take."""

    status, slug, title = 415, "media-type", "Wrong media type"


class ArchiveRefused(ServiceError):
    """An archive that cannot be read or is built to harm."""

    status, slug, title = 422, "archive-refused", "Archive refused"


class Invalid(ServiceError):
    """Well-formed but not valid; `errors` lists `{loc, msg}`."""

    status, slug, title = 422, "invalid", "Invalid request"


class TooGeneric(ServiceError):
    """A reference that would be found everywhere, or has nothing to be found by."""

    status, slug, title = 422, "too-generic", "Too generic"

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail, reason="too_generic", **extra)


class Duplicate(ServiceError):
    """The brand has this picture already; `existing_id` names the reference. A warning of imports, never a refusal."""

    status, slug, title = 409, "duplicate", "Picture is there already"


class TooManyRequests(ServiceError):
    """This caller should slow down."""

    status, slug, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str, *, retry_after: int = 1, **extra: Any) -> None:
        super().__init__(detail, **extra)
        self.retry_after = retry_after


class Overloaded(TooManyRequests):
    """The service is at capacity, starting or draining."""

    status, slug, title = 503, "overloaded", "Busy"


class FetchFailed(ServiceError):
    """A picture URL could not be fetched, or may not be."""

    status, slug, title = 422, "fetch-failed", "Picture could not be fetched"
