"""What machine a figure was measured on, and how figures are written down."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

Figures: TypeAlias = Mapping[str, object]
"""What was measured, by name, units in the name."""

Targets: TypeAlias = Mapping[str, tuple[str, float]]
"""`(sign, limit)` for the figures that have a target; the sign is `<=` or `>=`."""

RESULTS = Path(__file__).parent / "results"


def describe_machine() -> dict[str, str | int]:
    """Name of the processor, cores, memory and the versions that decide speed."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "cpu": cpu,
        "cores": os.cpu_count() or 0,
        "memory_gib": round(memory / 2**30),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "faiss-cpu", "pillow", "fastapi", "uvicorn")},
    }


def met(figures: Figures, targets: Targets) -> dict[str, bool]:
    """Which targets the figures meet, by name; a figure that is missing or no number is an error."""
    measured = {name: float(str(figures[name])) for name in targets}
    return {
        name: measured[name] <= limit if sign == "<=" else measured[name] >= limit
        for name, (sign, limit) in targets.items()
    }


def write_result(name: str, figures: Figures, targets: Targets) -> Path:
    """Write `figures` with targets, machine and time to `benchmarks/results/<name>.json`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "figures": figures,
        "targets": {key: f"{sign} {limit:g}" for key, (sign, limit) in targets.items()},
        "met": met(figures, targets),
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def percentile(values: list[float], share: float) -> float:
    """The smallest value with at least `share` of all values at or below it (nearest rank)."""
    ordered = sorted(values)
    rank = math.ceil(share * len(ordered))
    return ordered[max(rank, 1) - 1]
