"""A model with its calibration as somebody who answers: through the service's own search.

Place in the flow: a plan of `training.evaluation.runs`; `training.evaluation.catalogue` holds the search.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from indexes.scoring import Calibration
from training.background import background_of
from training.evaluation.catalogue import Examiner, enrol_galleries, examiner, reader
from training.evaluation.runs import digest, search_code
from training.protocols import Protocol
from vision.embedders import load_embedder
from vision.embedding import Embedder


@dataclass(frozen=True)
class Model:
    """One protocol for one model at one effort. `per_kind` None is what a listing gets; `folder` keeps everything.

    `here` serves this process; another process loads `model` and the calibration file `source` itself.
    """

    model: str
    source: Path | None
    judged: str
    protocol: Protocol
    folder: Path
    space: str
    per_kind: int | None = None
    here: tuple[Embedder, Calibration] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        embedder: Embedder,
        calibration: Calibration,
        protocol: Protocol,
        folder: Path,
        *,
        model: str | None = None,
        source: Path | None = None,
        per_kind: int | None = None,
    ) -> Model:
        """The plan for what is loaded; `model` and `source` are what to load it from elsewhere."""
        name, here = model or embedder.space.model, (embedder, calibration)
        return cls(name, source, calibration.version, protocol, folder, embedder.space.id, per_kind, here)

    @property
    def by(self) -> str:
        """The model's name, and the effort where it is not a listing's."""
        return self.model if self.per_kind is None else f"{self.model}, first {self.per_kind}"

    @cached_property
    def shelf(self) -> Path:
        """Where the catalogues are."""
        made = digest(self.protocol.key, self.space, "read" if reader() else "unread", code=search_code())
        return self.folder / f"{self.protocol.name}-{made}"

    @property
    def kept(self) -> Path:
        """Beside the catalogues."""
        effort = "listing" if self.per_kind is None else f"first{self.per_kind}"
        return self.shelf / f"{effort}-{self.judged}.jsonl"

    def enrol(self) -> None:
        """Make the catalogues that are not there yet, in this process."""
        enrol_galleries(self._loaded(None)[0], self.protocol, self.shelf)

    @contextmanager
    def open(self, *, threads: int | None) -> Iterator[Examiner]:
        """The examiner over the catalogues."""
        embedder, calibration = self._loaded(threads)
        made = background_of(self.model, embedder.space)
        background = made if made is not None and made.version == calibration.background else None
        with examiner(embedder, calibration, self.protocol, self.shelf, self.per_kind, background) as opened:
            yield opened

    def _loaded(self, threads: int | None) -> tuple[Embedder, Calibration]:
        if self.here is not None:
            return self.here
        embedder = load_embedder(self.model, threads=threads)
        calibration = calibration_for(self.source, embedder)
        if (embedder.space.id, calibration.version) != (self.space, self.judged):
            raise ValueError(f"{self.model} and its calibration changed while it was measured: start again")
        return embedder, calibration

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "here": None}


def calibration_for(source: Path | None, embedder: Embedder) -> Calibration:
    """The calibration of a file for an embedder's space; a neutral one without a file, or when it fits another."""
    calibration = Calibration.load(source) if source else Calibration.uncalibrated()
    fits = calibration.fits(embedder.space.id)
    return calibration.within(embedder.space.id) if fits else Calibration.uncalibrated()
