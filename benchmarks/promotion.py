"""A model exchanged under traffic: gate, promotion with a shadow, rollback, while listings keep coming over HTTP.

`brandwarden serve` runs as a real process with the shipped model, and `brandwarden-train` is called as a person calls
it. The candidate is the shipped model with every vector turned the same way: as good, and another space, so each
reference has to be embedded again. A listing that got no answer but 200 is counted as failed.
"""

from __future__ import annotations

import csv
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path

import httpx
import numpy as np

from benchmarks.machine import Figures, Targets, percentile
from benchmarks.pictures import photographs, source_name
from benchmarks.speed.service import serving
from training.fit.beginning import orthogonal
from training.packages import PackageCopies
from vision.embedders import DEFAULT_MODEL, model_directory
from vision.embedders.sidecar import Projection, read_sidecar, write_sidecar
from vision.images import encode_jpeg

TARGETS: Targets = {"listings_failed": ("<=", 0), "spaces_that_answered": (">=", 2), "commands_failed": ("<=", 0)}
SHADOW_SECONDS = 12
QUESTIONS = 16


@dataclass
class Traffic:
    """Listings sent one after another until told to stop: how each ended, how long it took, which space answered."""

    url: str
    key: str
    pictures: list[bytes]
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    spaces: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def flowing(self, senders: int = 2) -> Iterator[None]:
        """Traffic from as many connections while the block runs."""
        stop = threading.Event()
        threads = [threading.Thread(target=self._send, args=(number, stop)) for number in range(senders)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _send(self, sender: int, stop: threading.Event) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=120) as client:
            for number, picture in enumerate(cycle(self.pictures[sender:] + self.pictures[:sender])):
                if stop.is_set():
                    return
                self._judge(client, f"life-{sender}-{number}", picture)

    def _judge(self, client: httpx.Client, listing_id: str, picture: bytes) -> None:
        started = time.perf_counter()
        try:
            answer = client.post(
                "/v1/listings",
                data={"listing": f'{{"listing_id": "{listing_id}"}}'},
                files={"images": ("a.jpg", picture, "image/jpeg")},
            )
        except httpx.HTTPError:
            self.statuses[0] += 1
            return
        self.seconds.append(time.perf_counter() - started)
        self.statuses[answer.status_code] += 1
        if answer.status_code == httpx.codes.OK:
            self.spaces[answer.json()["space"]] += 1


def turned(directory: Path, seed: int = 5) -> Path:
    """The shipped model with both heads turned by a random rotation: the same similarities in a space of its own."""
    shipped = model_directory(DEFAULT_MODEL)
    sidecar = None if shipped is None else read_sidecar(shipped)
    if shipped is None or sidecar is None:
        raise RuntimeError("the shipped model is not installed")
    shutil.copytree(shipped, directory, ignore=shutil.ignore_patterns("background*", "brandwarden_texts*"))
    random = np.random.default_rng(seed)
    write_sidecar(directory, replace(sidecar, photo=_turn(sidecar.photo, random), logo=_turn(sidecar.logo, random)))
    return directory


def _turn(head: Projection, random: np.random.Generator) -> Projection:
    size = len(head.matrix)
    return replace(head, matrix=np.asarray(orthogonal(random, size, size) @ head.matrix, np.float32))


def frozen_set(folder: Path) -> Path:
    """A table of references, copies of them and pictures of nobody's, for a gate that takes a minute."""
    protocol = PackageCopies(QUESTIONS)
    rows = [(one.name, one.answer, "reference", one.data) for one in protocol.galleries()["all"]]
    asked = [protocol.question(number) for number in range(len(protocol))]
    rows += [(f"asked-{n}", one.answer or "", "query", one.data) for n, one in enumerate(asked)]
    folder.mkdir()
    with (folder / "set.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image", "label", "split"])
        for name, label, split, data in rows:
            (folder / f"{name}.img").write_bytes(data)
            table.writerow([f"{name}.img", label, split])
    return folder / "set.csv"


