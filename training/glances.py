"""What a first look at the pixels has to show before a photo is verified, fitted on edited copies and look-alikes.

Place in the flow: `brandwarden-train glances` after the floors; the gate travels in the calibration and holds in the
space and with the background set of its floors. References, copies of them in every family and photos that are not
enrolled, all from training folders, go through candidates, glances and verification as a listing does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer

from indexes.background import Background
from indexes.cascade import ECONOMICAL
from indexes.gallery import Candidate
from indexes.glancing import places, seen
from indexes.monotone import Gate
from indexes.scoring import Calibration
from training.background import background_of
from training.calibrate import beside, notes_of
from training.datasets import data_root, read, training_photos
from training.fitting import Labelled, fit_weights
from training.floors import FEWEST, FOUND
from training.gathering import foreign
from training.thefts import FAMILIES, edited
from vision.embedders import DEFAULT_MODEL, load_embedder
from vision.embedding import Embedder, Pixels, QueryEmbedding, Regions
from vision.images import fit, resize
from vision.verification import PhotoGlances, PhotoVerifier

LOST: Final = 0.005
"""Share of the copies that verification finds and a glance may not let pass."""
REFERENCES: Final = 800
COPIES: Final = 800
CLEAN: Final = 240
SIDE: Final = 800
"""Longer side of a listing's picture; smaller photographs are enlarged to it."""
FEATURES: Final = ("excess", "cells", "enough_cells", "agreeing", "blocks")


@dataclass(frozen=True, slots=True)
class Shown:
    """One candidate of one picture: what each glance showed, whether it is right and whether verification finds it."""

    looks: tuple[dict[str, float], ...]
    right: bool
    found: bool
    query: str

    @property
    def clearest(self) -> dict[str, float]:
        """The look at which most places agreed."""
        return max(self.looks, key=lambda features: features["cells"])

    def passes(self, gate: Gate) -> bool:
        """Whether one of the looks does."""
        return any(gate.passes(features) for features in self.looks)


def glances(
    model: Annotated[str, typer.Option(help="Model whose calibration gets the gate.")] = DEFAULT_MODEL,
    out: Annotated[Path | None, typer.Option(help="Calibration file; by default in the model's directory.")] = None,
    copies: Annotated[int, typer.Option(help="Edited copies to fit on.", min=FEWEST)] = COPIES,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 11,
) -> None:
    """Fit what a first look at a photo's pixels has to show for it to be verified."""
    target = out or beside(model)
    embedder = load_embedder(model, threads=1)
    background = background_of(model, embedder.space)
    calibration = Calibration.load(target)
    if background is None or background.version != calibration.background:
        raise typer.BadParameter(f"{target} is not gated with the background set of {model}: calibrate it first")
    paths = foreign(training_photos(data_root()))
    shown = list(gathered(embedder, calibration, background, paths, copies, seed))
    gate, note = fitted(shown)
    kinds = {**calibration.kinds, "photo": replace(calibration.kinds["photo"], glance=gate)}
    replace(calibration, kinds=kinds).save(target, {**notes_of(target), "glances": note})
    typer.echo(f"{note}\nwrote {target}")


def fitted(shown: Sequence[Shown]) -> tuple[Gate | None, dict[str, Any]]:
    """The gate that loses LOST of what verification finds, and how much it spares; none for too few copies."""
    found = [one for one in shown if one.right and one.found]
    wrong = [one for one in shown if not one.right]
    if len(found) < FEWEST or not wrong:
        return None, {"found": len(found)}
    rows = [Labelled(one.clearest, one.right, one.query) for one in (*found, *wrong)]
    model = fit_weights(rows, FEATURES, shape="ramps")
    odds = [max(model.log_odds(features) for features in one.looks) for one in found]
    least = float(np.quantile(odds, LOST, method="lower"))
    gate = Gate(model.weights, round(model.bias - least + 5e-5, 4), model.terms)
    passing = [one for one in wrong if one.passes(gate)]
    pictures = {one.query for one in wrong}
    return gate, {
        "found": len(found),
        "lost": round(1 - sum(one.passes(gate) for one in found) / len(found), 4),
        "clean_candidates": len(wrong),
        "clean_candidates_passing": round(len(passing) / len(wrong), 4),
        "clean_pictures_passing": round(len({one.query for one in passing}) / len(pictures), 4),
    }


