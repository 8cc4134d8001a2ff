"""`/portal`: what a brand sees of its own; a reviewer or an operator chooses the brand.

Figures, matches, cases, authorised use, and the conversation with the case manager. Everything is a plain form; each
tab is a page. The catalogue has its own page.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import Form, Query, Request, Response
from pydantic import BaseModel, Field, ValidationError
from starlette.responses import RedirectResponse

from indexes.brands import Brand
from indexes.database import utc_now
from service.api.authorisations import AuthorisationIn
from service.api.dependencies import RuntimeOf
from service.cases import Filters, acting_as
from service.cases.states import Action, State
from service.errors import Forbidden, Missing, ServiceError
from service.pages.pairs import address_of, document_of, facts_of, offered, pair_of
from service.pages.rendering import page_router, render
from service.pages.visitors import PORTAL_ROLES, Visiting, Visitor, allow
from service.pages.words import KINDS, SILENCE, STATES
from service.portal.figures import figures_of
from service.runtime import Runtime

router = page_router()
_SHOWN: Final = 24
_TABS: Final = (
    ("Overview", "/portal"),
    ("Matches", "/portal/matches"),
    ("Cases", "/portal/cases"),
    ("Authorised use", "/portal/authorised"),
    ("Never flagged", "/portal/negatives"),
    ("Policy", "/portal/policy"),
    ("Messages", "/portal/messages"),
)
_ACTIONS: Final[tuple[tuple[Action, str, str], ...]] = (
    ("confirm", "Confirm: this infringes our right", "danger-fill"),
    ("accept_proof", "Accept the seller's proof", "quiet"),
    ("withdraw", "Withdraw the claim", "quiet"),
)
BrandQuery = Annotated[str, Query(max_length=60)]
"""The brand to look at, for those who see more than one."""


@router.get("/portal")
def show_portal(request: Request, runtime: RuntimeOf, visitor: Visiting, brand: BrandQuery = "") -> Response:
    """Figures, standing, and who looks after the brand; without a brand the list to choose from."""
    if visitor.brand is None and not brand:
        _check_role(visitor)
        found = runtime.brands.list(200)
        return render(request, "portal_brands.html", visitor=visitor, brands=found.items)
    of = _brand_of(runtime, visitor, brand)
    with runtime.database.read() as connection:
        rights = runtime.rights.of_brand(connection, of.id)
    return _page(
        request,
        visitor,
        of,
        "portal.html",
        figures=figures_of(runtime.database, of.id),
        manager=runtime.managers.manager(of.id),
        standing=_standing(runtime, of.id),
        rights=rights,
        references=runtime.catalog.count(of.id),
    )


@router.get("/portal/matches")
def show_matches(
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    brand: BrandQuery = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """What was found for the brand, newest first."""
    of = _brand_of(runtime, visitor, brand)
    page = runtime.listings.matches_of_brand(of.id, limit=_SHOWN, cursor=cursor)
    return _page(request, visitor, of, "portal_matches.html", matches=page.items, next_cursor=page.next_cursor)


@router.get("/portal/cases")
def show_cases(
    *,
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    brand: BrandQuery = "",
    state: State | Literal[""] = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The brand's cases, newest first."""
    of = _brand_of(runtime, visitor, brand)
    filters = Filters(brand_id=of.id, state=state or None)
    page = runtime.cases.list(filters, limit=_SHOWN, cursor=cursor)
    documents = runtime.cases.documents(page.items, acting_as(visitor.principal))
    values = {"state": state, "documents": documents, "next_cursor": page.next_cursor}
    return _page(request, visitor, of, "portal_cases.html", **values)


@router.get("/portal/cases/{case_id}")
def show_case(case_id: str, request: Request, runtime: RuntimeOf, visitor: Visiting) -> Response:
    """One case: both pictures, the audit, the messages, and what the brand may do."""
    _check_role(visitor)
    return _case(request, runtime, visitor, case_id)


