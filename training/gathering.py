"""Gathers evidence picture by picture into a file, so that a run that was stopped goes on where it stood.

Place in the flow: `training.calibrate` says which draws, `training.evidence` asks the pictures, this shares them
between processes and keeps what came of each. The first line of the file says what decides its rows (space,
background set, photographs, code); with anything else the file is refused. What a picture shows does not depend on
who asks it or when, and rows are read in the order of the draws and their pictures.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from indexes.errors import CalibrationError
from training.background import background_of, is_background
from training.datasets import data_root, training_photos
from training.evaluation.progress import showing
from training.evaluation.runs import digest, search_code
from training.evidence import Asks, Draw, opened, pictures_of
from training.fit.pictures import read_manifest
from training.fitting import Labelled
from vision.embedders import load_embedder
from vision.embedding import Embedder, Kind

FORMAT: Final = 2
AT_ONCE: Final = 12
"""Pictures a process is given at a time, and so the most that a break costs it."""
_CODE: Final = ("clusters.py", "evidence.py", "gallery.py", "marks.py", "printing.py", "sightings.py", "thefts.py")

Place: TypeAlias = tuple[str, int, int]
"""Kind, seed and number of references of a draw."""


@dataclass(frozen=True, slots=True)
class Source:
    """What evidence is gathered from: the model as it is named, and the photographs that are no background."""

    model: str
    embedder: Embedder
    paths: Sequence[Path]

    @classmethod
    def of(cls, model: str) -> Source:
        """The model, loaded, and the training photographs. Raises DataMissing without them."""
        return cls(model, load_embedder(model, threads=1), foreign(training_photos(data_root())))

    def described(self) -> dict[str, Any]:
        """Everything that decides a row beside its draw."""
        background = background_of(self.model, self.embedder.space)
        here = Path(__file__).parent
        return {
            "format": FORMAT,
            "space": self.embedder.space.id,
            "background": background.version if background else "",
            "photographs": read_manifest(data_root(), self.paths).sha256,
            "code": digest(code=[*search_code(), *(here / name for name in _CODE)]),
        }


def foreign(paths: Sequence[Path]) -> list[Path]:
    """The photos that are not in the background set."""
    return [path for path in paths if not is_background(path)]


class Ledger:
    """The evidence of some draws in a file: a header, then a line for each picture, and one with the photos' homes."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._path = path
        self._header = dict(header)
        self._rows: dict[Place, dict[int, list[Labelled]]] = {}
        self.homes: dict[str, str] = {}
        if path.exists() and path.stat().st_size:
            self._read()

    def asked(self, draw: Draw) -> set[int]:
        """Numbers of the pictures of a draw that were asked."""
        return set(self._rows.get(_place(draw), {}))

    def keep(self, draw: Draw, found: Mapping[int, Sequence[Labelled]]) -> None:
        """Write down a few pictures more."""
        self._rows.setdefault(_place(draw), {}).update({number: list(rows) for number, rows in found.items()})
        lines = [
            {"draw": _place(draw), "picture": number, "rows": [_line(row) for row in rows]}
            for number, rows in found.items()
        ]
        self._append(lines)

    def keep_homes(self, homes: Mapping[str, str]) -> None:
        """Write down where the photos were taken, instead of what was known before."""
        self.homes = dict(homes)
        self._append([{"homes": self.homes}])

    def rows(self, draws: Sequence[Draw]) -> list[Labelled]:
        """The rows of some draws, in their order and in that of their pictures."""
        return [row for draw in draws for _, rows in sorted(self._rows.get(_place(draw), {}).items()) for row in rows]

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = not self._path.exists() or not self._path.stat().st_size
        with self._path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{json.dumps(line)}\n" for line in ([self._header, *lines] if fresh else lines)))

    def _read(self) -> None:
        text = self._path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        try:
            header, *lines = (json.loads(line) for line in whole.splitlines())
            self._check(header)
            for line in lines:
                if "homes" in line:
                    self.homes = dict(line["homes"])
                else:
                    kind, seed, references = line["draw"]
                    own = self._rows.setdefault((str(kind), int(seed), int(references)), {})
                    own[int(line["picture"])] = [Labelled(*row) for row in line["rows"]]
        except (ValueError, TypeError, KeyError) as error:
            raise CalibrationError(
                f"{self._path} is no evidence ({error!r}): delete it or name another file"
            ) from error
        if whole != text:  # a line that was cut off is asked again
            self._path.write_text(whole, encoding="utf-8")

    def _check(self, header: Any) -> None:
        known = header if isinstance(header, dict) else {}
        other = [name for name, value in self._header.items() if known.get(name) != value]
        if other:
            raise CalibrationError(
                f"{self._path} was gathered with another {', '.join(other)}: delete it or name another file"
            )


def gather(source: Source, draws: Sequence[Draw], ledger: Ledger, workers: int) -> None:
    """Ask every picture of the draws that the ledger does not have yet, in `workers` processes."""
    totals = {draw: pictures_of(draw, source.paths) for draw in draws}
    missing = {draw: sorted(set(range(total)) - ledger.asked(draw)) for draw, total in totals.items()}
    parts = [
        (draw, numbers[at : at + AT_ONCE])
        for draw, numbers in missing.items()
        for at in range(0, len(numbers), AT_ONCE)
    ]
    done, total = sum(totals.values()) - sum(map(len, missing.values())), sum(totals.values())
    with showing("pictures") as progress:
        progress(done, total)
        for draw, found in _shared(source, parts, workers) if workers > 1 else _alone(source, parts):
            ledger.keep(draw, found)
            done += len(found)
            progress(done, total)


def hash_of(rows: Mapping[Kind, Sequence[Labelled]]) -> str:
    """SHA-256 of evidence: the same rows, the same hash."""
    content = {kind: [_line(row) for row in rows[kind]] for kind in sorted(rows)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


Part: TypeAlias = tuple[Draw, list[int]]
Found: TypeAlias = tuple[Draw, dict[int, list[Labelled]]]


class _Desk:
    """One process's: the draw that was opened last stays open."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._draw: Draw | None = None
        self._held = ExitStack()
        self._asks: Asks | None = None

    def ask(self, part: Part) -> Found:
        """What some pictures of a draw show."""
        draw, numbers = part
        if draw != self._draw or self._asks is None:
            self._held.close()
            background = background_of(self._source.model, self._source.embedder.space)
            ready = opened(draw, self._source.embedder, self._source.paths, background)
            self._draw, self._asks = draw, self._held.enter_context(ready)
        return draw, {number: self._asks.rows(number) for number in numbers}

    def close(self) -> None:
        """Give back the open draw."""
        self._held.close()


def _alone(source: Source, parts: Sequence[Part]) -> Iterator[Found]:
    desk = _Desk(source)
    try:
        yield from map(desk.ask, parts)
    finally:
        desk.close()


def _shared(source: Source, parts: Sequence[Part], workers: int) -> Iterator[Found]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _Worker.start, (source.model,)) as pool:
        for done in as_completed([pool.submit(_Worker.ask, part) for part in parts]):
            yield done.result()


class _Worker:
    """What a process of the pool keeps between two parts."""

    desk: _Desk

    @classmethod
    def start(cls, model: str) -> None:
        """Called once in the process."""
        cls.desk = _Desk(Source.of(model))

    @classmethod
    def ask(cls, part: Part) -> Found:
        """What these pictures show."""
        return cls.desk.ask(part)


def _place(draw: Draw) -> Place:
    return draw.kind, draw.seed, draw.references


def _line(row: Labelled) -> list[Any]:
    return [dict(row.features), bool(row.right), row.query, row.group, row.other]
