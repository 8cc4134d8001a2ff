"""What search asks of the parts that judge pixels: verifiers of both kinds and a calibration, as Protocols.

Place in the flow: `indexes.search` is written against these; `vision.verification` and `indexes.scoring` fulfil them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from indexes.descriptions import Sized
from indexes.monotone import Gate
from indexes.scoring import Judgement
from vision.boxes import Box
from vision.embedding import Kind, Pixels, Vectors
from vision.verification import Evidence
from vision.verification.wording import Word


class Scores(Protocol):
    """What search asks of a calibration: `indexes.scoring.Calibration`."""

    def judge(self, kind: Kind, features: Mapping[str, float]) -> Judgement:
        """Score and confidence of one match."""
        ...

    def floor(self, kind: Kind) -> float:
        """Similarity below which a candidate is not worth verifying; -1 for none."""
        ...

    def gate(self, kind: Kind) -> float:
        """Excess over the background below which a candidate is not worth verifying; asked with a background only."""
        ...

    def lead(self, kind: Kind) -> float:
        """Excess that one of a picture's candidates has to reach, or none is worth verifying; likewise."""
        ...

    def glance(self, kind: Kind) -> Gate | None:
        """What a first look at a candidate's pixels has to show; asked with a background only, None for nothing."""
        ...


ReadsWords = Callable[[Pixels], Sequence[Word]]
"""`vision.embedders.words.WordReader`: the lines of text in a picture."""

EmbedsCrops = Callable[[Sequence[Pixels]], Vectors]
"""`vision.embedding.Embedder.embed_crops`."""

P = TypeVar("P", bound=Sized)
S = TypeVar("S")
T = TypeVar("T", bound=Sized)
Q = TypeVar("Q")
K = TypeVar("K", bound=Sized)


class Glimpse(Protocol):
    """A cheap look at a place where a mark may be: `vision.verification.LogoGlimpse`."""

    @property
    def strength(self) -> float:
        """How much it looks like the mark, for ranking."""
        ...

    def settle(self) -> Evidence | None:
        """A close look: evidence, or None."""
        ...


class Likeness(Protocol):
    """What a glance shows: `vision.verification.glances.Likeness`."""

    def features(self) -> dict[str, float]:
        """Named numbers in [0, 1], each larger = more alike."""
        ...


class GlancesAtPhotos(Protocol[Q, K]):
    """`vision.verification.PhotoGlances`, or anything that answers like it."""

    def describe(self, pixels: Pixels) -> Q:
        """A picture being checked, as a glance needs it."""
        ...

    def enrol(self, pixels: Pixels) -> K:
        """A reference, as a glance needs it."""
        ...

    def compare(self, query: Q, place: Box, reference: K) -> Likeness:
        """What a glance at one part of the query beside the reference shows."""
        ...


class VerifiesPhotos(Protocol[P]):
    """`vision.verification.PhotoVerifier`, or anything that answers like it."""

    def describe(self, pixels: Pixels, pasted: Sequence[Box] | None = None, unruled: Pixels | None = None) -> P:
        """A picture being checked, as verification needs it; `pasted` where it is known what was pasted into it.

        Then `unruled` is the picture without the lines drawn across it, None where there are none.
        """
        ...

    def enrol(self, pixels: Pixels) -> P:
        """A reference, as verification needs it."""
        ...

    def verify(self, query: P, reference: P) -> Evidence | None:
        """Evidence that `query` shows the photograph `reference`, or None."""
        ...


class VerifiesLogos(Protocol[S, T]):
    """`vision.verification.LogoVerifier`, or anything that answers like it."""

    def describe(self, pixels: Pixels) -> S:
        """A scene to look for marks in."""
        ...

    def enrol(self, pixels: Pixels) -> T:
        """A mark to look for."""
        ...

    def glimpse(self, scene: S, window: Box | None, template: T) -> Glimpse | None:
        """A cheap look for the mark in or near `window`; None when nothing there resembles it."""
        ...

    def line_up(self, scene: S, template: T) -> Evidence | None:
        """Evidence of the place at which local features of the mark agree, anywhere in the scene."""
        ...
