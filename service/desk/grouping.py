"""Which task a new case belongs to: the one whose picture is near-identical to the listing's, or a new one.

Place in the flow: a `Watcher` of cases, in the transaction that opens one. Five hundred listings with the same
picture are one decision for a person. Only tasks of the same marketplace, brand and kind are compared, the newest
ones, so that opening a case costs the same in a flood.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import sqlalchemy as sa

from indexes.ids import new_id
from service.cases.tables import CASES
from service.cases.values import Case, Entry
from service.desk.tables import DESK_TASK_CASES, DESK_TASKS
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS
from service.listings.vectors import pack, unpack_whole

NEAR: Final = 0.88
"""Similarity of whole pictures from which two are one: recompressed, resized and trimmed copies of photographs
measured 0.89 to 1.00 with the shipped model, different garments on the same floor at most 0.82."""
_COMPARED: Final = 200
_MOST_PRICE: Final = 1e9
_REMOVED: Final = ("taken_down", "upheld")
_MOST_REMOVED: Final = 5


class Grouping:
    """Puts every case that opens to its task."""

    def moved(self, connection: sa.Connection, case: Case, entry: Entry) -> None:
        """Nothing happens but for the entry that opens the case."""
        if entry.source is not None:
            return
        shown = connection.execute(_shown(case)).one_or_none()
        task_pk = _join(connection, case, shown) or _begin(connection, case, shown)
        price = shown.price_amount if shown is not None else None
        row = {"case_pk": case.pk, "task_pk": task_pk, "harm": harm(price, _removed(connection, case))}
        connection.execute(sa.insert(DESK_TASK_CASES).values(row))


def harm(price: str | None, removed: int) -> float:
    """How much a case matters: the price in its own currency, in tens, and what else of the seller was removed."""
    try:
        amount = min(_MOST_PRICE, max(0.0, float(price or 0)))
    except ValueError:
        amount = 0.0
    amount = amount if math.isfinite(amount) else 0.0
    return (1 + math.log10(1 + amount)) * (1 + min(removed, _MOST_REMOVED) / _MOST_REMOVED)


def _shown(case: Case) -> sa.Select[Any]:
    """The listing's picture that the match is in."""
    on = sa.and_(
        LISTING_IMAGES.c.listing_pk == LISTING_MATCHES.c.listing_pk,
        LISTING_IMAGES.c.position == LISTING_MATCHES.c.image_index,
    )
    columns = (LISTINGS.c.price_amount, LISTINGS.c.space, LISTING_IMAGES.c.sha256)
    vectors = (LISTING_IMAGES.c.photo_vectors, LISTING_IMAGES.c.regions)
    joined = sa.join(LISTING_MATCHES, LISTINGS, LISTINGS.c.pk == LISTING_MATCHES.c.listing_pk)
    query = sa.select(*columns, *vectors).select_from(joined.outerjoin(LISTING_IMAGES, on))
    return query.where(LISTING_MATCHES.c.id == case.match_id)


def _join(connection: sa.Connection, case: Case, shown: sa.Row[Any] | None) -> int | None:
    if shown is None or shown.sha256 is None:
        return None
    query = (
        sa.select(DESK_TASKS.c.pk, DESK_TASKS.c.image_sha256, DESK_TASKS.c.space, DESK_TASKS.c.vector)
        .where(DESK_TASKS.c.brand_id == case.brand_id, DESK_TASKS.c.kind == case.kind)
        .where(DESK_TASKS.c.marketplace == case.marketplace)
        .order_by(DESK_TASKS.c.pk.desc())
        .limit(_COMPARED)
    )
    tasks = connection.execute(query).all()
    same = next((task.pk for task in tasks if task.image_sha256 == shown.sha256), None)
    if same is not None:
        return int(same)
    return _nearest(tasks, shown)


def _nearest(tasks: list[sa.Row[Any]] | Any, shown: sa.Row[Any]) -> int | None:
    asked = unpack_whole(shown.photo_vectors, shown.regions)
    known = [task for task in tasks if task.vector is not None and task.space == shown.space]
    if asked is None or not known:
        return None
    vectors = np.stack([np.frombuffer(task.vector, np.float16) for task in known]).astype(np.float32)
    similarities = vectors @ asked
    best = int(similarities.argmax())
    return int(known[best].pk) if similarities[best] >= NEAR else None


def _begin(connection: sa.Connection, case: Case, shown: sa.Row[Any] | None) -> int:
    whole = unpack_whole(shown.photo_vectors, shown.regions) if shown is not None else None
    row = {
        "id": new_id("tsk"),
        "marketplace": case.marketplace,
        "brand_id": case.brand_id,
        "kind": case.kind,
        "image_sha256": shown.sha256 if shown is not None else None,
        "space": shown.space if shown is not None else "",
        "vector": pack(whole) if whole is not None else None,
    }
    return int(connection.execute(sa.insert(DESK_TASKS).values(row).returning(DESK_TASKS.c.pk)).scalar_one())


def _removed(connection: sa.Connection, case: Case) -> int:
    if case.seller_id is None:
        return 0
    of_seller = sa.and_(CASES.c.marketplace == case.marketplace, CASES.c.seller_id == case.seller_id)
    counted = sa.select(sa.func.count()).select_from(CASES).where(of_seller, CASES.c.state.in_(_REMOVED))
    return int(connection.scalar(counted) or 0)
