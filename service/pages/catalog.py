"""`/catalog`: what a brand wants protected. A brand sees its own catalogue, an operator chooses one or makes a brand.

The page lists references; its script uploads, enables, disables and deletes through `/v1/brands/{brand_id}/…`.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import Form, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse

from indexes.brands import Brand
from indexes.paging import Page
from service.api.dependencies import RuntimeOf
from service.errors import Forbidden, Missing
from service.pages.rendering import page_router, render
from service.pages.visitors import CATALOG_ROLES, Visiting, Visitor, allow
from service.runtime import Runtime

router = page_router()
_BRANDS_SHOWN = 50
_REFERENCES_SHOWN = 24
_FOUND_SHOWN = 48
_MAX_NAME = 200

KindFilter = Literal["", "photo", "logo"]
StatusFilter = Literal["", "active", "disabled", "quarantined"]
_KINDS: tuple[tuple[str, KindFilter], ...] = (("All kinds", ""), ("Photos", "photo"), ("Logos", "logo"))
_STATUSES: tuple[tuple[str, StatusFilter], ...] = (
    ("Any status", ""),
    ("Active", "active"),
    ("Disabled", "disabled"),
    ("Quarantined", "quarantined"),
)


class Shown(BaseModel):
    """What of the catalogue to show: the query of its address."""

    brand: str = ""
    kind: KindFilter = ""
    status: StatusFilter = ""
    q: Annotated[str, Field(max_length=200)] = ""
    cursor: Annotated[str | None, Field(max_length=200)] = None

    def address(self, **changes: str | None) -> str:
        """The address of the page with `changes`, from its beginning."""
        query = {"brand": self.brand, "kind": self.kind, "status": self.status, "q": self.q, **changes}
        return f"/catalog?{urlencode({name: value for name, value in query.items() if value})}".removesuffix("?")


@router.get("/catalog")
def show_catalog(request: Request, runtime: RuntimeOf, visitor: Visiting, shown: Annotated[Shown, Query()]) -> Response:
    """A brand's references, or for an operator who named no brand the brands."""
    _check_role(visitor)
    if visitor.brand is None and not shown.brand:
        return _brands_page(request, runtime, visitor, cursor=shown.cursor)
    brand = _brand_of(runtime, visitor, shown.brand)
    kind, status = shown.kind or None, shown.status or None
    if shown.q.strip():
        named = runtime.find_words(brand, shown.q, kind=kind, status=status, limit=_FOUND_SHOWN)
        found, total = Page(named, None), len(named)
    else:
        found = runtime.catalog.list(brand.id, kind, status, _REFERENCES_SHOWN, shown.cursor, newest_first=True)
        total = runtime.catalog.count(brand.id, kind=kind, status=status)
    return render(
        request,
        "catalog.html",
        visitor=visitor,
        brand=brand,
        references=found.items,
        total=total,
        selected=shown,
        filters=_filters(shown),
        next_href=shown.address(cursor=found.next_cursor) if found.next_cursor else None,
        max_bytes=runtime.settings.image_max_bytes,
    )


@router.post("/catalog/brands")
def create_brand(
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    name: Annotated[str, Form()] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Make a brand and go to its empty catalogue."""
    allow(visitor, csrf)
    if visitor.principal.role != "operator":
        raise Forbidden("Only an operator may create brands.")
    name = name.strip()
    if not name or len(name) > _MAX_NAME:
        return _brands_page(
            request, runtime, visitor, problem=f"Give a name of 1 to {_MAX_NAME} characters.", name=name
        )
    made = runtime.brands.create(name)
    return RedirectResponse(f"/catalog?{urlencode({'brand': made.id})}", status_code=303)


def _check_role(visitor: Visitor) -> None:
    if visitor.principal.role not in CATALOG_ROLES:
        raise Forbidden("The catalogue is for brands and operators; sign in with such a key to see it.")


def _brand_of(runtime: Runtime, visitor: Visitor, brand_id: str) -> Brand:
    if visitor.brand is None:
        return runtime.brands.get(brand_id)
    if brand_id not in ("", visitor.brand.id):
        raise Missing
    return visitor.brand


def _brands_page(
    request: Request,
    runtime: Runtime,
    visitor: Visitor,
    *,
    cursor: str | None = None,
    problem: str = "",
    name: str = "",
) -> Response:
    found = runtime.brands.list(_BRANDS_SHOWN, cursor)
    return render(
        request,
        "brands.html",
        status=422 if problem else 200,
        visitor=visitor,
        brands=found.items,
        cursor=cursor,
        next_cursor=found.next_cursor,
        problem=problem,
        name=name,
    )


def _filters(shown: Shown) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Title, query name, and label, value and link of each choice."""
    groups = (("Kind", "kind", _KINDS), ("Status", "status", _STATUSES))
    return [
        (title, name, [(label, value, shown.address(**{name: value})) for label, value in choices])
        for title, name, choices in groups
    ]
