"""The demo from end to end: start the service, fill it, send the listings, hold the answers to the expectations.

Place in the flow: under `brandwarden demo`. Everything goes over HTTP to a service in its own process.
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from service.commands.terminal import progress_bar
from service.demo.client import DemoCallFailed, DemoClient
from service.demo.outcome import Outcome, judge
from service.demo.scenario import BRANDS, DemoBrand, catalogue, listings
from service.demo.server import running_service
from service.report import Entry, make_entry, write_report

TITLE = "Brandwarden demo"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Every outcome in the order of sending, and the seconds it took from the start of the service."""

    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def held(self) -> bool:
        """Whether every expectation held."""
        return all(outcome.held for outcome in self.outcomes)

    def as_json(self) -> dict[str, Any]:
        """The result for programs."""
        rows = [
            {"expected": outcome.expectation, "held": outcome.held, "wrong": list(outcome.wrong), **outcome.result}
            for outcome in self.outcomes
        ]
        return {"held": self.held, "seconds": round(self.seconds, 1), "listings": rows}


def run_demo(console: Console, report: Path) -> DemoResult:
    """Run it all with messages and bars on `console`, and write the report. Raises `ServiceError` when it cannot."""
    started, key = time.monotonic(), secrets.token_urlsafe(24)
    with tempfile.TemporaryDirectory(prefix="brandwarden-demo-") as folder:
        console.print("Starting the service (loads the model) …")
        with running_service(Path(folder), operator_key=key) as url, DemoClient(url, key) as client:
            console.print(f"Ready at {url}")
            for brand in BRANDS:
                _enrol(console, client, brand)
            ingest = client.create_key("ingest", "demo marketplace", marketplace="default")
            outcomes = _send_all(console, client, ingest)
            entries = [_entry(outcome, client) for outcome in outcomes]
    result = DemoResult(tuple(outcomes), time.monotonic() - started)
    write_report(report, TITLE, entries, _facts(result))
    return result


def print_table(console: Console, outcomes: Sequence[Outcome]) -> None:
    """The outcomes as a table: listing, expected, decision, kind, brand, confidence."""
    table = Table(title=TITLE, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("", "listing", "expected", "decision", "kind", "brand"):
        table.add_column(name, overflow="fold")
    table.add_column("confidence", justify="right")
    for outcome in outcomes:
        table.add_row("[green]✓" if outcome.held else "[red]✗", *_cells(outcome))
    console.print(table)
    for outcome in outcomes:
        for wrong in outcome.wrong:
            console.print(f"[red]✗[/] {outcome.listing.listing_id}: {wrong}", highlight=False)


def _enrol(console: Console, client: DemoClient, brand: DemoBrand) -> None:
    brand_id = client.create_brand(brand.name)
    key = client.create_key("brand", f"{brand.name} key", brand_id=brand_id)
    with progress_bar(console) as bar:
        task = bar.add_task(f"Catalogue of {brand.name}", total=None)
        job = client.import_catalogue(
            brand_id, key, catalogue(brand), lambda done, total: bar.update(task, completed=done, total=total or None)
        )
    rows = len(brand.photos) + len(brand.logos)
    if job["state"] != "succeeded" or job["errors"] or job["done"] != rows:
        raise DemoCallFailed(f"The catalogue of {brand.name} was not taken whole: {job}")


def _send_all(console: Console, client: DemoClient, key: str) -> list[Outcome]:
    outcomes = []
    with progress_bar(console) as bar:
        for listing in bar.track(listings(), description="Listings"):
            outcomes.append(judge(listing, *client.send_listing(listing, key)))  # noqa: PERF401  # the bar must live
    return outcomes


def _entry(outcome: Outcome, client: DemoClient) -> Entry:
    return make_entry(
        outcome.result,
        outcome.listing.pictures,
        client.reference_picture,
        title=outcome.listing.title,
        expected=outcome.expectation,
        held=outcome.held,
    )


def _facts(result: DemoResult) -> Mapping[str, str]:
    answer = next((outcome.result for outcome in result.outcomes if "space" in outcome.result), {})
    return {
        "expectations held": f"{sum(o.held for o in result.outcomes)} of {len(result.outcomes)}",
        "photographs": str(sum(len(brand.photos) for brand in BRANDS)),
        "logos": str(sum(len(brand.logos) for brand in BRANDS)),
        "space": str(answer.get("space", "")),
        "calibration": str(answer.get("calibration", "")),
        "seconds": f"{result.seconds:.0f}",
    }


def _cells(outcome: Outcome) -> tuple[str, str, str, str, str, str]:
    best = outcome.best
    if best is None:
        return outcome.listing.listing_id, outcome.expectation, outcome.decision, "", "", ""
    kind, confidence = str(best["kind"]).replace("_", " "), f"{best['confidence']:.2f}"
    return outcome.listing.listing_id, outcome.expectation, outcome.decision, kind, str(best["brand"]), confidence