@router.post("/portal/cases/{case_id}/actions")
def act(
    *,
    case_id: str,
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    action: Annotated[Literal["confirm", "accept_proof", "withdraw"], Form()],
    evidence_version: Annotated[int, Form()],
    reason: Annotated[str, Form(max_length=4000)] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """What the brand says of the case; a refusal is shown on its page."""
    allow(visitor, csrf)
    _check_role(visitor)
    runtime.cases.find_for(visitor.principal, case_id)
    try:
        acting = acting_as(visitor.principal)
        runtime.cases.act(case_id, acting, action, reason=reason, evidence_version=evidence_version)
    except ServiceError as error:
        return _case(request, runtime, visitor, case_id, error)
    return RedirectResponse(f"/portal/cases/{case_id}", status_code=303)


@router.post("/portal/cases/{case_id}/messages")
def say(
    *,
    case_id: str,
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    text: Annotated[str, Form(max_length=4000)] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Write to everybody in the case."""
    allow(visitor, csrf)
    _check_role(visitor)
    runtime.cases.find_for(visitor.principal, case_id)
    try:
        runtime.cases.say(case_id, acting_as(visitor.principal), text)
    except ServiceError as error:
        return _case(request, runtime, visitor, case_id, error)
    return RedirectResponse(f"/portal/cases/{case_id}#talk", status_code=303)


@router.get("/portal/authorised")
def show_authorised(
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    brand: BrandQuery = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Whom and what the brand allows."""
    return _authorised(request, runtime, visitor, _brand_of(runtime, visitor, brand), cursor)


class Allowed(BaseModel):
    """The form of an authorisation."""

    brand: Annotated[str, Field(max_length=60)] = ""
    seller_id: Annotated[str, Field(max_length=200)] = ""
    marketplace: Annotated[str, Field(max_length=64)] = ""
    url: Annotated[str, Field(max_length=2000)] = ""
    gtin: Annotated[str, Field(max_length=40)] = ""
    territories: Annotated[str, Field(max_length=400)] = ""
    valid_until: date | Literal[""] = ""
    note: Annotated[str, Field(max_length=1000)] = ""
    csrf: Annotated[str, Field(max_length=200)] = ""

    def as_body(self) -> dict[str, Any]:
        """As the HTTP interface takes it."""
        body: dict[str, Any] = {
            name: value.strip()
            for name in ("seller_id", "marketplace", "url", "gtin", "note")
            if (value := getattr(self, name)).strip()
        }
        if self.territories.strip():
            body["territories"] = self.territories.upper().replace(",", " ").split()
        if self.valid_until:
            body["valid_until"] = datetime.combine(self.valid_until, time.max, UTC)
        return body


@router.post("/portal/authorised")
def add_authorisation(
    request: Request, runtime: RuntimeOf, visitor: Visiting, sent: Annotated[Allowed, Form()]
) -> Response:
    """Allow something; what is wrong with the form is said on its page."""
    allow(visitor, sent.csrf)
    of = _brand_of(runtime, visitor, sent.brand)
    _check_owner(visitor)
    try:
        new = AuthorisationIn.model_validate(sent.as_body()).value()
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'form'}: {one['msg']}" for one in error.errors())
        return _authorised(request, runtime, visitor, of, None, problem=said, sent=sent)
    runtime.authorised.add(of.id, new, created_by=visitor.principal.key_id)
    return RedirectResponse(_link(visitor, of, "/portal/authorised"), status_code=303)


@router.get("/portal/negatives")
def show_negatives(
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    brand: BrandQuery = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Pictures that are never flagged for the brand."""
    of = _brand_of(runtime, visitor, brand)
    page = runtime.negatives.list(of.id, limit=_SHOWN, cursor=cursor)
    return _page(request, visitor, of, "portal_negatives.html", items=page.items, next_cursor=page.next_cursor)


@router.post("/portal/authorised/{authorisation_id}/delete")
def withdraw_authorisation(
    authorisation_id: str,
    runtime: RuntimeOf,
    visitor: Visiting,
    brand: Annotated[str, Form(max_length=60)] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """Listings judged from now on are not permitted by it."""
    allow(visitor, csrf)
    of = _brand_of(runtime, visitor, brand)
    _check_owner(visitor)
    runtime.authorised.delete(of.id, authorisation_id)
    return RedirectResponse(_link(visitor, of, "/portal/authorised"), status_code=303)


@router.get("/portal/policy")
def show_policy(request: Request, runtime: RuntimeOf, visitor: Visiting, brand: BrandQuery = "") -> Response:
    """The policy in force, and the form to try another and to apply it."""
    of = _brand_of(runtime, visitor, brand)
    _check_owner(visitor)
    values = {"policy": runtime.policies.get(of.id), "bounds": runtime.policies.bounds(of.id)}
    slugs = [one.slug for one in runtime.marketplaces.list(limit=200).items]
    return _page(request, visitor, of, "portal_policy.html", marketplaces=slugs, **values)


@router.get("/portal/messages")
def show_messages(
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    brand: BrandQuery = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """The conversation of the brand with its case manager."""
    of = _brand_of(runtime, visitor, brand)
    page = runtime.managers.messages(of.id, limit=_SHOWN, cursor=cursor)
    values = {"messages": page.items, "next_cursor": page.next_cursor, "manager": runtime.managers.manager(of.id)}
    return _page(request, visitor, of, "portal_messages.html", **values)


@router.post("/portal/messages")
def write_message(
    runtime: RuntimeOf,
    visitor: Visiting,
    brand: Annotated[str, Form(max_length=60)] = "",
    text: Annotated[str, Form(max_length=4000)] = "",
    csrf: Annotated[str, Form()] = "",
) -> Response:
    """One more message."""
    allow(visitor, csrf)
    of = _brand_of(runtime, visitor, brand)
    runtime.managers.write(of.id, text, role=visitor.principal.role, key_id=visitor.principal.key_id)
    return RedirectResponse(_link(visitor, of, "/portal/messages"), status_code=303)


def _case(
    request: Request, runtime: Runtime, visitor: Visitor, case_id: str, refused: ServiceError | None = None
) -> Response:
    document = document_of(runtime, visitor.principal, case_id)
    of = runtime.brands.get(document["brand_id"])
    return _page(
        request,
        visitor,
        of,
        "portal_case.html",
        status=refused.status if refused else 200,
        problem=refused.detail if refused else "",
        case=document,
        view=pair_of(document),
        facts=facts_of(document),
        address=address_of(document["listing"].get("url")),
        actions=[entry for entry in _ACTIONS if offered(document, entry[0])],
    )


def _authorised(
    request: Request,
    runtime: Runtime,
    visitor: Visitor,
    brand: Brand,
    cursor: str | None,
    *,
    problem: str = "",
    sent: Allowed | None = None,
) -> Response:
    page = runtime.authorised.list(brand.id, limit=_SHOWN, cursor=cursor)
    values = {"items": page.items, "next_cursor": page.next_cursor, "problem": problem, "sent": sent or Allowed()}
    return _page(request, visitor, brand, "portal_authorised.html", status=422 if problem else 200, **values)


def _page(request: Request, visitor: Visitor, brand: Brand, template: str, **values: Any) -> Response:
    status = values.pop("status", 200)
    own = visitor.principal.role != "reviewer"
    tabs = [(label, _link(visitor, brand, path), path) for label, path in _TABS if own or path != "/portal/policy"]
    shared = {"brand": brand, "tabs": tabs, "kinds": KINDS, "states": STATES, "silence": SILENCE, "now": utc_now()}
    return render(request, template, status=status, visitor=visitor, **shared, **values)


def _standing(runtime: Runtime, brand_id: str) -> dict[str, Any]:
    lane, standings, _ = runtime.trust.standings.of_brand(brand_id)
    reasons = [one.as_json(utc_now()) for one in standings]
    return {"lane": lane, "reasons": reasons, "until": max((one["until"] or "" for one in reasons), default="")}


def _link(visitor: Visitor, brand: Brand, path: str) -> str:
    return path if visitor.brand else f"{path}?{urlencode({'brand': brand.id})}"


def _check_role(visitor: Visitor) -> None:
    if visitor.principal.role not in PORTAL_ROLES:
        raise Forbidden("The portal is for brands; sign in with such a key to see it.")


def _check_owner(visitor: Visitor) -> None:
    if visitor.principal.role not in ("brand", "operator"):
        raise Forbidden("Only the brand itself or an operator may change this.")


def _brand_of(runtime: Runtime, visitor: Visitor, brand_id: str) -> Brand:
    _check_role(visitor)
    if visitor.brand is None:
        return runtime.brands.get(brand_id)
    if brand_id not in ("", visitor.brand.id):
        raise Missing
    return visitor.brand
