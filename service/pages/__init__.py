"""Server-rendered pages: sign-in, the check page and the catalogue page. `router` is what the application includes.

The pages hold no logic of their own: they show what the HTTP interface offers, and their scripts call it with the
session's cookie. Nothing is loaded from outside the service; the content security policy allows its own files only.
"""

from __future__ import annotations

from fastapi import APIRouter

from service.pages import assets, catalog, check, desk, operator, pictures, portal, public, seller, signin

router = APIRouter(include_in_schema=False)
_PAGES = (signin, check, catalog, desk, portal, seller, operator, public, pictures, assets)
for _part in (*(page.router for page in _PAGES), desk.calls):
    router.include_router(_part)
