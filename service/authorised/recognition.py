"""Finds negatives: is the picture a match was found in one that its brand wants never to be flagged?

Place in the flow: asked with the matches of a listing, once it has any; costs one short query where their brands have
no negatives. The same bytes are the same picture. Otherwise vectors propose the nearest few and the pixels decide:
a negative counts when it is the picture, not when it is a part of it, or a collage with a harmless picture in it would
get through with whatever else it shows.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from indexes.blobs import BlobStore
from indexes.errors import BlobMissing
from service.authorised.negatives import Known, Negatives, State
from service.likeness import Comparison
from vision.embedding import Embedder
from vision.errors import ImageError
from vision.images import VETTED, decode
from vision.verification.photos import PhotoDescription

if TYPE_CHECKING:  # the index engine is not loaded for a type
    from indexes.search import Match
    from service.pipeline import Checked

FILLS: Final = 0.6
"""The least share of the picture that the negative fills."""
_NEAREST: Final = 4
_UNEMBEDDED: Final = 8
_BRANDS: Final = 100
_AT_ONCE: Final = 8
_LOG = logging.getLogger("brandwarden.negatives")


class Recognition:
    """Looks for negatives in pictures. Thread-safe. Keeps the vectors of the brands asked about last."""

    def __init__(self, negatives: Negatives, comparison: Comparison) -> None:
        self._negatives, self._comparison = negatives, comparison
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[State, Sequence[Known]]] = OrderedDict()

    def recognise(self, found: Sequence[tuple[Checked, Match]]) -> list[str | None]:
        """For each match and the picture it is in, the id of the negative that the picture is, or None."""
        if not found:
            return []
        space = found[0][0].space.id
        states = self._negatives.states({match.brand.id for _, match in found}, space)
        seen: dict[tuple[int, str], str | None] = {}
        scenes = {id(checked): _Scene(checked, self._comparison) for checked, _ in found}
        for checked, match in found:
            key = (id(checked), match.brand.id)
            if match.brand.id in states and key not in seen:
                known = self._of(match.brand.id, space, states[match.brand.id])
                seen[key] = self._find(scenes[id(checked)], known)
        return [seen.get((id(checked), match.brand.id)) for checked, match in found]

    def _of(self, brand_id: str, space: str, state: State) -> Sequence[Known]:
        with self._lock:
            kept = self._kept.get((brand_id, space))
            if kept is not None and kept[0] == state:
                self._kept.move_to_end((brand_id, space))
                return kept[1]
        known = self._negatives.known(brand_id, space)
        with self._lock:
            self._kept[brand_id, space] = (state, known)
            while len(self._kept) > _BRANDS:
                self._kept.popitem(last=False)
        return known

    def _find(self, scene: _Scene, known: Sequence[Known]) -> str | None:
        for negative in known:
            if negative.sha256 == scene.sha256:
                return negative.id
        near = [(scene.similarity(one), one) for one in known if one.vector is not None]
        near = [(similarity, one) for similarity, one in near if similarity >= self._comparison.floor()]
        near = heapq.nlargest(_NEAREST, near, key=lambda entry: entry[0])
        near += [(0.0, one) for one in known if one.vector is None][:_UNEMBEDDED]
        for similarity, one in near:
            likeness = self._comparison.compare(scene.description, scene.vector, one.sha256, similarity)
            if likeness is not None and likeness.same and likeness.fills >= FILLS:
                return one.id
        return None


class _Scene:
    """The picture asked about, described when the first comparison needs it."""

    def __init__(self, checked: Checked, comparison: Comparison) -> None:
        self.sha256 = checked.picture.sha256
        self.vector = checked.embedding.photo.vectors[0]
        self._pixels, self._comparison = checked.picture.pixels, comparison

    @cached_property
    def description(self) -> PhotoDescription:
        return self._comparison.describe(self._pixels)

    def similarity(self, known: Known) -> float:
        return float(self.vector @ known.vector) if known.vector is not None else 0.0


class NegativeFilling:
    """Embeds negatives for spaces that came after them: upkeep calls `fill` about once a second."""

    def __init__(self, negatives: Negatives, blobs: BlobStore) -> None:
        self._negatives, self._blobs = negatives, blobs
        self._unreadable: set[int] = set()

    def fill(self, embedder: Embedder) -> int:
        """Embed a few that lack a vector in the space of `embedder`; returns how many were."""
        space = embedder.space.id
        done = 0
        for pk, sha256 in self._negatives.lacking(space, _AT_ONCE + len(self._unreadable)):
            if pk in self._unreadable:
                continue
            try:
                picture = decode(self._blobs.get(sha256), limits=VETTED)
            except (BlobMissing, ImageError) as error:
                _LOG.warning("the negative picture %s cannot be embedded: %s", sha256, error)
                self._unreadable.add(pk)
                continue
            regions = embedder.embed_photos([embedder.prepare(picture.pixels)])[0]
            self._negatives.embed(pk, space, regions.vectors[0])
            done += 1
        return done
