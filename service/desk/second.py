"""Second looks: a share of the reviewers' decisions is put to another reviewer, who does not see the first answer.

Place in the flow: `Sampling` is a `Watcher` of cases, `SecondReviews` what the desk asks. A second answer moves no
case; a disagreement is told in the case's audit, and how often reviewers agree is shown with Cohen's kappa (Cohen,
1960), which takes away what they would agree on by chance.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, get_args

import sqlalchemy as sa

from indexes.database import Database, utc_now
from indexes.ids import new_id
from service.cases import Cases
from service.cases.tables import CASES
from service.cases.values import Acting, Case, Entry
from service.desk.tables import SECOND_REVIEWS
from service.errors import Invalid, Missing, StateConflict

Answer: TypeAlias = Literal["infringing", "authorised", "not_a_match"]
ANSWERS: Final[tuple[Answer, ...]] = get_args(Answer)
_SAID: Final[dict[str, Answer]] = {
    "remove": "infringing",
    "reject_proof": "infringing",
    "uphold": "infringing",
    "accept_proof": "authorised",
    "dismiss": "not_a_match",
}
_WINDOW: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Sample:
    """A decision that waits for its second look."""

    id: str
    case_id: str
    sampled_at: datetime


@dataclass(frozen=True, slots=True)
class Agreement:
    """Second looks of the last ninety days. `kappa` is None where there is nothing to compare."""

    answered: int
    agreed: int
    waiting: int
    kappa: float | None


class Sampling:
    """Draws `share` of the decisions, by a hash of the case, so that nobody can choose."""

    def __init__(self, share: float) -> None:
        self._share = share

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """Sample the decision of a person; clocks and brands are not reviewed."""
        said = _SAID.get(entry.action)
        if said is None or entry.actor.role not in ("reviewer", "operator") or not _drawn(case, entry, self._share):
            return
        row = {
            "id": new_id("sec"),
            "case_pk": case.pk,
            "entry": entry.number,
            "first": said,
            "first_reviewer": entry.actor.id,
            "sampled_at": entry.at,
        }
        connection.execute(sa.insert(SECOND_REVIEWS).values(row))


class SecondReviews:
    """The samples of one database."""

    def __init__(self, database: Database, cases: Cases, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._cases, self._clock = database, cases, clock

    def next_for(self, reviewer: str) -> Sample | None:
        """The oldest sample that somebody else decided; None when nothing waits."""
        query = (
            sa.select(SECOND_REVIEWS.c.id, CASES.c.id.label("case_id"), SECOND_REVIEWS.c.sampled_at)
            .join(CASES, CASES.c.pk == SECOND_REVIEWS.c.case_pk)
            .where(SECOND_REVIEWS.c.second.is_(None), SECOND_REVIEWS.c.first_reviewer != reviewer)
            .order_by(SECOND_REVIEWS.c.pk)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else Sample(*row)

    def answer(self, sample_id: str, acting: Acting, answer: Answer) -> bool:
        """Keep the second answer; whether it agrees with the first.

        `Missing` without such a sample, `StateConflict` when it was answered already or the first decision is the
        same reviewer's.
        """
        if answer not in ANSWERS:
            raise Invalid("Say infringing, authorised or not_a_match.", errors=[{"loc": ["answer"], "msg": "unknown"}])
        with self._database.write() as connection:
            row = connection.execute(_sampled(sample_id)).one_or_none()
            if row is None:
                raise Missing
            if row.second is not None:
                raise StateConflict("Another reviewer was quicker; take the next one.")
            if row.first_reviewer == acting.id:
                raise StateConflict("You made the first decision; another reviewer has to look at it.")
            said = {"second": answer, "second_reviewer": acting.id, "answered_at": self._clock()}
            connection.execute(sa.update(SECOND_REVIEWS).where(SECOND_REVIEWS.c.pk == row.pk).values(**said))
            if row.first != answer:
                reason = f"A second reviewer says {answer} where the first said {row.first}."
                self._cases.note(connection, self._cases.get(row.case_id), acting, "second_review", reason=reason)
        return bool(row.first == answer)

    def agreement(self) -> Agreement:
        """How often the second look said the same, over ninety days."""
        since = self._clock() - _WINDOW
        recent = sa.select(SECOND_REVIEWS.c.first, SECOND_REVIEWS.c.second, sa.func.count())
        recent = recent.where(SECOND_REVIEWS.c.sampled_at >= since)
        with self._database.read() as connection:
            rows = connection.execute(recent.group_by(SECOND_REVIEWS.c.first, SECOND_REVIEWS.c.second)).all()
        pairs = Counter({(first, second): count for first, second, count in rows})
        waiting = sum(count for (_, second), count in pairs.items() if second is None)
        return agreement_of({pair: count for pair, count in pairs.items() if pair[1] is not None}, waiting)


def agreement_of(pairs: dict[tuple[str, str], int], waiting: int) -> Agreement:
    """From counts of (first, second) answers to agreement beyond chance."""
    total = sum(pairs.values())
    agreed = sum(count for (first, second), count in pairs.items() if first == second)
    if not total:
        return Agreement(0, 0, waiting, None)
    firsts, seconds = Counter[str](), Counter[str]()
    for (first, second), count in pairs.items():
        firsts[first] += count
        seconds[second] += count
    chance = sum(firsts[word] * seconds[word] for word in firsts) / total**2
    kappa = None if chance == 1 else (agreed / total - chance) / (1 - chance)
    return Agreement(total, agreed, waiting, kappa)


def _sampled(sample_id: str) -> sa.Select[Any]:
    query = sa.select(SECOND_REVIEWS, CASES.c.id.label("case_id")).join(CASES, CASES.c.pk == SECOND_REVIEWS.c.case_pk)
    return query.where(SECOND_REVIEWS.c.id == sample_id).with_for_update(of=SECOND_REVIEWS)


def _drawn(case: Case, entry: Entry, share: float) -> bool:
    digest = hashlib.sha256(f"{case.id}:{entry.number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
