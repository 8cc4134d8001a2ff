"""`/docs`: the OpenAPI document as one page, with no outside script or style.

Rendered here, without any script, so that it works in a closed network and under a strict content security policy.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jinja2
from fastapi import APIRouter, Request
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from service.openapi import operations, roles
from service.pages.rendering import HEADERS

router = APIRouter(include_in_schema=False)
_TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    """Every call with its roles, parameters, bodies and answers."""
    return HTMLResponse(_page(json.dumps(request.app.openapi())), headers=HEADERS)


@functools.lru_cache(maxsize=4)
def _page(text: str) -> str:
    document = json.loads(text)
    groups: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, method, operation in operations(document):
        for tag in operation.get("tags", ["other"])[:1]:
            groups.setdefault(tag, []).append(_call(document, path, method, operation))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["code"] = _code
    texts = {tag["name"]: tag["description"] for tag in document["tags"]}
    points = [" ".join(point.split()) for point in document["info"]["description"].split("\n- ")[1:]]
    template = environment.get_template("docs.html.j2")
    return template.render(info=document["info"], points=points, groups=groups, texts=texts)


def _call(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "anchor": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "roles": roles(operation),
        "parameters": [_parameter(document, entry) for entry in operation.get("parameters", [])],
        "bodies": _contents(document, operation.get("requestBody", {}).get("content", {})),
        "answers": [
            (status, answer.get("description", ""), _contents(document, answer.get("content", {})))
            for status, answer in operation["responses"].items()
        ],
    }


def _parameter(document: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": entry["name"],
        "where": entry["in"],
        "required": entry.get("required", False),
        "type": _type(document, entry.get("schema", {})),
        "text": entry.get("description") or entry.get("schema", {}).get("description", ""),
    }


def _contents(document: dict[str, Any], content: dict[str, Any]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Media type, name of the schema and its fields, of each kind a body may have; problems are told once."""
    return [
        (kind, _type(document, entry.get("schema", {})), _fields(document, entry.get("schema", {})))
        for kind, entry in content.items()
        if kind != "application/problem+json"
    ]


def _fields(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    resolved = _resolve(document, schema)
    required = resolved.get("required", [])
    return [
        {
            "name": name,
            "required": name in required,
            "type": _type(document, entry),
            "text": entry.get("description", ""),
        }
        for name, entry in resolved.get("properties", {}).items()
    ]


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "enum" in schema:
        return " · ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if parts := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(document, part) for part in parts)
    if schema.get("type") == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def _code(text: str) -> Markup:
    """Words between backticks as code, everything escaped."""
    pieces = str(escape(text)).split("`")
    marked = "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
    return Markup(marked)  # noqa: S704  # each piece was escaped above
