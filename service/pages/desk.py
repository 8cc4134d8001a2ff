"""`/desk`: what waits for a reviewer, one task after another, with both pictures laid over each other.

The pages show; decisions go through `service.cases`, one case after another, so that a refusal of one leaves the others
done. Reviewers and operators only.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse

from indexes.database import utc_now
from indexes.errors import IndexesError
from service.api.dependencies import RuntimeOf, require
from service.api.sent import Sent
from service.api.waiting import result_of
from service.cases import acting_as
from service.cases.states import Action, State
from service.desk.queue import Waiting
from service.desk.second import Answer
from service.errors import Forbidden, Missing, ServiceError
from service.keys import Principal
from service.notices.values import NoticeState
from service.pages.pairs import address_of, document_of, facts_of, offered, pair_of
from service.pages.pictures import jpeg
from service.pages.rendering import page_router, render
from service.pages.visitors import DESK_ROLES, Visiting, Visitor
from service.pages.words import KINDS, NOTICE_STATES, SILENCE, STATES
from service.problems import describe
from service.runtime import Runtime

router = page_router()
calls = APIRouter(include_in_schema=False)
"""What the page's script asks; its refusals are problem documents."""

Reviewing = Annotated[Principal, Depends(require("reviewer"))]
_SHOWN: Final = 50
_NOTICES_SHOWN: Final = 20
_ACTIONS: Final[tuple[tuple[str, str, str, tuple[str, ...]], ...]] = (
    ("start_review", "Take in review", "s", ("Looking at it",)),
    (
        "hold",
        "Hold",
        "h",
        ("The seller should show where the goods come from", "Likely infringing, the seller should answer first"),
    ),
    (
        "remove",
        "Remove",
        "r",
        ("The brand's own photograph, copied", "The brand's mark without permission", "Look-alike of the mark"),
    ),
    (
        "dismiss",
        "Dismiss",
        "d",
        ("Another photograph", "Another mark, or none", "The brand's own goods, lawfully shown", "Too unclear to tell"),
    ),
    ("accept_proof", "Accept proof", "a", ("The invoice shows where the goods come from", "The letter allows it")),
    (
        "reject_proof",
        "Reject proof",
        "x",
        ("The document does not cover these goods", "The document is expired", "The document is not genuine"),
    ),
    ("uphold", "Uphold", "p", ("The counter-notice gives no ground", "The brand showed its right")),
    ("reinstate", "Reinstate", "e", ("The counter-notice is founded", "Removed by mistake")),
)
"""Action, label, key and the reasons to choose from."""


class Shown(BaseModel):
    """Which tasks to show: the query of the page's address."""

    waiting: Waiting = "review"
    kind: Literal["", "stolen_photo", "logo_use"] = ""
    brand: Annotated[str, Field(max_length=60)] = ""
    marketplace: Annotated[str, Field(max_length=64)] = ""

    @property
    def query(self) -> str:
        """As a query string, without what is not chosen."""
        values = self.model_dump()
        return urlencode({name: value for name, value in values.items() if value and value != "review"})

    def address(self, **changes: str) -> str:
        """The address of the queue with `changes`."""
        return f"/desk?{self.model_copy(update=changes).query}".removesuffix("?")

    def filters(self) -> dict[str, Any]:
        """As the queue takes them."""
        return {
            "waiting": self.waiting,
            "kind": self.kind or None,
            "brand_id": self.brand or None,
            "marketplace": self.marketplace or None,
        }


@router.get("/desk")
def show_desk(request: Request, runtime: RuntimeOf, visitor: Visiting, shown: Annotated[Shown, Query()]) -> Response:
    """The queue."""
    _check_role(visitor)
    tasks, total = runtime.desk.tasks(**shown.filters(), limit=_SHOWN)
    values: dict[str, Any] = {
        "tasks": tasks,
        "total": total,
        "shown": shown,
        "filters": _filters(shown),
        "now": utc_now(),
    }
    agreement = runtime.second_reviews.agreement()
    return render(request, "desk.html", visitor=visitor, agreement=agreement, kinds=KINDS, **values)


@router.get("/desk/next")
def go_on(
    runtime: RuntimeOf,
    visitor: Visiting,
    shown: Annotated[Shown, Query()],
    skip: Annotated[str, Query(max_length=4000)] = "",
) -> Response:
    """The most urgent task but those of `skip`, whose decisions are on their way; without one, the queue."""
    _check_role(visitor)
    done = set(skip.split(","))
    tasks, _ = runtime.desk.tasks(**shown.filters(), limit=len(done) + 1)
    following = next((task.id for task in tasks if task.id not in done), None)
    address = shown.address() if following is None else f"/desk/tasks/{following}?{shown.query}".removesuffix("?")
    return RedirectResponse(address, status_code=303)


