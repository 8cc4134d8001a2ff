"""The same pictures through what a user would pick instead, side by side with ours in one run.

Each peer works in a process of its own on the same cores, with random weights: its speed is the same, and no hub is
asked. It only embeds the picture; it searches nothing, verifies nothing and stores nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from benchmarks.speed.parts import Bench, Measured, cores, running
from benchmarks.speed.service import ROOT

_LOOPS = {"open_clip eager": "eager", "open_clip ONNX Runtime": "onnx"}


def measure(bench: Bench) -> Measured:
    """Pictures a second of ours and of every peer that runs here; why another does not."""
    with running(bench) as load:
        ours = load.load(seconds=bench.brief)
    rates, reasons = {}, {}
    for name, loop in _LOOPS.items():
        try:
            rates[name] = round(_loop(loop, bench), 2)
        except subprocess.CalledProcessError as error:
            reasons[name] = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return {
        "ours_per_second": round(ours.per_second, 2),
        "per_second": rates,
        "times": {name: round(ours.per_second / rate, 2) for name, rate in rates.items()},
        "not_run": reasons,
    }


def _loop(name: str, bench: Bench) -> float:
    command = [sys.executable, "-m", "benchmarks.speed.loops", name, str(bench.supply), str(bench.brief)]
    environ = {**os.environ, "OMP_NUM_THREADS": str(cores())}
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=environ)
    return float(json.loads(done.stdout.splitlines()[-1]))
