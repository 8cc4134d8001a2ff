"""Whose brand a path names, asked before the body is looked at: what is wrong with a body says nothing of a tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool

from service.api.dependencies import RuntimeOf, require
from service.api.references import check_brand
from service.keys import Principal, Role


def require_brand(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    """As `require`; 404 unless the brand of the path is there and this key may see it."""
    allowed = require(*roles)

    async def principal(
        brand_id: str,
        runtime: RuntimeOf,
        found: Principal = Depends(allowed),  # noqa: B008  # as a default: `allowed` is known in here only
    ) -> Principal:
        await run_in_threadpool(check_brand, runtime, found, brand_id)
        return found

    return principal
