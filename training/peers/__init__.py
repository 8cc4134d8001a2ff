"""What one would use instead, measured on the same questions: nothing here is part of the product.

Place in the flow: `training.evaluate --peers` asks each peer the questions of a protocol. One file per peer; deleting
one loses that row alone. A peer gives every reference a score, higher is stronger; it has no confidence and no box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vision.embedding import Kind, Pixels

Scores: TypeAlias = NDArray[np.float64]


class PeerMissing(Exception):
    """A peer cannot run here: what it needs is not installed. Its row says so."""


class Peer(Protocol):
    """One method. `enrol` is called once, before `scores`; `close` gives back what it holds."""

    def enrol(self, pictures: Sequence[Pixels]) -> None:
        """Describe the references, uint8 RGB."""
        ...

    def scores(self, pictures: Sequence[Pixels]) -> Scores:
        """float64 `[pictures, references]`."""
        ...

    def close(self) -> None:
        """Nothing is asked after this."""
        ...


PEERS: dict[Kind, tuple[str, ...]] = {
    "photo": ("PDQ", "pHash", "Lite0 ImageNet", "SSCD", "SSCD student, 15 crops"),
    "logo": ("Lite0 ImageNet, 15 crops", "SSCD, 15 crops", "RootSIFT + RANSAC"),
}
"""The rows of each kind, in the order of the tables."""


def module_of(name: str) -> str:
    """The module of a row's peer. Raises `ValueError` for an unknown one."""
    match name.partition(", ")[0]:
        case "PDQ" | "pHash":
            return "hashes"
        case "Lite0 ImageNet":
            return "lite0"
        case "SSCD" | "SSCD student":
            return "sscd"
        case "RootSIFT + RANSAC":
            return "sift"
        case _:
            raise ValueError(f"there is no peer {name}")


def open_peer(name: str) -> Peer:
    """The peer of a row. Raises `PeerMissing`, saying what to install."""
    base, _, crops = name.partition(", ")
    match module_of(name):
        case "hashes":
            from training.peers.hashes import HashPeer  # noqa: PLC0415 - a missing package costs its own row alone

            return HashPeer(base)
        case "lite0":
            from training.peers.lite0 import Lite0Peer  # noqa: PLC0415 - the same

            return Lite0Peer(crops=bool(crops))
        case "sscd":
            from training.peers.sscd import SscdPeer  # noqa: PLC0415 - the same

            return SscdPeer("sscd" if base == "SSCD" else "sscd_distilled", crops=bool(crops))
        case _:
            from training.peers.sift import SiftPeer  # noqa: PLC0415 - the same

            return SiftPeer()