@dataclass
class Steps:
    """Runs `brandwarden-train` as a person does, and keeps what each call took and said."""

    key: str
    log: Path
    seconds: dict[str, float] = field(default_factory=dict)
    failed: int = 0
    said: str = ""

    def take(self, name: str, *arguments: str) -> None:
        """One command; its output goes to the log."""
        started = time.perf_counter()
        environ = {**os.environ, "BRANDWARDEN_KEY": self.key}
        done = subprocess.run(
            [sys.executable, "-m", "training", *arguments], env=environ, capture_output=True, text=True, check=False
        )
        self.seconds[name] = time.perf_counter() - started
        self.failed += bool(done.returncode)
        self.said = done.stdout
        said = f"{done.stdout}{done.stderr}ended with {done.returncode}"
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"$ brandwarden-train {' '.join(arguments)}\n{said}\n\n")


def measure(references: int = 60, candidate: str | None = None, gate: Path | None = None) -> Figures:
    """The whole way and back. `candidate` and `gate` are another model and the report that it passed, if any."""
    key = f"bench-{secrets.token_hex(16)}"
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        steps = Steps(key, place / "steps.log")
        model = candidate or f"local-dir:{turned(place / 'candidate')}"
        report = gate or place / "gate.json"
        if gate is None:
            steps.take("gate", "gate", model, "--set", str(frozen_set(place / "set")), "--out", str(report))
        data = place / "data"
        data.mkdir()
        with serving(data, key) as service:
            url = service.url
            enrolled = [encode_jpeg(one, 90) for one in photographs("references", references)[:references]]
            _enrol(url, key, enrolled)
            others = [encode_jpeg(one, 90) for one in photographs("listings", 60)]
            traffic = Traffic(url, key, [*others, *enrolled[::6]])
            with traffic.flowing():
                steps.take(
                    "promote", "promote", "--service", url, "--model", model, "--gate", str(report),
                    "--shadow-minutes", str(SHADOW_SECONDS / 60), "--share", "1", *_why(report),
                )  # fmt: skip
                told = steps.said
                time.sleep(3)
                steps.take("rollback", "rollback", "--service", url, "--reason", "the benchmark ends here")
                time.sleep(1)
        print(steps.log.read_text(encoding="utf-8"), file=sys.stderr)
    return _figures(traffic, steps, told, len(enrolled))


def _why(report: Path) -> tuple[str, ...]:
    """The reason that a model needs which passed no gate."""
    passed = json.loads(report.read_text(encoding="utf-8"))["passed"]
    return () if passed else ("--reason", "the benchmark exchanges it all the same")


def _enrol(url: str, key: str, pictures: list[bytes]) -> None:
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120) as client:
        brand = client.post("/v1/brands", json={"name": "Bench"}).raise_for_status().json()["id"]
        for picture in pictures:
            answer = client.post(
                f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": ("a.jpg", picture)}
            )
            if answer.status_code != httpx.codes.CONFLICT:
                answer.raise_for_status()


def _figures(traffic: Traffic, steps: Steps, told: str, references: int) -> Figures:
    milliseconds = [1000 * value for value in traffic.seconds]
    agreement = re.search(r"judged (\d+) listings .*?: ([\d.]+)% of the decisions agree", told)
    return {
        "pictures": source_name(),
        "references": references,
        "listings": sum(traffic.statuses.values()),
        "listings_failed": sum(count for status, count in traffic.statuses.items() if status != httpx.codes.OK),
        "commands_failed": steps.failed,
        "spaces_that_answered": len(traffic.spaces),
        "answered_by": dict(traffic.spaces),
        "shadow_judged": int(agreement[1]) if agreement else 0,
        "shadow_agreement": float(agreement[2]) / 100 if agreement else 0.0,
        "p50_ms": round(percentile(milliseconds, 0.5), 1),
        "p99_ms": round(percentile(milliseconds, 0.99), 1),
        **{f"{name}_seconds": round(value, 1) for name, value in steps.seconds.items()},
    }
