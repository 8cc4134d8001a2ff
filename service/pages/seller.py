"""`/seller`: the one case a signed link is about, for the seller it concerns.

What was found, why, whose turn it is and until when; a proof or a counter-notice can be sent, a message written, by
forms that call the HTTP interface. The link itself is exchanged for a cookie at sign-in, so that its token leaves the
address bar.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from fastapi import Request, Response

from indexes.database import utc_now
from service.api.dependencies import RuntimeOf
from service.errors import Forbidden
from service.pages.pairs import document_of, pair_of
from service.pages.rendering import page_router, render
from service.pages.visitors import Visiting
from service.pages.words import KINDS, SILENCE, STATES

router = page_router()
_SAID: Final = {
    "open": "Your listing is being looked at. It stays online meanwhile.",
    "in_review": "Your listing is being reviewed by a person.",
    "held": "Your listing is held: it is not shown until this is settled.",
    "taken_down": "Your listing was taken down.",
    "counter_noticed": "You disputed this. The brand may answer.",
    "upheld": "The removal was upheld.",
    "reinstated": "Your listing was reinstated.",
    "dismissed": "The claim was dismissed; nothing happens to your listing.",
    "withdrawn": "The brand withdrew its claim; nothing happens to your listing.",
}
"""What a state means to the seller."""


@router.get("/seller")
def show_seller(request: Request, runtime: RuntimeOf, visitor: Visiting) -> Response:
    """The case of the link."""
    principal = visitor.principal
    if principal.case_id is None:
        raise Forbidden("This page opens by the link that a seller was sent.")
    document = document_of(runtime, principal, principal.case_id)
    clock = document["clock"]
    return render(
        request,
        "seller.html",
        visitor=visitor,
        case=document,
        view=pair_of(document),
        said=_SAID[document["state"]],
        deadline=datetime.fromisoformat(clock["deadline"]) if clock else None,
        now=utc_now(),
        kinds=KINDS,
        states=STATES,
        silence=SILENCE,
    )
