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
from training.evaluation.catalogue import Examiner, enrol_galleries, examiner
from training.evaluation.runs import digest, search_code
from training.protocols import Protocol
from vision.embedders import load_embedder
from vision.embedding import Embedder


@dataclass(frozen=True)
class Model:
    """One protocol for one model at one effort. `per_kind` None is what a listing gets; `folder` keeps everything.

    `embedder` serves this process; another process loads `model` itself.
    """

    model: str
    calibration: Calibration
    protocol: Protocol
    folder: Path
    space: str
    per_kind: int | None = None
    embedder: Embedder | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls,
        embedder: Embedder,
        calibration: Calibration,
        protocol: Protocol,
        folder: Path,
        *,
        model: str | None = None,
        per_kind: int | None = None,
    ) -> Model:
        """The plan for a loaded embedder; `model` is the name to load it by elsewhere."""
        space = embedder.space
        return cls(model or space.model, calibration, protocol, folder, space.id, per_kind, embedder)

    @property
    def by(self) -> str:
        """The model's name, and the effort where it is not a listing's."""
        return self.model if self.per_kind is None else f"{self.model}, first {self.per_kind}"

    @cached_property
    def shelf(self) -> Path:
        """Where the catalogues are."""
        made = digest(self.protocol.key, self.space, code=search_code())
        return self.folder / f"{self.protocol.name}-{made}"

    @property
    def kept(self) -> Path:
        """Beside the catalogues."""
        effort = "listing" if self.per_kind is None else f"first{self.per_kind}"
        return self.shelf / f"{effort}-{self.calibration.version}.jsonl"

    def enrol(self) -> None:
        """Make the catalogues that are not there yet, in this process."""
        enrol_galleries(self.embedder or load_embedder(self.model), self.protocol, self.shelf)

    @contextmanager
    def open(self, *, threads: int | None) -> Iterator[Examiner]:
        """The examiner over the catalogues."""
        embedder = self.embedder or load_embedder(self.model, threads=threads)
        made = background_of(self.model, embedder.space)
        background = made if made is not None and made.version == self.calibration.background else None
        with examiner(embedder, self.calibration, self.protocol, self.shelf, self.per_kind, background) as opened:
            yield opened

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "embedder": None}
