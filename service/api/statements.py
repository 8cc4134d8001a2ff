"""Statements of reasons: of a case, for its parties, and all of them, for the transparency database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from service.api.dependencies import RuntimeOf, require
from service.api.sent import Moment
from service.keys import Principal

router = APIRouter(tags=["statements"])
Party = Annotated[Principal, Depends(require("reviewer", "brand", "seller"))]
Operator = Annotated[Principal, Depends(require("operator"))]
NDJSON = "application/x-ndjson"


class StatementOut(BaseModel):
    """One statement of reasons."""

    id: str
    puid: str
    measure: Literal["hold", "removal", "warning", "restriction", "closure", "ban"]
    text: str = Field(description="As Article 17 of the Digital Services Act asks for it.")
    record: dict[str, Any] | None = Field(description="In the shape of the EU transparency database.")
    created_at: datetime


class CaseStatementOut(StatementOut):
    """The last statement of a case, with those before it."""

    earlier: list[StatementOut]


@router.get(
    "/v1/cases/{case_id}/statement",
    summary="Read a case's statement of reasons",
    responses={200: {"model": CaseStatementOut, "content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def get_statement(case_id: str, request: Request, runtime: RuntimeOf, principal: Party) -> Response:
    """The last one, as JSON, or its text alone for `Accept: text/plain`. 404 when nothing was ever restricted."""
    last, *earlier = runtime.trust.statements.of_case(runtime.cases.find_for(principal, case_id))
    if request.headers.get("accept", "").startswith("text/plain"):
        return PlainTextResponse(last.text)
    return JSONResponse({**last.as_json(), "earlier": [one.as_json() for one in earlier]})


@router.get(
    "/v1/statements",
    summary="Export statements of reasons",
    response_class=StreamingResponse,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
)
def export_statements(
    runtime: RuntimeOf,
    principal: Operator,  # noqa: ARG001 - asked for its check
    since: Annotated[Moment | None, Query(description="Made at this time or later.")] = None,
) -> StreamingResponse:
    """One record of the EU transparency database a line, in the order they were made. No personal data."""

    def lines() -> Iterator[str]:
        for statement in runtime.trust.statements.export(since):
            yield json.dumps(statement.record, ensure_ascii=False) + "\n"

    return StreamingResponse(lines(), media_type=NDJSON)
