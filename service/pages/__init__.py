"""Server-rendered pages: ways to sign in, the check page, the catalogue page. `router` is what the application takes.

The pages hold no logic of their own: they show what the HTTP interface offers, and their scripts call it with the
session's cookie. Nothing is loaded from outside the service; the content security policy allows its own files only.
"""

from __future__ import annotations

from fastapi import APIRouter

from service.pages import assets, catalog, check, desk, links, oidc, operator, pictures, portal, public, seller, signin

router = APIRouter(include_in_schema=False)
_PAGES = (signin, links, oidc, check, catalog, desk, portal, seller, operator, public, pictures, assets)
for _part in (*(page.router for page in _PAGES), desk.calls):
    router.include_router(_part)
