"""Recall of the demo: every edit family found, nothing else flagged, through the service as a real process."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.machine import Figures, Targets
from service.demo.run import run_demo

TARGETS: Targets = {"expectations_held_share": (">=", 1.0), "demo_seconds": ("<=", 180.0)}


def measure() -> Figures:
    """Run the demo once; the share of its expectations that held, and which did not."""
    with tempfile.TemporaryDirectory() as folder:
        result = run_demo(Console(quiet=True), Path(folder) / "report.html")
    missed = [outcome.listing.listing_id for outcome in result.outcomes if not outcome.held]
    return {
        "listings": len(result.outcomes),
        "expectations_held_share": 1 - len(missed) / len(result.outcomes),
        "missed": ", ".join(missed),
        "demo_seconds": round(result.seconds, 1),
    }