def gathered(  # noqa: PLR0917 - what a gate depends on, named at the one call
    embedder: Embedder, calibration: Calibration, background: Background, paths: Sequence[Path], copies: int, seed: int
) -> Iterator[Shown]:
    """Right candidates of edited copies, and all candidates of photos that nobody enrolled."""
    order = [paths[number] for number in np.random.default_rng(seed).permutation(len(paths))]
    half = min(REFERENCES, len(order) // 2)
    references, others = order[:half], order[half:]
    bench = _Bench(embedder, calibration, background, references)
    families = list(FAMILIES)
    for number in range(copies):
        item, rng = number % half, np.random.default_rng((seed, number))
        other = read(others[int(rng.integers(len(others)))])
        copy = edited(read(references[item]), families[(number + number // half) % len(families)], rng, other)
        yield from bench.shown(f"copy/{number}", copy, item)
    for number, path in enumerate(others[:CLEAN]):
        yield from bench.shown(f"clean/{number}", _enlarged(read(path)), None)


class _Bench:
    """References in memory, and a listing's way to their candidates."""

    def __init__(
        self, embedder: Embedder, calibration: Calibration, background: Background, references: Sequence[Path]
    ) -> None:
        self._embedder = embedder
        self._calibration = calibration
        self._background = background
        self._references = references
        self._glances = PhotoGlances()
        self._verifier = PhotoVerifier()
        prepared = (embedder.prepare(read(path)) for path in references)
        embedded: list[Regions] = [embedder.embed_photos([one])[0] for one in prepared]
        self._starts = np.cumsum([0, *(len(one) for one in embedded)])[:-1]
        self._vectors = np.concatenate([one.vectors for one in embedded])

    def shown(self, name: str, pixels: Pixels, right: int | None) -> Iterator[Shown]:
        """The first candidates of a picture; of a copy only the right one, if it is among them."""
        embedding = self._embedder.embed_queries([self._embedder.prepare(pixels)])[0]
        chosen = [one for one in self._candidates(embedding) if right in (None, one.reference_pk)]
        query = self._glances.describe(pixels)
        for candidate in chosen:
            reference = fit(read(self._references[candidate.reference_pk]), SIDE)
            kept = self._glances.enrol(reference)
            looks = [
                self._glances.compare(query, place, kept) for place in places(embedding.photo.boxes[candidate.query])
            ]
            found = right is not None and self._found(pixels, embedding, reference, candidate)
            yield Shown(tuple(seen(look.features(), candidate) for look in looks), right is not None, found, name)

    def _candidates(self, embedding: QueryEmbedding) -> list[Candidate]:
        """The most similar references with the place that is most alike, as the search of a listing has them."""
        products = np.maximum.reduceat(embedding.photo.vectors @ self._vectors.T, self._starts, axis=1)
        excesses = products - self._background.level("photo", embedding.photo.vectors)[:, None]
        open_ = (products >= self._calibration.floor("photo")) & (excesses >= self._calibration.gate("photo"))
        best = np.where(open_, products, -1.0)
        order = np.argsort(-best.max(axis=0), kind="stable")[: ECONOMICAL.photos]
        places = [(int(item), int(best[:, item].argmax())) for item in order if best[:, item].max() > -1.0]
        return [
            Candidate(item, 0, region, float(products[region, item]), float(excesses[region, item]))
            for item, region in places
        ]

    def _found(self, pixels: Pixels, embedding: QueryEmbedding, reference: Pixels, candidate: Candidate) -> bool:
        query = self._verifier.describe(pixels, embedding.pasted, embedding.unruled)
        evidence = self._verifier.verify(query, self._verifier.enrol(reference))
        if evidence is None:
            return False
        features = evidence.features() | {"similarity": candidate.similarity, "excess": candidate.excess}
        return self._calibration.judge("photo", features).confidence >= FOUND


def _enlarged(pixels: Pixels) -> Pixels:
    scale = SIDE / max(pixels.shape[:2])
    return pixels if scale <= 1 else resize(pixels, round(pixels.shape[1] * scale), round(pixels.shape[0] * scale))
