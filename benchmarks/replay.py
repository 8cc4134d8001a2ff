"""What trying a policy on 100,000 stored results costs, on SQLite and on PostgreSQL.

Synthetic results go straight into the tables: listings of four marketplaces with prices and categories, one match in
six of another brand in between, a verdict on every twentieth. The brand has rights, authorisations and a policy with
rules for proof, so that a ruling has everything to look at. Run it with `python -m benchmarks replay`; PostgreSQL is
left out where its programs are missing.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.machine import Figures, Targets
from indexes.brands import Brands
from indexes.database import Database, utc_now
from service.authorised import Authorised, NewAuthorisation
from service.listings.tables import LISTING_MATCHES, LISTINGS, VERDICTS
from service.marketplaces import Marketplaces
from service.policies import Draft, Policies, ProofRule, Rule
from service.policies.trials import Trials
from service.rights import NewRight, Rights
from service.standing import Standings
from tests import postgres

TARGETS: Targets = {"replay_seconds": ("<=", 10.0)}
_PLACES = ("default", "shop", "bazaar", "market")
_BATCH = 2_000
_PROPOSED = Draft(
    (
        Rule("stolen_photo", hold=0.8, takedown=0.95),
        Rule("logo_use", hold=0.9),
        Rule("logo_use", "shop", monitor=0.3, review=0.6, hold=0.85, takedown=0.97),
    ),
    (ProofRule("Shoes"), ProofRule(None, Decimal(150), "EUR"), ProofRule("Bags", Decimal(80))),
)


def measure(results: int = 100_000) -> Figures:
    """Fill and try on every database there is; `replay_seconds` is the slowest."""
    with tempfile.TemporaryDirectory(prefix="bw-bench-") as name:
        figures = _figures("sqlite", f"sqlite:///{Path(name) / 'bench.db'}", results)
    cluster = postgres.start()
    if cluster is not None:
        try:
            figures |= _figures("postgresql", cluster.create_database(), results)
        finally:
            cluster.stop()
    slowest = max(value for name, value in figures.items() if name.endswith("_replay_seconds"))
    return {"results": results, **figures, "replay_seconds": slowest}


def _figures(name: str, url: str, results: int) -> dict[str, float]:
    database = Database(url)
    database.create_all()
    policies = Policies(database, Rights(database), Authorised(database), Standings(database))
    brand = _fill(database, results)
    trials = Trials(database, policies)
    seconds, cores = [], []
    for _ in range(3):
        started, worked = time.perf_counter(), time.process_time()
        replay = trials.replay(brand, _PROPOSED)
        seconds.append(time.perf_counter() - started)
        cores.append(time.process_time() - worked)
        assert replay.after.decisions.total() == results
    database.close()
    return {f"{name}_replay_seconds": sorted(seconds)[1], f"{name}_core_seconds": sorted(cores)[1]}


def _fill(database: Database, results: int) -> str:
    brands, marketplaces = Brands(database), Marketplaces(database)
    marketplaces.ensure_default()
    for slug in _PLACES[1:]:
        marketplaces.create(slug, slug, territories=["EU"])
    mine, other = brands.create("Mine").id, brands.create("Other").id
    for code in ("DE", "FR", "US"):
        Rights(database).add(mine, NewRight("trademark", "MINE", "Mine", territories=(code,)), created_by="bench")
    Rights(database).add(mine, NewRight("copyright", "Photos", "Mine", territories=("EU",)), created_by="bench")
    for number in range(500):
        Authorised(database).add(mine, NewAuthorisation(seller_id=f"s-{number}"), created_by="bench")
    Policies(database, Rights(database), Authorised(database), Standings(database)).put(mine, _PROPOSED, by="bench")
    for batch in _batches(results, mine, other):
        with database.write() as connection:
            for table, rows in batch.items():
                if rows:
                    connection.execute(sa.insert(table), rows)
    with database.write() as connection:
        connection.execute(sa.text("ANALYZE"))
    return mine


def _batches(results: int, mine: str, other: str) -> Iterator[dict[sa.Table, list[dict[str, Any]]]]:
    chance, now = random.Random(3), utc_now()  # noqa: S311 - the same numbers every time
    for first in range(0, results, _BATCH):
        listings, matches, verdicts = [], [], []
        for number in range(first, min(first + _BATCH, results)):
            listing = _listing(number, chance, now - timedelta(minutes=results - number))
            listings.append(listing)
            matches.append(_match(number, mine, listing, chance))
            if number % 6 == 0:
                matches.append(_match(results + number, other, listing, chance))
            if number % 20 == 0:
                verdicts.append(_verdict(matches[-1], listing, chance))
        yield {LISTINGS: listings, LISTING_MATCHES: matches, VERDICTS: verdicts}


def _listing(number: int, chance: random.Random, judged_at: Any) -> dict[str, Any]:
    return {
        "pk": number + 1,
        "marketplace": chance.choice(_PLACES),
        "listing_id": f"L-{number}",
        "seller_id": f"s-{chance.randrange(5_000)}",
        "title": "A listing",
        "url": f"https://shop.example/{number}",
        "price_amount": str(chance.randrange(5, 400)),
        "price_currency": "EUR",
        "gtin": None,
        "category": chance.choice(["Shoes > Boots", "Bags", "Toys", None]),
        "territories": chance.choice([["EU"], ["DE", "FR"], ["US"], []]),
        "listed_at": None,
        "decision": "review",
        "evidence_version": 1,
        "space": "spc",
        "index_generation": 1,
        "calibration": "cal",
        "nulls": "",
        "elapsed_ms": 30,
        "judged_at": judged_at,
        "revision": number + 1,
    }


def _match(number: int, brand_id: str, listing: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    confidence = chance.uniform(0.05, 1.0)
    return {
        "id": f"mat_{number}",
        "listing_pk": listing["pk"],
        "image_index": 0,
        "kind": chance.choice(["stolen_photo", "logo_use"]),
        "brand_id": brand_id,
        "reference_id": f"ref_{brand_id}",
        "external_id": None,
        "confidence": confidence,
        "score": confidence,
        "box": [0, 0, 1, 1],
        "reference_box": [0, 0, 1, 1],
        "reasons": ["the same photograph"],
        "features": {"agreement": confidence},
        "null_shift": 0.0,
        "suppressed_by": None,
        "negative_id": None,
        "decision": "review" if confidence >= 0.5 else "monitor" if confidence >= 0.2 else "clear",
        "policy_version": 0,
        "proof_required": False,
        "because": [],
        "case_id": None,
    }


def _verdict(match: dict[str, Any], listing: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    same = ("image_index", "kind", "brand_id", "reference_id", "confidence", "score")
    return {
        "id": f"ver_{match['id']}",
        "match_id": match["id"],
        "verdict": chance.choice(["infringing", "infringing", "authorised", "not_a_match"]),
        "note": None,
        "marketplace": listing["marketplace"],
        "listing_id": listing["listing_id"],
        **{name: match[name] for name in same},
        "image_sha256": None,
        "space": "spc",
        "calibration": "cal",
        "given_by": "bench",
        "created_at": listing["judged_at"],
    }
