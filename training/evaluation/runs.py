"""Putting all questions of a protocol, with the answers kept: a run that was stopped goes on where it stood.

Place in the flow: `training.evaluate` → **runs** → whoever answers, the service's search
(`training.evaluation.catalogue`) or a peer (`training.evaluation.rivals`). Several processes may share the questions,
one thread each. Knows no figures.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import indexes
import training
import vision
from training import protocols
from training.evaluation.outcomes import Outcome, Outcomes
from training.protocols import Asked

Progress: TypeAlias = Callable[[int, int], None]
"""Told how many questions are answered, and of how many."""

Answered: TypeAlias = dict[int, dict[str, Outcome]]
"""Outcomes by the question's number and by gallery."""

BATCH: Final = 16
_QUESTIONS: Final = ("challenge.py", "covering.py", "protocols.py", "datasets.py")


class Asker(Protocol):
    """Whoever answers."""

    def ask(self, questions: Sequence[Asked]) -> list[dict[str, Outcome]]:
        """The outcomes of a few questions, by gallery."""
        ...


class Plan(Protocol):
    """One protocol for one method; it can be sent to another process and opened there."""

    @property
    def protocol(self) -> protocols.Protocol:
        """What is asked."""
        ...

    @property
    def by(self) -> str:
        """The method's name in reports."""
        ...

    @property
    def kept(self) -> Path:
        """Where answers are kept: the name holds everything that decides one."""
        ...

    def open(self, *, threads: int | None) -> AbstractContextManager[Asker]:
        """The method, ready to be asked, with `threads` threads (None: the engine's own choice)."""
        ...


def run(plan: Plan, progress: Progress | None = None, *, workers: int = 1) -> list[Outcomes]:
    """Ask what is not kept yet; the outcomes by table and gallery."""
    kept = Kept(plan.kept)
    known = kept.read()
    missing = [number for number in range(len(plan.protocol)) if number not in known]
    parts = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)]
    if progress is not None:
        progress(len(known), len(plan.protocol))
    for answered in _shared(plan, parts, workers) if workers > 1 and len(parts) > 1 else _alone(plan, parts):
        kept.append(answered)
        known.update(answered)
        if progress is not None:
            progress(len(known), len(plan.protocol))
    return gathered(plan, known)


def gathered(plan: Plan, known: Mapping[int, Mapping[str, Outcome]]) -> list[Outcomes]:
    """Outcomes by table and gallery from those of every question; negatives count in every table."""
    ordered = sorted(known.items())
    tables = dict.fromkeys(one.table for _, row in ordered for one in row.values() if not one.negative)
    found: list[Outcomes] = []
    for table in tables:
        for gallery in sorted(ordered[0][1]):
            column = [(number, row[gallery]) for number, row in ordered]
            own = [(number, one) for number, one in column if one.negative or one.table == table]
            numbers, items = tuple(number for number, _ in own), tuple(one for _, one in own)
            asked = plan.protocol
            found.append(Outcomes(table, gallery, asked.kind, plan.by, items, numbers, asked.name))
    return found


class Kept:
    """Answers of a run in a file, one line for each question."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Answered:
        """What was answered so far; a line that was cut off is asked again."""
        known: Answered = {}
        if self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines():
                try:
                    number, rows = json.loads(line)
                except ValueError:
                    continue
                known[int(number)] = {name: Outcome.from_line(row) for name, row in rows.items()}
        return known

    def append(self, answered: Answered) -> None:
        """Keep a few more."""
        lines = [
            json.dumps([number, {name: outcome.as_line() for name, outcome in rows.items()}])
            for number, rows in answered.items()
        ]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        ended = self._ended()
        with self._path.open("a", encoding="utf-8") as file:
            file.write(("" if ended else "\n") + "".join(f"{line}\n" for line in lines))

    def _ended(self) -> bool:
        """Whether the last line is whole: what follows one that was cut off would be lost with it."""
        try:
            with self._path.open("rb") as file:
                file.seek(-1, os.SEEK_END)
                return file.read(1) == b"\n"
        except OSError:  # there is nothing yet
            return True


def digest(*parts: str, code: Sequence[Path] = ()) -> str:
    """A short hash of texts, of the code that makes questions, and of `code` (files or folders)."""
    home = Path(str(training.__file__)).parent
    files = [home / name for name in _QUESTIONS]
    for place in code:
        files += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    content = "\n".join(parts).encode() + b"".join(path.read_bytes() for path in files)
    return hashlib.sha256(content).hexdigest()[:16]


def search_code() -> list[Path]:
    """The packages that decide what the service's search answers."""
    return [Path(str(package.__file__)).parent for package in (vision, indexes)]


def _alone(plan: Plan, parts: Sequence[Sequence[int]]) -> Iterator[Answered]:
    if parts:
        with plan.open(threads=None) as asker:
            yield from (_answer(plan.protocol, asker, part) for part in parts)


def _shared(plan: Plan, parts: Sequence[Sequence[int]], workers: int) -> Iterator[Answered]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _Worker.start, (plan,)) as pool:
        for done in as_completed([pool.submit(_Worker.answer, part) for part in parts]):
            yield done.result()


def _answer(protocol: protocols.Protocol, asker: Asker, numbers: Sequence[int]) -> Answered:
    return dict(zip(numbers, asker.ask([protocol.question(number) for number in numbers]), strict=True))


class _Worker:
    """What a process of the pool keeps between two parts."""

    protocol: protocols.Protocol
    asker: Asker
    held: ExitStack

    @classmethod
    def start(cls, plan: Plan) -> None:
        """Called once in the process."""
        cls.held = ExitStack()
        cls.protocol, cls.asker = plan.protocol, cls.held.enter_context(plan.open(threads=1))

    @classmethod
    def answer(cls, numbers: Sequence[int]) -> Answered:
        """The outcomes of these questions."""
        return _answer(cls.protocol, cls.asker, numbers)
