"""Server-rendered pages: sign-in, the check page and the catalogue page. `router` is what the application includes.

The pages hold no logic of their own: they show what the HTTP interface offers, and their scripts call it with the
session's cookie. Nothing is loaded from outside the service; the content security policy allows its own files only.
"""

from __future__ import annotations

from fastapi import APIRouter

from service.pages import assets, catalog, check, pictures, signin

router = APIRouter(include_in_schema=False)
for _part in (signin, check, catalog, pictures, assets):
    router.include_router(_part.router)
