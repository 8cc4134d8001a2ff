"""Reading cases: one or many, as values or as the documents that are shown, each in a transaction of its own.

The half of `service.cases.cases.Cases` that changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from indexes.database import Database
from indexes.errors import NotFound
from indexes.paging import Page
from service.cases import documents, evidence, keeping, moves, records
from service.cases.backing import Backed, all_backed
from service.cases.documents import Document, ShowProofs
from service.cases.states import Action
from service.cases.values import Acting, Case, Entry, Filters, Message
from service.keys import Principal

EVERYTHING: Final = Filters()


class CaseReader:
    """The cases of one database, to be looked at. `backed` tells what a right of its brand stands behind."""

    def __init__(self, database: Database, backed: Backed = all_backed) -> None:
        self._database, self._backed = database, backed
        self._show_proofs: ShowProofs = documents.no_proofs

    def show_proofs_with(self, show: ShowProofs) -> None:
        """Let `show` fill `proofs` in the documents of cases."""
        self._show_proofs = show

    def find(self, connection: sa.Connection, case_id: str) -> Case | None:
        """The case, in the caller's transaction."""
        return records.find(connection, case_id)

    def get(self, case_id: str) -> Case:
        """The case; `NotFound`."""
        with self._database.read() as connection:
            return there(records.find(connection, case_id))

    def find_for(self, principal: Principal, case_id: str) -> Case:
        """The case; `NotFound` as well where `principal` may not see it."""
        case = self.get(case_id)
        if not may_see(principal, case):
            raise NotFound("There is no such case.")
        return case

    def list(self, filters: Filters = EVERYTHING, *, limit: int = 50, cursor: str | None = None) -> Page[Case]:
        """Cases, newest first."""
        with self._database.read() as connection:
            return records.page(connection, filters, limit, cursor)

    def entries(self, case: Case) -> Sequence[Entry]:
        """The audit of a case, oldest first."""
        with self._database.read() as connection:
            return records.entries(connection, [case]).get(case.pk, [])

    def messages(self, case: Case) -> Sequence[Message]:
        """What was said about a case, oldest first."""
        with self._database.read() as connection:
            return records.messages(connection, [case]).get(case.pk, [])

    def evidence(self, case: Case) -> Document:
        """What a case stands on now; `service.cases.evidence` says what it holds."""
        with self._database.read() as connection:
            return evidence.read(connection, [case])[case.pk]

    def documents(self, cases: Sequence[Case], asker: Acting | None) -> Sequence[Document]:
        """Each of `cases` as the interface shows it to `asker`."""
        with self._database.read() as connection:
            return self.documents_on(connection, cases, asker)

    def documents_on(
        self, connection: sa.Connection, cases: Sequence[Case], asker: Acting | None
    ) -> Sequence[Document]:
        """As `documents`, in the caller's transaction: what it wrote is seen."""
        return documents.documents(connection, cases, asker, self._show_proofs, self._backed)

    def allowed_actions(self, case: Case, acting: Acting) -> Sequence[Action]:
        """What `acting` may do with the case now."""
        with self._database.read() as connection:
            around = moves.circumstances(connection, [case], acting, self._backed)
            return moves.allowed(case, acting, around[case.pk])

    def pictures_of_brand(self, brand_id: str) -> frozenset[str]:
        """Every picture that a case of the brand keeps, to be released after the brand is erased."""
        with self._database.read() as connection:
            return keeping.pictures_of_brand(connection, brand_id)


def may_see(principal: Principal, case: Case) -> bool:
    """Operators and reviewers see every case, a brand its own, a seller the one of their token."""
    return principal.may_see_brand(case.brand_id) or (principal.role == "seller" and principal.case_id == case.id)


def there(case: Case | None) -> Case:
    """`case`, or `NotFound` where there is none."""
    if case is None:
        raise NotFound("There is no such case.")
    return case
