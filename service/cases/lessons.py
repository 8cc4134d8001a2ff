"""What training learns from cases: a reviewer's decision is a verdict on the match it was about.

Place in the flow: a watcher, in the transaction of the decision. Silence teaches nothing, and neither does what a brand
or a seller says of their own case.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from service.cases import evidence
from service.cases.values import Case, Entry
from service.listings import VerdictWord
from service.listings.verdicts import record

_MEANS: Final[dict[str, VerdictWord]] = {
    "remove": "infringing",
    "reject_proof": "infringing",
    "uphold": "infringing",
    "dismiss": "not_a_match",
    "accept_proof": "authorised",
}
_PEOPLE: Final = frozenset({"reviewer", "operator"})


class Lessons:
    """Writes verdicts."""

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """A case moved: where a reviewer decided, that is what they said of the match."""
        verdict = _MEANS.get(entry.action)
        if verdict is None or entry.actor.role not in _PEOPLE:
            return
        found = evidence.read(connection, [case])[case.pk]
        match, listing = found["match"], found["listing"]
        same = ("image_index", "kind", "brand_id", "reference_id", "confidence", "score")
        record(
            connection,
            match_id=match["id"],
            verdict=verdict,
            note=entry.reason,
            marketplace=case.marketplace,
            listing_id=case.listing_id,
            image_sha256=evidence.picture_of(found),
            **{name: match[name] for name in same},
            space=listing["space"],
            calibration=listing["calibration"],
            given_by=entry.actor.id,
            created_at=entry.at,
        )
