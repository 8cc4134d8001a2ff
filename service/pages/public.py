"""`/register` and `/notice`: pages for those without a key; their forms call the HTTP interface."""

from __future__ import annotations

from fastapi import Request, Response

from service.pages.rendering import page_router, render

router = page_router()


@router.get("/register")
def show_register(request: Request) -> Response:
    """Register a brand; its key is shown once."""
    return render(request, "register.html")


@router.get("/notice")
def show_notice(request: Request) -> Response:
    """Tell of an infringing listing, with the fields that Art. 16 DSA and 17 U.S.C. 512(c)(3) ask for."""
    return render(request, "notice.html")
