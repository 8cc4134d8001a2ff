"""Putting all questions of a protocol, with the answers kept: a run that was stopped goes on where it stood.

Place in the flow: `training.evaluate` → **runs** → `training.evaluation.catalogue`. Kept files lie in a folder named
by everything that decides an answer: the protocol, the space, the calibration, the effort and the source code of
vision, indexes and the edits. Several processes may share the questions, one thread each.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import indexes
import training
import vision
from indexes.scoring import Calibration
from training.evaluation.catalogue import BATCH, Examiner, enrol_galleries, examiner
from training.evaluation.outcomes import Outcome, Outcomes
from training.protocols import Protocol
from vision.embedders import load_embedder
from vision.embedding import Embedder

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many questions are answered, and of how many."""

_EDITS: Final = ("challenge.py", "covering.py", "protocols.py", "packages.py", "datasets.py", "printing.py", "marks.py")


@dataclass(frozen=True, slots=True)
class Run:
    """One protocol for one model at one effort. `per_kind` None is what a listing gets."""

    model: str
    calibration: Path | None
    protocol: Protocol
    folder: Path
    per_kind: int | None = None
    workers: int = 1


def run(plan: Run, embedder: Embedder, calibration: Calibration, progress: Progress | None = None) -> list[Outcomes]:
    """Enrol and ask what is not kept yet; the outcomes by gallery."""
    shelf = plan.folder / f"{plan.protocol.name}-{_digest(plan.protocol.key, embedder.space.id)}"
    enrol_galleries(embedder, plan.protocol, shelf)
    effort = "listing" if plan.per_kind is None else f"first{plan.per_kind}"
    kept = Kept(shelf / f"{effort}-{_digest(calibration.version)}.jsonl")
    known = kept.read()
    missing = [number for number in range(len(plan.protocol)) if number not in known]
    for answered in _answers(plan, embedder, calibration, shelf, missing):
        kept.append(answered)
        known.update(answered)
        if progress is not None:
            progress(len(known), len(plan.protocol))
    return gathered(plan.protocol, embedder.space.model, known)


def gathered(protocol: Protocol, by: str, known: Mapping[int, Mapping[str, Outcome]]) -> list[Outcomes]:
    """Outcomes by table and gallery from those of every question; negatives count in every table."""
    ordered = [known[number] for number in sorted(known)]
    every = [outcome for row in ordered for outcome in row.values()]
    tables = dict.fromkeys(outcome.table for outcome in every if not outcome.negative)
    galleries = sorted(ordered[0]) if ordered else []
    return [
        Outcomes(table, name, protocol.kind, by, tuple(
            row[name] for row in ordered if row[name].negative or row[name].table == table
        ))
        for table in tables
        for name in galleries
    ]  # fmt: skip


class Kept:
    """Answers of a run in a file, one line for each question and gallery."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[int, dict[str, Outcome]]:
        """What was answered so far; a line that was cut off is asked again."""
        known: dict[int, dict[str, Outcome]] = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    number, rows = json.loads(line)
                except ValueError:
                    continue
                known[int(number)] = {name: Outcome.from_line(row) for name, row in rows.items()}
        return known

    def append(self, answered: dict[int, dict[str, Outcome]]) -> None:
        """Keep a few more."""
        lines = [
            json.dumps([number, {name: outcome.as_line() for name, outcome in rows.items()}])
            for number, rows in answered.items()
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))


def _answers(
    plan: Run, embedder: Embedder, calibration: Calibration, shelf: Path, missing: Sequence[int]
) -> Iterator[dict[int, dict[str, Outcome]]]:
    parts = [list(missing[start : start + BATCH]) for start in range(0, len(missing), BATCH)]
    if plan.workers <= 1 or len(parts) < 2:
        with examiner(embedder, calibration, plan.protocol, shelf, plan.per_kind) as asker:
            yield from (_answer(plan.protocol, asker, part) for part in parts)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(plan.workers, context, _Worker.start, (plan, shelf)) as pool:
        for done in as_completed([pool.submit(_Worker.answer, part) for part in parts]):
            yield done.result()


def _answer(protocol: Protocol, asker: Examiner, numbers: Sequence[int]) -> dict[int, dict[str, Outcome]]:
    return dict(zip(numbers, asker.ask([protocol.question(number) for number in numbers]), strict=True))


class _Worker:
    """A process of its own: one embedder with one thread, and the catalogues opened once."""

    current: _Worker

    def __init__(self, plan: Run, shelf: Path) -> None:
        embedder = load_embedder(plan.model, threads=1)
        judge = judge_of(plan.calibration, embedder)
        self._protocol = plan.protocol
        self._open = ExitStack()
        self._asker = self._open.enter_context(examiner(embedder, judge, plan.protocol, shelf, plan.per_kind))

    @classmethod
    def start(cls, plan: Run, shelf: Path) -> None:
        """Called once in the process."""
        cls.current = cls(plan, shelf)

    @classmethod
    def answer(cls, numbers: Sequence[int]) -> dict[int, dict[str, Outcome]]:
        """The outcomes of these questions."""
        return _answer(cls.current._protocol, cls.current._asker, numbers)


def judge_of(path: Path | None, embedder: Embedder) -> Calibration:
    """The calibration of a file for an embedder's space; neutral without a file."""
    return Calibration.load(path).within(embedder.space.id) if path else Calibration.uncalibrated()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join([*parts, _sources()]).encode()).hexdigest()[:16]


def _sources() -> str:
    """A hash over the code that decides an answer."""
    files: list[Path] = []
    for package in (vision, indexes):
        files += Path(str(package.__file__)).parent.rglob("*.py")
    home = Path(str(training.__file__)).parent
    files += [path for name in _EDITS if (path := home / name).exists()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()
