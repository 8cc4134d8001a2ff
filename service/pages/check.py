"""`/`: check one picture and see every match with the evidence drawn on both pictures.

The page's script asks `POST /v1/search`. A picture behind an address is first brought here by `POST /check/picture`,
so that the browser shows exactly the picture that is judged and never talks to a foreign host itself.
"""

from __future__ import annotations

from fastapi import Request, Response

from service.api.dependencies import RuntimeOf
from service.pages.arriving import go
from service.pages.rendering import page_router, render
from service.pages.visitors import Visiting
from service.policies.values import MONITOR_FROM

router = page_router()
REFERENCE_ROLES = ("brand", "operator", "reviewer")
"""Who may see the pictures of references."""


@router.get("/")
def show_check(request: Request, runtime: RuntimeOf, visitor: Visiting) -> Response:
    """The page. A seller has no use for it and is led to their case."""
    if visitor.principal.role == "seller":
        return go(visitor.principal, "/")
    return render(
        request,
        "check.html",
        visitor=visitor,
        convincing=MONITOR_FROM,
        max_bytes=runtime.settings.image_max_bytes,
        sees_references=visitor.principal.role in REFERENCE_ROLES,
    )
