"""A peer as somebody who answers: it is asked once with the largest gallery, the smaller ones are columns of it.

Place in the flow: a plan of `training.evaluation.runs`; the methods are in `training.peers`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import training.peers
from training.evaluation.outcomes import Outcome, outcome_of_scores
from training.evaluation.runs import digest
from training.peers import Peer, module_of, open_peer
from training.protocols import Asked, Enrolled, Protocol
from vision.images import decode


@dataclass(frozen=True)
class Rival:
    """One protocol for one peer."""

    by: str
    protocol: Protocol
    folder: Path

    @cached_property
    def kept(self) -> Path:
        """A file named by the peer, its code and the protocol."""
        home = Path(str(training.peers.__file__)).parent
        made = digest(self.protocol.key, self.by, code=[home / "crops.py", home / f"{module_of(self.by)}.py"])
        name = "".join(letter if letter.isalnum() else "-" for letter in self.by.lower())
        return self.folder / f"{self.protocol.name}-{name}-{made}.jsonl"

    @contextmanager
    def open(self, *, threads: int | None) -> Iterator[RivalAsker]:  # noqa: ARG002 - peers take what the process has
        """The peer with every reference enrolled. Raises `PeerMissing`."""
        peer = open_peer(self.by)
        try:
            galleries = self.protocol.galleries()
            every = {one.name: one for gallery in galleries.values() for one in gallery}
            peer.enrol([decode(one.data).pixels for one in every.values()])
            columns = {name: [list(every).index(one.name) for one in gallery] for name, gallery in galleries.items()}
            yield RivalAsker(peer, list(every.values()), columns)
        finally:
            peer.close()


@dataclass(frozen=True, slots=True)
class RivalAsker:
    """Asks the peer and cuts its scores into galleries."""

    peer: Peer
    references: Sequence[Enrolled]
    columns: Mapping[str, Sequence[int]]

    def ask(self, questions: Sequence[Asked]) -> list[dict[str, Outcome]]:
        """The outcomes by gallery; the time is the peer's, decoding included."""
        started = time.perf_counter()
        table = self.peer.scores([decode(question.data).pixels for question in questions])
        seconds = (time.perf_counter() - started) / len(questions)
        return [
            {
                name: outcome_of_scores(
                    asked,
                    [(self.references[n].name, self.references[n].answer, float(row[n])) for n in columns],
                    seconds,
                )
                for name, columns in self.columns.items()
            }
            for asked, row in zip(questions, table, strict=True)
        ]
