"""Whether an operator believes a brand: the status of a brand, moved against a right, with who and why on record.

Place in the flow: an operator decides through the interface or the pages. A brand that an operator made is verified
from the start and has no entry here; without the right that a kind needs its matches go no further than `review`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from indexes import changes
from indexes.brands import BRANDS, BrandStatus
from indexes.database import Database, utc_now
from indexes.errors import NotFound
from indexes.ids import new_id
from indexes.paging import Page, decode_cursor, encode_cursor
from service.errors import Invalid
from service.rights.rights import Rights
from service.rights.tables import VERIFICATIONS


@dataclass(frozen=True, slots=True)
class Verification:
    """One decision about a brand. `decided_by` is the key id of the operator."""

    pk: int
    id: str
    brand_id: str
    status: BrandStatus
    before: BrandStatus
    right_id: str | None
    reason: str
    decided_by: str
    decided_at: datetime


_COLUMNS = tuple(VERIFICATIONS.c[field.name] for field in dataclasses.fields(Verification))


class Verifications:
    """Moves the status of brands, and remembers. Thread-safe."""

    def __init__(self, database: Database, rights: Rights, clock: Callable[[], datetime] = utc_now) -> None:
        self._database, self._rights, self._clock = database, rights, clock

    def decide(
        self,
        brand_id: str,
        status: BrandStatus,
        *,
        right_id: str | None,
        reason: str,
        decided_by: str,
        against_right: bool = True,
    ) -> Verification:
        """Give the brand a status; `NotFound` for a brand that is unknown.

        `Invalid` for a right of somebody else, and, unless `against_right` is false, for `verified` without a right
        of that brand which is in force.
        """
        with self._database.write() as connection:
            status_of = sa.select(BRANDS.c.status).where(BRANDS.c.id == brand_id).with_for_update()
            before = connection.scalar(status_of)
            if before is None:
                raise NotFound("There is no such brand.")
            if against_right:
                self._check(connection, brand_id, status, right_id)
            connection.execute(sa.update(BRANDS).where(BRANDS.c.id == brand_id).values(status=status))
            changes.touch(connection)
            values = {"id": new_id("vfy"), "brand_id": brand_id, "status": status, "before": before}
            values |= {"right_id": right_id, "reason": reason, "decided_by": decided_by, "decided_at": self._clock()}
            insert = sa.insert(VERIFICATIONS).values(**values).returning(*_COLUMNS)
            return Verification(*connection.execute(insert).one())

    def list(self, brand_id: str, *, limit: int = 50, cursor: str | None = None) -> Page[Verification]:
        """What was decided about a brand, newest first."""
        query = sa.select(*_COLUMNS).where(VERIFICATIONS.c.brand_id == brand_id)
        query = query.order_by(VERIFICATIONS.c.pk.desc()).limit(limit + 1)
        if cursor is not None:
            query = query.where(VERIFICATIONS.c.pk < decode_cursor(cursor))
        with self._database.read() as connection:
            found = [Verification(*row) for row in connection.execute(query)]
        return Page(found[:limit], encode_cursor(found[limit - 1].pk) if len(found) > limit else None)

    def _check(self, connection: sa.Connection, brand_id: str, status: BrandStatus, right_id: str | None) -> None:
        if right_id is None:
            if status == "verified":
                raise _refused("A brand is verified against a right; name the one you checked.", "required")
            return
        owned = {right.id: right for right in self._rights.of_brand(connection, brand_id)}
        if right_id not in owned:
            raise _refused("This brand has no such right; name one that it has.", "not a right of this brand")
        if status == "verified" and not owned[right_id].in_force(self._clock()):
            raise _refused("This right has run out; a brand is verified against one that is in force.", "has run out")


def _refused(detail: str, message: str) -> Invalid:
    return Invalid(detail, errors=[{"loc": ["body", "right_id"], "msg": message}])
