"""The log of changes that the vector indexes follow, strictly ordered, in the same transaction as the change.

Owns the tables `counters` and `index_ops`. An entry names what changed, not how: whoever replays it reads the present
state from SQL, so replaying twice, or in one go, gives the same index. Taking the next generation locks its row until
the commit, so generations become visible in order on PostgreSQL too. Does not touch an index.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import sqlalchemy as sa

from indexes.database import METADATA, Database, UtcDateTime, utc_now

COUNTERS = sa.Table(
    "counters",
    METADATA,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

INDEX_OPS = sa.Table(
    "index_ops",
    METADATA,
    sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("brand_pk", sa.BigInteger, nullable=False),
    sa.Column("reference_pk", sa.BigInteger),  # no foreign key: the entry outlives the row
    sa.Column("space", sa.String(80)),  # the one space whose vectors changed; null: every space
    sa.Column("created_at", UtcDateTime, nullable=False),
)

_GENERATION = "index"
_STANDING = "standing"
_FLOOR = "index_floor"
CATALOGUE = "catalogue"
"""Name of the counter that tells databases apart; whoever copies a database leaves it behind."""

_ADVANCE = sa.text(
    "INSERT INTO counters (name, value) VALUES (:name, :count) "
    "ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value RETURNING value"
)
_RAISE = sa.text(
    "INSERT INTO counters (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counters.value < excluded.value"
)
_KEEP = sa.text("INSERT INTO counters (name, value) VALUES (:name, :value) ON CONFLICT (name) DO NOTHING")


@dataclass(frozen=True, slots=True)
class Change:
    """One reference changed, or (`reference_pk` None) everything of one brand went; in one `space`, or in all."""

    brand_pk: int
    reference_pk: int | None
    space: str | None = None


def record(connection: sa.Connection, changed: Sequence[Change]) -> int:
    """Log `changed` in the transaction of `connection`, each under its own generation; returns the last one.

    Call it last in the transaction: it holds every other writer off until the commit.
    """
    last = connection.execute(_ADVANCE, {"name": _GENERATION, "count": len(changed)}).scalar_one()
    now = utc_now()
    rows = [
        {"generation": generation, **asdict(entry), "created_at": now}
        for generation, entry in enumerate(changed, start=last - len(changed) + 1)
    ]
    if rows:
        connection.execute(sa.insert(INDEX_OPS), rows)
    return int(last)


@dataclass(frozen=True, slots=True)
class Version:
    """What every search of the catalogue depends on: the generation of its vectors, and the standing of its rows."""

    generation: int
    standing: int


def touch(connection: sa.Connection) -> None:
    """Say in the transaction of `connection` that searches may now answer differently though no vector changed."""
    connection.execute(_ADVANCE, {"name": _STANDING, "count": 1})


class Changes:
    """Reading and trimming the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def generation(self) -> int:
        """The generation of the newest committed change; 0 before the first."""
        return self._value(_GENERATION)

    def version(self) -> Version:
        """What searches depend on, as it is committed now."""
        query = sa.select(COUNTERS.c.name, COUNTERS.c.value).where(COUNTERS.c.name.in_((_GENERATION, _STANDING)))
        with self._database.read() as connection:
            values = {row.name: int(row.value) for row in connection.execute(query)}
        return Version(values.get(_GENERATION, 0), values.get(_STANDING, 0))

    def floor(self) -> int:
        """Entries up to this generation may be gone: an index older than it cannot be brought up to date by replay."""
        return self._value(_FLOOR)

    def catalogue(self) -> int:
        """A number drawn once for this database, by which a snapshot of another one is told apart."""
        if found := self._value(CATALOGUE):
            return found
        with self._database.write() as connection:
            connection.execute(_KEEP, {"name": CATALOGUE, "value": secrets.randbits(62) + 1})
        return self._value(CATALOGUE)

    def since(
        self, generation: int, limit: int = 20_000, *, space: str | None = None
    ) -> tuple[int, list[Change]] | None:
        """At most `limit` changes after `generation` in order, and the generation of the last of them.

        With `space` those that concern other spaces alone are left out, and still counted. None when the log no longer
        reaches back so far: then only a rebuild brings an index up to date.
        """
        columns = (INDEX_OPS.c.generation, INDEX_OPS.c.brand_pk, INDEX_OPS.c.reference_pk, INDEX_OPS.c.space)
        query = sa.select(*columns).where(INDEX_OPS.c.generation > generation)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(INDEX_OPS.c.generation).limit(limit)).all()
        if generation < self.floor():  # asked after the read: a trim in between is noticed
            return None
        last = int(rows[-1].generation) if rows else generation
        found = [Change(row.brand_pk, row.reference_pk, row.space) for row in rows]
        return last, [change for change in found if space is None or change.space in (None, space)]

    def trim(self, generation: int) -> int:
        """Delete entries up to `generation`, raising the floor in the same transaction; returns how many went."""
        with self._database.write() as connection:
            connection.execute(_RAISE, {"name": _FLOOR, "value": generation})
            gone = connection.execute(sa.delete(INDEX_OPS).where(INDEX_OPS.c.generation <= generation))
            return gone.rowcount

    def _value(self, name: str) -> int:
        with self._database.read() as connection:
            return connection.scalar(sa.select(COUNTERS.c.value).where(COUNTERS.c.name == name)) or 0
