"""Many open cases: how long a page of them takes, and moving one.

`fill` makes them as judging would, without pictures or a model, for whoever measures something that shows them.
Listings come in groups that show the same picture, as sellers' copies do.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from fastapi.testclient import TestClient

from benchmarks.machine import Figures, Targets
from indexes.brands import Brand
from indexes.database import utc_now
from service.app import create_app
from service.listings.tables import LISTING_IMAGES, LISTING_MATCHES, LISTINGS
from service.listings.values import ImageResult, ListedMatch, ListingInput, ListingResult
from service.runtime import Runtime
from service.sessions import COOKIE
from service.settings import Settings
from vision.boxes import WHOLE

TARGETS: Targets = {
    "desk_p95_ms": ("<=", 200),
    "task_p95_ms": ("<=", 200),
    "tasks_of_one_picture": ("<=", 1),
    "list_p95_ms": ("<=", 200),
    "filtered_p95_ms": ("<=", 200),
    "move_p95_ms": ("<=", 200),
}
_COPIES = 500
_KEY = "bw_operator_benchmark"
_REQUESTS = 60
_AT_ONCE = 500
_REVISIONS = 1_000_000_000  # far above those that judging counts up
_SAME = ("listing_id", "marketplace", "seller_id", "title", "url", "gtin", "category", "listed_at")
_OF_MATCH = ("id", "kind", "brand_id", "reference_id", "external_id", "image_index", "confidence", "score")
_DECIDED = ("suppressed_by", "decision", "policy_version", "proof_required", "null_shift")


def fill(runtime: Runtime, brand: Brand, count: int, *, copies: int = 500) -> list[str]:
    """Open `count` cases of `brand`, `copies` of which at a time show one picture; their ids."""
    ids: list[str] = []
    for start in range(0, count, _AT_ONCE):
        results = [_result(brand, number, copies) for number in range(start, min(start + _AT_ONCE, count))]
        with runtime.database.write() as connection:
            _insert_listings(connection, results)
            for result in results:
                ids.extend(runtime.cases.open_for(connection, result).values())
    return ids


def measure(count: int) -> Figures:
    """Figures of the calls on `count` open cases, from inside the process: no network, one caller."""
    with tempfile.TemporaryDirectory(prefix="brandwarden-cases-") as folder:
        runtime = Runtime.open(Settings(data_dir=Path(folder), operator_key=_KEY))
        try:
            started = time.perf_counter()
            flooded = fill(runtime, runtime.brands.create("Flooded"), min(count, _COPIES), copies=_COPIES)
            ids = [*flooded, *fill(runtime, runtime.brands.create("Acme"), count - len(flooded), copies=1)]
            filled = time.perf_counter() - started
            with TestClient(create_app(runtime.settings, runtime=runtime)) as client:
                client.headers["Authorization"] = f"Bearer {_KEY}"
                tasks = {runtime.desk.task_of(case_id) for case_id in flooded}
                figures = {"cases": count, "fill_seconds": filled, "tasks_of_one_picture": len(tasks)}
                return {**figures, **_look(client, runtime, tasks), **_ask(client, ids)}
        finally:
            runtime.close()


def _look(client: TestClient, runtime: Runtime, tasks: set[str | None]) -> Figures:
    """The pages of a reviewer: the queue of every task, and the task of the flood."""
    started = runtime.sessions.start(_KEY)
    if started is None:
        raise RuntimeError("the operator's key opened no session")
    cookie = {"Cookie": f"{COOKIE}={started[0]}"}
    task = next(iter(tasks))
    return {
        "desk_p95_ms": _p95(lambda _: client.get("/desk", headers=cookie)),
        "task_p95_ms": _p95(lambda _: client.get(f"/desk/tasks/{task}", headers=cookie)),
    }


def _ask(client: TestClient, ids: Sequence[str]) -> Figures:
    deed = {"action": "hold", "reason": "because", "evidence_version": 1}
    step = max(1, len(ids) // _REQUESTS)
    return {
        "list_p95_ms": _p95(lambda _: client.get("/v1/cases", params={"limit": 50})),
        "filtered_p95_ms": _p95(lambda _: client.get("/v1/cases", params={"state": "open", "kind": "stolen_photo"})),
        "one_p95_ms": _p95(lambda turn: client.get(f"/v1/cases/{ids[turn * step % len(ids)]}")),
        "move_p95_ms": _p95(lambda turn: client.post(f"/v1/cases/{ids[turn * step % len(ids)]}/actions", json=deed)),
    }


def _p95(call: Callable[[int], Any]) -> float:
    seconds = []
    for turn in range(_REQUESTS):
        started = time.perf_counter()
        call(turn).raise_for_status()
        seconds.append(time.perf_counter() - started)
    return float(np.percentile(seconds, 95) * 1000)


def _result(brand: Brand, number: int, copies: int) -> ListingResult:
    picture = hashlib.sha256(b"%d" % (number // copies)).hexdigest()
    match = ListedMatch(
        id=f"mat_{brand.pk}_{number:06d}",
        kind="stolen_photo" if number // copies % 5 else "logo_use",
        brand_id=brand.id,
        brand=brand.name,
        reference_id=f"ref_benchmark_{number // copies}",
        external_id=f"SKU-{number // copies}",
        image_index=0,
        confidence=0.5 + number % 50 / 100,
        score=0.5 + number % 50 / 100,
        box=WHOLE,
        reference_box=WHOLE,
        reasons=("the same photograph",),
        decision="review",
        because=("confidence of 0.50 or more",),
    )
    name = f"C-{brand.pk}-{number}"
    return ListingResult(
        listing=ListingInput(name, (), seller_id=f"s-{number % 997}", title=f"Listing {number}"),
        decision="review",
        matches=(match,),
        images=(ImageResult(0, 800, 800, sha256=picture),),
        space="spc_benchmark",
        index_generation=1,
        calibration="benchmark",
        nulls="",
        elapsed_ms=10,
        evidence_version=1,
        judged_at=utc_now(),
    )


def _insert_listings(connection: sa.Connection, results: Sequence[ListingResult]) -> None:
    """The rows that judging would have written, in a few statements."""
    last = max(connection.scalar(sa.select(sa.func.max(LISTINGS.c.revision))) or 0, _REVISIONS)
    made = sa.insert(LISTINGS).returning(LISTINGS.c.pk, sort_by_parameter_order=True)
    pks = connection.scalars(made, [_listing(result, last + n) for n, result in enumerate(results, 1)]).all()
    pairs = list(zip(pks, results, strict=True))
    connection.execute(
        sa.insert(LISTING_IMAGES),
        [
            {"listing_pk": pk, "position": 0, "width": 800, "height": 800, "kept": True, "sha256": image.sha256}
            for pk, result in pairs
            for image in result.images
        ],
    )
    matches = [{"listing_pk": pk, **_match(match)} for pk, result in pairs for match in result.matches]
    connection.execute(sa.insert(LISTING_MATCHES), matches)


def _listing(result: ListingResult, revision: int) -> dict[str, Any]:
    names = ("decision", "space", "index_generation", "calibration", "nulls", "elapsed_ms", "judged_at")
    same = {name: getattr(result.listing, name) for name in _SAME}
    made = {name: getattr(result, name) for name in (*names, "evidence_version")}
    return {**same, **made, "territories": [], "revision": revision}


def _match(match: ListedMatch) -> dict[str, Any]:
    boxes = {"box": match.box.as_list(), "reference_box": match.reference_box.as_list()}
    words = {"reasons": list(match.reasons), "because": list(match.because), "features": {}}
    return {name: getattr(match, name) for name in (*_OF_MATCH, *_DECIDED)} | boxes | words