@router.get("/desk/tasks/{task_id}")
def show_task(
    *,
    task_id: str,
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    shown: Annotated[Shown, Query()],
    case: Annotated[str, Query(max_length=60)] = "",
) -> Response:
    """One task, with the case `case` or its first in full."""
    _check_role(visitor)
    cases = runtime.desk.cases(task_id, waiting=shown.waiting) or runtime.desk.cases(task_id)
    if not cases:
        raise Missing
    chosen = next((item for item in cases if item.id == case), cases[0])
    document = document_of(runtime, visitor.principal, chosen.id)
    return render(
        request,
        "task.html",
        visitor=visitor,
        task_id=task_id,
        shown=shown,
        cases=cases,
        case=document,
        view=pair_of(document),
        facts=facts_of(document),
        address=address_of(document["listing"].get("url")),
        actions=[entry for entry in _ACTIONS if offered(document, entry[0])],
        deadline=chosen.deadline,
        now=utc_now(),
        kinds=KINDS,
        states=STATES,
        silence=SILENCE,
    )


@router.get("/desk/cases/{case_id}")
def find_case(case_id: str, runtime: RuntimeOf, visitor: Visiting) -> Response:
    """The task a case belongs to, with that case open."""
    _check_role(visitor)
    task_id = runtime.desk.task_of(case_id)
    if task_id is None:
        raise Missing
    return RedirectResponse(f"/desk/tasks/{task_id}?{urlencode({'case': case_id})}", status_code=303)


@router.get("/desk/second")
def show_second(request: Request, runtime: RuntimeOf, visitor: Visiting) -> Response:
    """A decision of somebody else, without their answer."""
    _check_role(visitor)
    sample = runtime.second_reviews.next_for(visitor.principal.key_id)
    document, view = None, None
    if sample is not None:
        document = document_of(runtime, visitor.principal, sample.case_id)
        view = pair_of(document)
    agreement = runtime.second_reviews.agreement()
    values: dict[str, Any] = {"case": document, "view": view}
    return render(request, "second.html", visitor=visitor, sample=sample, agreement=agreement, **values)


@router.get("/desk/notices")
def show_notices(
    request: Request,
    runtime: RuntimeOf,
    visitor: Visiting,
    state: NoticeState | Literal[""] = "",
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Notices, newest first, with what became of each address, and the form to decide."""
    _check_role(visitor)
    page = runtime.trust.notices.list(state=state or None, limit=_NOTICES_SHOWN, cursor=cursor)
    values: dict[str, Any] = {"notices": page.items, "next_cursor": page.next_cursor, "chosen": state}
    return render(request, "desk_notices.html", visitor=visitor, states=NOTICE_STATES, **values)


class ChosenCase(Sent):
    """A case as the reviewer saw it."""

    id: Annotated[str, Field(max_length=60)]
    evidence_version: int
    state: State | None = None


class Decision(Sent):
    """One decision for many cases."""

    action: Action
    reason: Annotated[str, Field(min_length=1, max_length=2000)]
    cases: Annotated[list[ChosenCase], Field(min_length=1, max_length=1000)]


@calls.post("/desk/tasks/{task_id}/decisions")
def decide(task_id: str, body: Decision, runtime: RuntimeOf, principal: Reviewing) -> dict[str, Any]:
    """Move every case that can be moved: `{done: [id], refused: [{id, detail}]}`."""
    known = {case.id for case in runtime.desk.cases(task_id)}
    done, refused = [], []
    for case in body.cases:
        try:
            if case.id not in known:
                raise Missing
            _act(runtime, principal, body, case)
            done.append(case.id)
        except (ServiceError, IndexesError) as error:
            refused.append({"id": case.id, "detail": describe(error).detail})
    return {"done": done, "refused": refused}


class SecondAnswer(Sent):
    """What the second reviewer says."""

    answer: Answer


@calls.post("/desk/second/{sample_id}")
def answer_second(sample_id: str, body: SecondAnswer, runtime: RuntimeOf, principal: Reviewing) -> dict[str, bool]:
    """Keep the answer; whether it agrees. A disagreement is told in the case's audit."""
    return {"agrees": runtime.second_reviews.answer(sample_id, acting_as(principal), body.answer)}


@calls.get("/desk/pictures/{case_id}")
async def show_picture(case_id: str, runtime: RuntimeOf, principal: Reviewing) -> Response:  # noqa: ARG001  # who may see it
    """A small JPEG of the listing's picture."""
    sha256 = await run_in_threadpool(runtime.desk.picture_of, case_id)
    if sha256 is None:
        raise Missing
    data = await result_of(runtime.previews.thumbnail(sha256))
    return jpeg(data, "private, max-age=3600")


def _act(runtime: Runtime, principal: Principal, body: Decision, case: ChosenCase) -> None:
    acting = acting_as(principal)
    version, seen = case.evidence_version, case.state
    runtime.cases.act(case.id, acting, body.action, reason=body.reason, evidence_version=version, seen=seen)


def _check_role(visitor: Visitor) -> None:
    if visitor.principal.role not in DESK_ROLES:
        raise Forbidden("The desk is for reviewers and operators; sign in with such a key to see it.")


def _filters(shown: Shown) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Title, query name, and label, value and link of each choice."""
    waits = (("To review", "review"), ("With the seller", "seller"), ("Ended", "ended"))
    kinds = (("All kinds", ""), ("Photos", "stolen_photo"), ("Logos", "logo_use"))
    groups = (("Waiting", "waiting", waits), ("Kind", "kind", kinds))
    return [
        (title, name, [(label, value, shown.address(**{name: value})) for label, value in choices])
        for title, name, choices in groups
    ]
