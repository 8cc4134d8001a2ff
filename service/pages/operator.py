"""`/operator`: brands and their rights to verify, conflicts, keys, jobs, webhooks.

The pages list; their forms call the HTTP interface through `static/calls.js`. Policies with what-if are a tab of the
portal, where brands and operators edit the same page. Operators only.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from fastapi import Query, Request, Response

from indexes.database import utc_now
from service.api.dependencies import RuntimeOf
from service.errors import Forbidden
from service.pages.rendering import page_router, render
from service.pages.visitors import Visiting, Visitor

router = page_router()
_SHOWN: Final = 100
_CONFLICTS_SHOWN: Final = 12
_TABS: Final = (
    ("Brands", "/operator"),
    ("Conflicts", "/operator/conflicts"),
    ("Keys", "/operator/keys"),
    ("Jobs", "/operator/jobs"),
    ("Webhooks", "/operator/webhooks"),
)
CursorQuery = Annotated[str | None, Query(max_length=200)]


@router.get("/operator")
def show_brands(
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    status: Literal["", "unverified", "verified", "suspended"] = "",
) -> Response:
    """Every brand; those that wait for a decision are `unverified`."""
    brands = runtime.brands.list(_SHOWN, status=status or None).items
    return _page(request, visitor, "operator_brands.html", brands=brands, chosen=status)


@router.get("/operator/brands/{brand_id}")
def show_brand(brand_id: str, request: Request, runtime: RuntimeOf, visitor: Visiting) -> Response:
    """A brand's rights, what was decided about it, and the forms to decide."""
    _check_role(visitor)
    brand = runtime.brands.get(brand_id)
    values = {
        "brand": brand,
        "rights": runtime.rights.list(brand_id, limit=_SHOWN).items,
        "verifications": runtime.verifications.list(brand_id, limit=_SHOWN).items,
        "manager": runtime.managers.manager(brand_id),
    }
    return _page(request, visitor, "operator_brand.html", **values)


@router.get("/operator/conflicts")
def show_conflicts(request: Request, runtime: RuntimeOf, visitor: Visiting, cursor: CursorQuery = None) -> Response:
    """References that are held because somebody else had their picture first."""
    page = runtime.conflicts.list(state="open", limit=_CONFLICTS_SHOWN, cursor=cursor)
    return _page(request, visitor, "operator_conflicts.html", conflicts=page.items, next_cursor=page.next_cursor)


@router.get("/operator/keys")
def show_keys(request: Request, runtime: RuntimeOf, visitor: Visiting, cursor: CursorQuery = None) -> Response:
    """Keys, without their secrets."""
    page = runtime.keys.list(limit=_SHOWN, cursor=cursor)
    return _page(request, visitor, "operator_keys.html", keys=page.items, next_cursor=page.next_cursor)


@router.get("/operator/jobs")
def show_jobs(request: Request, runtime: RuntimeOf, visitor: Visiting, cursor: CursorQuery = None) -> Response:
    """Jobs, newest first."""
    page = runtime.jobs.list(None, _SHOWN, cursor)
    return _page(request, visitor, "operator_jobs.html", jobs=page.items, next_cursor=page.next_cursor)


@router.get("/operator/webhooks")
def show_webhooks(
    request: Request, runtime: RuntimeOf, visitor: Visiting, of: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """Endpoints; with `of` what was sent to one of them."""
    _check_role(visitor)
    deliveries = runtime.webhooks.deliveries(of, limit=_SHOWN).items if of else None
    webhooks = runtime.webhooks.list(limit=_SHOWN).items
    return _page(request, visitor, "operator_webhooks.html", webhooks=webhooks, deliveries=deliveries, of=of)


def _page(request: Request, visitor: Visitor, template: str, **values: Any) -> Response:
    _check_role(visitor)
    return render(request, template, visitor=visitor, tabs=_TABS, now=utc_now(), **values)


def _check_role(visitor: Visitor) -> None:
    if visitor.principal.role != "operator":
        raise Forbidden("These pages are for operators; sign in with such a key to see them.")
