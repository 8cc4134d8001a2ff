"""The OpenAPI document: what FastAPI derives from the handlers, plus the refusals every call shares.

The roles of a call stand in its security requirement, as OpenAPI 3.1 has it for keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from service.problems import MEDIA_TYPE

DESCRIPTION = """
Brands give it pictures of what is theirs, marketplaces send listings, it says which listing uses a stolen product
photo or a brand's logo and shows the proof.

- JSON in UTF-8, times in RFC 3339 and UTC, ids opaque with a prefix. Boxes are fractions `[x0, y0, x1, y1]`.
- `Authorization: Bearer <key>`. The roles that may call stand with each call; an operator may always.
- What a key may not see answers exactly as what does not exist: 404.
- Lists take `limit` (at most 200) and `cursor` and give `items` and `next_cursor`.
- Refusals are `application/problem+json` (RFC 9457): a stable `type`, a `detail` that says what to do, and a
  `request_id`.
- 429 and 503 carry `Retry-After` in seconds.
"""

TAGS = {
    "brands": "The tenants whose pictures are protected.",
    "rights": "What a brand owns, and whether an operator believes it.",
    "authorised use": "What a brand allows: sellers, listings, products and pictures.",
    "policies": "From which confidence on a brand wants what done, and what that would have done.",
    "conflicts": "References that are held because somebody else had their picture first.",
    "references": "A brand's pictures: product photos and logos.",
    "catalogs": "Many references at once, from a zip or a feed.",
    "listings": "What a marketplace sells, judged against every brand's references.",
    "statements": "Why something was restricted, for the seller and for public record.",
    "notices": "Anybody says that a listing infringes a right.",
    "sellers": "Strikes, restrictions, and who shares pictures with whom.",
    "standing": "How a brand's claims held up.",
    "verdicts": "What a person said of a match.",
    "cases": "What happens to a listing after it was flagged, until it ends.",
    "portal": "A brand's figures, its case manager, and what the two write each other.",
    "search": "One picture against the references, nothing stored.",
    "jobs": "Long work, its progress and its errors.",
    "marketplaces": "The tenants that send listings.",
    "keys": "Who may call.",
    "webhooks": "Who is told of what, signed, at least once.",
    "spaces": "The models whose vectors are compared.",
    "health": "For supervisors and Prometheus.",
}


class FieldError(BaseModel):
    """One thing to mend."""

    loc: list[str | int] = Field(description="Where it stands, from the outside in.")
    msg: str


class ProblemDocument(BaseModel):
    """A refusal, as RFC 9457 has it."""

    type: str = Field(description="Stable; `/problems/<slug>` explains it.", examples=["/problems/not-found"])
    title: str
    status: int
    detail: str = Field(description="What to do.")
    request_id: str | None = Field(description="Also in the header `X-Request-ID` and in the log.")
    errors: list[FieldError] = Field(default=[], description="With 422.")
    existing_id: str | None = Field(default=None, description="With 409: what stands in the way.")


REFUSALS = {
    "400": "The body cannot be parsed.",
    "401": "No key, or one that is not live.",
    "403": "This role may never do this.",
    "404": "There is none that this key may see.",
    "409": "Something that exists stands in the way.",
    "413": "More than the limits allow.",
    "429": "Too much at once; see `Retry-After`.",
    "415": "No picture we read, or the wrong type of body.",
    "422": "Well-formed but not valid; `errors` says where.",
    "503": "Starting, draining or at capacity; see `Retry-After`.",
}


def install(app: FastAPI) -> None:
    """Let `app.openapi()` give the completed document, made once."""
    derive = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete(derive())
        return derive()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def complete(document: dict[str, Any]) -> None:
    """Add the shared refusals, their schema and the tags to a derived document, in place."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs"))
    schemas["ProblemDocument"] = schema
    used = set()
    for path, method, operation in operations(document):
        used.update(operation.get("tags", ()))
        _add_refusals(path, method, operation)
    document["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method in capitals, and operation, in the order of the document."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def roles(operation: dict[str, Any]) -> list[str]:
    """The roles that may call; none where no key is asked for."""
    return [role for requirement in operation.get("security", ()) for names in requirement.values() for role in names]


def _add_refusals(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if _is_derived_validation(responses.get("422", {})):
        del responses["422"]
    for status in _refusals(path, method, operation):
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
        responses.setdefault(status, {"description": REFUSALS[status], "content": content})


def _refusals(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    found = []
    content = operation.get("requestBody", {}).get("content", {})
    if operation.get("security"):
        found += ["401", "403"]
    if "{" in path:
        found.append("404")
    if content:
        found += ["400", "413"]
    if any(kind.startswith("multipart/") for kind in content):
        found.append("415")
    if method == "POST" and content:
        found.append("409")
    if content or operation.get("parameters"):
        found.append("422")
    if method == "POST" and not operation.get("security"):
        found.append("429")
    if path.startswith("/v1/") or path == "/readyz":
        found.append("503")
    return sorted(found)


def _is_derived_validation(response: dict[str, Any]) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).endswith("/HTTPValidationError")
