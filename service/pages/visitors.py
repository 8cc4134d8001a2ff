"""Who looks at a page: the session behind the cookie, their brand, and what they may use.

`Visiting` is the dependency of every page but sign-in; `allow` refuses a form without the session's CSRF token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from indexes.brands import Brand
from service.api.dependencies import RuntimeOf
from service.errors import Forbidden
from service.keys import Principal, Role
from service.pages.rendering import SignInNeeded
from service.sessions import COOKIE, Session

_LABELS: dict[Role, str] = {
    "operator": "Operator",
    "ingest": "Marketplace",
    "brand": "Brand",
    "reviewer": "Reviewer",
    "seller": "Seller",
}
CATALOG_ROLES: frozenset[Role] = frozenset({"brand", "operator"})
DESK_ROLES: frozenset[Role] = frozenset({"reviewer", "operator"})
PORTAL_ROLES: frozenset[Role] = frozenset({"brand", "reviewer", "operator"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in; `brand` is set for the role brand."""

    session: Session
    brand: Brand | None

    @property
    def principal(self) -> Principal:
        """The principal of their key."""
        return self.session.principal

    @property
    def csrf(self) -> str:
        """The token of their forms and scripts."""
        return self.session.csrf

    @property
    def role_label(self) -> str:
        """Their role, for people."""
        return _LABELS[self.principal.role]

    @property
    def navigation(self) -> list[tuple[str, str]]:
        """Label and path of each page that their role may use."""
        if self.principal.role == "seller":
            return [("Your case", "/seller")]
        pages = [("Check", "/")]
        if self.principal.role in CATALOG_ROLES:
            pages.append(("Catalogue", "/catalog"))
        if self.principal.role in DESK_ROLES:
            pages.append(("Desk", "/desk"))
        if self.principal.role in PORTAL_ROLES:
            pages.append(("Portal", "/portal"))
        if self.principal.role == "operator":
            pages.append(("Operator", "/operator"))
        return pages


def find_visitor(request: Request, runtime: RuntimeOf) -> Visitor:
    """The visitor; `SignInNeeded` without a live session."""
    token = request.cookies.get(COOKIE)
    session = runtime.sessions.find(token) if token else None
    if session is None:
        raise SignInNeeded
    brand_id = session.principal.brand_id
    return Visitor(session, runtime.brands.get(brand_id) if brand_id else None)


Visiting = Annotated[Visitor, Depends(find_visitor)]


def allow(visitor: Visitor, csrf: str) -> None:
    """Refuse a form that did not come from our own page."""
    if not visitor.session.allows(csrf):
        raise Forbidden("This form is out of date; go back, reload the page and send it again.")
