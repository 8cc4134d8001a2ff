"""Nulls in SQL: votes read from the scores of listings, versions written once and read by every process.

Owns every statement on the tables of `service.nulls.tables`, but for the scores of a listing, which are written with
it. What was confirmed as infringing or authorised is no vote; neither is what was flagged and nobody has looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from statistics import median
from types import MappingProxyType
from typing import Final

import sqlalchemy as sa

from indexes.database import Database, utc_now
from service.listings.tables import LISTINGS, VERDICTS
from service.nulls.learning import Shift, Vote
from service.nulls.tables import NULL_SCORES, NULL_SHIFTS, NULL_VERSIONS
from service.policies.values import REVIEW_FROM

_MOST_SCORES: Final = 1_000_000
_COLUMNS = tuple(NULL_SHIFTS.c[one.name] for one in fields(Shift))


@dataclass(frozen=True, slots=True)
class Frozen:
    """A version of the nulls: what it was learned with, and every brand's null. An empty id is no version."""

    id: str = ""
    calibration: str = ""
    created_at: datetime | None = None
    votes: int = 0
    nulls: tuple[Shift, ...] = ()
    _shifts: Mapping[tuple[str, str, str], float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        shifts = {(one.marketplace, one.brand_id, one.kind): one.shift for one in self.nulls if one.shift > 0}
        object.__setattr__(self, "_shifts", MappingProxyType(shifts))

    def shift(self, calibration: str, marketplace: str, brand_id: str, kind: str) -> float:
        """Log-odds that a match is lowered by; 0 where another calibration judged."""
        return self._shifts.get((marketplace, brand_id, kind), 0.0) if calibration == self.calibration else 0.0


class NullRecords:
    """The tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def votes(self, calibration: str) -> list[Vote]:
        """One vote of each seller for each brand and kind its listings were compared with under `calibration`."""
        said = sa.select(VERDICTS.c.verdict).where(
            VERDICTS.c.marketplace == LISTINGS.c.marketplace,
            VERDICTS.c.listing_id == LISTINGS.c.listing_id,
            VERDICTS.c.brand_id == NULL_SCORES.c.brand_id,
            VERDICTS.c.kind == NULL_SCORES.c.kind,
        )
        refuted = said.where(VERDICTS.c.verdict == "not_a_match").exists()
        confirmed = said.where(VERDICTS.c.verdict != "not_a_match").exists()
        quiet = sa.or_(NULL_SCORES.c.confidence < REVIEW_FROM, refuted)
        names = (LISTINGS.c.marketplace, NULL_SCORES.c.brand_id, NULL_SCORES.c.kind)
        query = (
            sa.select(*names, LISTINGS.c.seller_id, NULL_SCORES.c.log_odds)
            .join(LISTINGS, LISTINGS.c.pk == NULL_SCORES.c.listing_pk)
            .where(LISTINGS.c.calibration == calibration, quiet, ~confirmed)
            .order_by(LISTINGS.c.pk.desc())
            .limit(_MOST_SCORES)
        )
        sellers: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
        with self._database.read() as connection:
            for row in connection.execute(query):
                sellers[row.marketplace, row.brand_id, row.kind, row.seller_id or ""].append(row.log_odds)
        return [Vote(*key[:3], median(scores)) for key, scores in sorted(sellers.items())]

    def newest(self) -> Frozen:
        """The version in force; an empty one before the first."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(NULL_VERSIONS).order_by(NULL_VERSIONS.c.pk.desc()).limit(1)).first()
            if row is None:
                return Frozen()
            of = sa.select(*_COLUMNS).where(NULL_SHIFTS.c.version_pk == row.pk)
            nulls = tuple(Shift(**null._mapping) for null in connection.execute(of.order_by(*_COLUMNS[:3])))
        return Frozen(row.id, row.calibration, row.created_at, row.votes, nulls)

    def newest_id(self) -> str:
        """Its id alone, empty before the first."""
        with self._database.read() as connection:
            query = sa.select(NULL_VERSIONS.c.id).order_by(NULL_VERSIONS.c.pk.desc()).limit(1)
            return connection.scalar(query) or ""

    def add(self, calibration: str, votes: int, nulls: Sequence[Shift]) -> Frozen:
        """Freeze a version. Where the one in force says the same, that one stays."""
        made = version_of(calibration, nulls)
        if self.newest_id() != made:
            # the id counts the version too, so that going back to an earlier state is a version of its own
            with self._database.write() as connection:
                number = (connection.scalar(sa.select(sa.func.max(NULL_VERSIONS.c.pk))) or 0) + 1
                known = connection.scalar(sa.select(NULL_VERSIONS.c.pk).where(NULL_VERSIONS.c.id == made))
                name = made if known is None else f"{made}_{number}"
                values = {"id": name, "calibration": calibration, "votes": votes, "created_at": utc_now()}
                pk = connection.scalar(sa.insert(NULL_VERSIONS).values(**values).returning(NULL_VERSIONS.c.pk))
                rows = [{"version_pk": pk, **asdict(null)} for null in nulls]
                if rows:
                    connection.execute(sa.insert(NULL_SHIFTS), rows)
        return self.newest()


def version_of(calibration: str, nulls: Iterable[Shift]) -> str:
    """The id of a version: a hash of what it says."""
    content = json.dumps([calibration, [asdict(null) for null in nulls]], sort_keys=True)
    return "nul_" + hashlib.sha256(content.encode()).hexdigest()[:12]
