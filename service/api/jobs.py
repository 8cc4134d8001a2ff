"""`/v1/jobs`: long work as its starter and operators see it. Other keys get 404, as for a job that does not exist."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from starlette.responses import JSONResponse

from service.api.dependencies import TAKES_IDEMPOTENCY_KEY, Cursor, Limit, RuntimeOf, require
from service.errors import Missing
from service.idempotency import once
from service.jobs import Job, Jobs
from service.keys import Principal

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Anybody = Annotated[Principal, Depends(require("ingest", "brand", "reviewer"))]
MAX_ERRORS = 1000


class RowErrorOut(BaseModel):
    """One row that failed."""

    row: int | None
    file: str | None
    problem: dict[str, Any] | str


class JobSummary(BaseModel):
    """A job without its row errors."""

    id: str
    kind: str
    state: str
    done: int
    total: int | None
    error_count: int
    problem: dict[str, Any] | None
    created_at: datetime
    finished_at: datetime | None


class JobOut(JobSummary):
    """A job; `errors` are the first thousand, `error_count` counts all. Rows with a warning were done all the same."""

    errors: list[RowErrorOut]
    warnings: list[RowErrorOut]


class JobList(BaseModel):
    """One page of jobs, newest first."""

    items: list[JobSummary]
    next_cursor: str | None


@router.get("")
async def list_jobs(runtime: RuntimeOf, principal: Anybody, limit: Limit = 50, cursor: Cursor = None) -> JobList:
    """The caller's jobs, or everybody's for an operator."""
    owner = None if principal.role == "operator" else principal
    page = await run_in_threadpool(runtime.jobs.list, owner, limit, cursor)
    return JobList(items=[JobSummary(**summary(job)) for job in page.items], next_cursor=page.next_cursor)


@router.get("/{job_id}")
async def get_job(job_id: str, runtime: RuntimeOf, principal: Anybody) -> JobOut:
    """State, progress and row errors."""
    return await run_in_threadpool(_show, runtime.jobs, job_id, principal)


@router.post("/{job_id}/cancel", responses={200: {"model": JobOut}}, dependencies=[TAKES_IDEMPOTENCY_KEY])
async def cancel_job(job_id: str, request: Request, runtime: RuntimeOf, principal: Anybody) -> Response:
    """Ask a job to end; rows already done stay. A job that has ended stays as it is."""

    def cancel() -> Response:
        find_job(runtime.jobs, job_id, principal)
        runtime.jobs.cancel(job_id)
        return JSONResponse(_show(runtime.jobs, job_id, principal).model_dump(mode="json"))

    return await once(request, runtime, principal, None, lambda: run_in_threadpool(cancel))


def find_job(jobs: Jobs, job_id: str, principal: Principal) -> Job:
    """The job, if `principal` started it (with this key or another of its brand) or is an operator; else `Missing`."""
    job = jobs.get(job_id)
    same_brand = principal.brand_id is not None and job.brand_id == principal.brand_id
    if principal.role == "operator" or job.key_id == principal.key_id or same_brand:
        return job
    raise Missing


def summary(job: Job) -> dict[str, Any]:
    """The members of a job every answer has."""
    return {name: getattr(job, name) for name in JobSummary.model_fields}


def _show(jobs: Jobs, job_id: str, principal: Principal) -> JobOut:
    job = find_job(jobs, job_id, principal)
    errors, warnings = (
        [RowErrorOut(row=e.row, file=e.file, problem=e.problem) for e in found]
        for found in (jobs.errors(job, MAX_ERRORS), jobs.warnings(job, MAX_ERRORS))
    )
    return JobOut(**summary(job), errors=errors, warnings=warnings)
