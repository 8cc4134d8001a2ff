"""`python -m benchmarks speed`: run the parts, keep what they measured, show it beside the goals.

Each part is kept as soon as it is over, so that a run that was stopped can be gone on with and one part measured
again (`--only`). Ends with 1 when a goal of a part that ran is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.machine import RESULTS, describe_machine
from benchmarks.pictures import source_name
from benchmarks.speed import catalogue, decoding, inside, parts, peers, plots, report
from benchmarks.speed.goals import judge

_PARTS: dict[str, Callable[[parts.Bench], parts.Measured]] = {
    "decoding": decoding.measure,
    "cold": parts.measure_cold,
    "idle": parts.measure_idle,
    "sustained": parts.measure_sustained,
    "paced": parts.measure_paced,
    "overload": parts.measure_overload,
    "corrupt": parts.measure_corrupt,
    "large": parts.measure_large,
    "inside": inside.measure,
    "peers": peers.measure,
    "mixed": parts.measure_mixed,
}
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "brandwarden-speed"


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; 0 when every goal of it was met."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no service is left behind
    console = Console()
    results = RESULTS / f"speed-{options.references}"
    results.mkdir(parents=True, exist_ok=True)
    kept_in = results / "speed.json"
    console.print("catalogue and pictures ...")
    entries = max(300, round(240 * options.minutes))
    folder, supply = catalogue.prepare(options.cache.absolute(), options.references, entries)
    bench = parts.Bench(
        folder,
        supply,
        options.references,
        options.minutes,
        options.brief,
        options.connections,
        options.mixed,
        options.peers.absolute(),
        entries,
    )
    wanted = options.only or list(_PARTS)
    for name in wanted:
        console.print(f"{name} ...", highlight=False)
        load, started = os.getloadavg()[0], time.monotonic()
        try:
            measured = _PARTS[name](bench)
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:  # the other parts say what they say
            measured = {"failed": f"{type(error).__name__}: {error}"}
        kept = _read(kept_in)
        kept["parts"][name] = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "references": options.references,
            "took_seconds": round(time.monotonic() - started, 1),
            "load_average": [round(load, 2), round(os.getloadavg()[0], 2)],
            **measured,
        }
        kept.update(machine=describe_machine(), pictures=source_name())
        kept_in.write_text(json.dumps(kept, indent=1) + "\n")
        console.print(report.table(name, kept["parts"][name]))
        console.print(report.goals([one for one in judge(kept["parts"]) if name in one.goal.needs]))
    kept = _read(kept_in)
    verdicts = judge(kept["parts"])
    (results / "speed.md").write_text(report.markdown(kept, verdicts))
    plots.draw(kept["parts"], results)
    console.print(report.goals(verdicts))
    ran = [verdict for verdict in verdicts if set(verdict.goal.needs) & set(wanted)]
    return 0 if all(verdict.met for verdict in ran) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks speed", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(_PARTS), help="parts to measure (default: all)")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long the sustained load lasts")
    parser.add_argument("--brief", type=float, default=60.0, help="seconds of every other load")
    parser.add_argument("--references", type=int, default=100_000, help="references in the catalogue")
    parser.add_argument("--connections", type=int, default=8, help="requests under way at a time")
    parser.add_argument("--mixed", type=int, default=100_000, help="listings of mixed sizes")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="where catalogues are kept, to be used again")
    parser.add_argument("--peers", type=Path, default=Path("build/peers"), help="where peers are installed")
    return parser


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.is_file() else {"parts": {}}
