"""`python -m vision.embedders.probe ENGINE MODEL DIRECTORY`: try an engine on this machine, and keep what serves.

Place in the flow: started by `vision.embedders.engines` as a process of its own, because an engine that does not fit a
processor dies by a signal and takes its process along. It converts the model, runs every plan, compares the vectors
with torch in fp32 and times them. The fastest plan that agrees is written to `DIRECTORY/engine.json`, with the graphs.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from vision.embedders.backends import TITLES, Name, backend
from vision.embedders.clip import load_clip
from vision.embedders.engines import RESULT
from vision.embedders.sidecar import read_sidecar
from vision.embedding import Embedder, EngineInfo, Pixels, Vectors
from vision.errors import ModelError
from vision.parallelism import limit_threads

AGREEMENT: Final = 0.999
"""Mean cosine to torch in fp32 from which vectors belong to one space (docs/decisions/0006)."""
OVERLAP: Final = 0.98
"""Share of the ten nearest neighbours that stay near."""
_TIE: Final = 0.005
"""Similarities that differ by less rank by chance: rounding to bf16 moves one by about half of it."""
_ROUNDS: Final = 15


@dataclass(frozen=True, slots=True)
class Trial:
    """One plan: how many leading convolutions stay fp32 (None: all), mean cosines to torch, share of the ten nearest
    neighbours that are torch's, core-ms a picture."""

    exact: int | None
    photo: float
    logo: float
    overlap: float
    milliseconds: float

    @property
    def agrees(self) -> bool:
        """Whether its vectors may share a space with those of torch in fp32."""
        return min(self.photo, self.logo) >= AGREEMENT and self.overlap >= OVERLAP


def main() -> None:
    """Probe the model and write the result. An error of any kind ends the process, and that is an answer too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=list(TITLES))
    parser.add_argument("model", type=Path)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    limit_threads(1)  # idle threads of linear algebra spin, and would count as the engine's
    result = probe(options.engine, options.model, options.directory)
    (options.directory / RESULT).write_text(json.dumps(result, indent=2) + "\n")


def probe(name: Name, model: Path, directory: Path) -> dict[str, object]:
    """Write the graph of `model` into `directory` and say which plan serves. Raises `ModelError` when none does."""
    sidecar = read_sidecar(model)
    if sidecar is None:
        raise ModelError("the model brings no heads of its own (brandwarden.json), and torch computes what stands in")
    torch = load_clip(f"local-dir:{model}", label=str(model), device="cpu", precision="fp32", threads=1)
    module = backend(name)
    module.write_graph(directory, torch, sidecar.side)
    expected = _vectors(torch)
    engine = EngineInfo(name, "", "probe")
    plans = {
        exact: module.open_graph(directory, sidecar, torch.space, engine, exact=exact, threads=1)
        for exact in module.plans()
    }
    times = _timed(list(plans.values()))
    trials = [
        _judged(embedder, expected, exact, milliseconds)
        for (exact, embedder), milliseconds in zip(plans.items(), times, strict=True)
    ]
    good = [trial for trial in trials if trial.agrees]
    if not good:
        raise ModelError(
            f"its vectors agree with torch to a cosine of {trials[0].photo:.4f} only, "
            f"and {trials[0].overlap:.0%} of neighbours are the same"
        )
    best = min(good, key=lambda trial: trial.milliseconds)
    return {"space": asdict(torch.space), "chosen": asdict(best), "trials": [asdict(trial) for trial in trials]}


def _judged(embedder: Embedder, expected: tuple[Vectors, Vectors], exact: int | None, milliseconds: float) -> Trial:
    found = _vectors(embedder)
    photo, logo = (float((one * two).sum(axis=1).mean()) for one, two in zip(found, expected, strict=True))
    return Trial(exact, photo, logo, neighbours_kept(found[0], expected[0]), milliseconds)


def _timed(embedders: Sequence[Embedder]) -> list[float]:
    """Core-ms a picture of each, the least of many turns: what else the machine does harms all plans alike."""
    batch = [embedders[0].prepare(drawn_pictures(1)[0])]
    times: list[list[float]] = [[] for _ in embedders]
    for _ in range(_ROUNDS):
        for own, embedder in zip(times, embedders, strict=True):
            started = time.process_time()
            embedder.embed_queries(batch)
            own.append(time.process_time() - started)
    return [min(own) * 1e3 for own in times]


def neighbours_kept(found: Vectors, expected: Vectors, most: int = 10) -> float:
    """Of the `most` nearest neighbours that each row of `found` has among `expected`, the share that `expected` itself
    holds for as near as its own, but for ties."""
    wanted = expected @ expected.T
    least = np.sort(wanted, axis=1)[:, -most][:, None] - _TIE
    nearest = np.argsort(-(found @ expected.T), axis=1)[:, :most]
    return float(np.mean(np.take_along_axis(wanted, nearest, axis=1) >= least))


def _vectors(embedder: Embedder) -> tuple[Vectors, Vectors]:
    pictures = drawn_pictures(6)
    photos = embedder.embed_photos([embedder.prepare(picture) for picture in pictures])
    logos = embedder.embed_logos([picture[40:200, 40:260] for picture in pictures[:4]])
    return np.concatenate([own.vectors for own in photos]), np.concatenate([own.vectors for own in logos])


def drawn_pictures(count: int) -> list[Pixels]:
    """`count` pictures with what photographs have: soft light, texture of all sizes, edges, letters; always the same.

    Vectors of rounded plans agree with fp32 on them a little less than on photographs.
    """
    random = np.random.default_rng(20)
    return [_draw(random, 320) for _ in range(count)]


def _draw(random: np.random.Generator, side: int) -> Pixels:
    canvas = np.full((side, side, 3), random.uniform(60, 200, 3), np.float32)
    size = 2
    while size <= side:
        noise = random.standard_normal((size, size, 3)).astype(np.float32) * (0.4 + 0.6 * random.random())
        noise += noise.mean(axis=2, keepdims=True)
        canvas += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) * 60.0 / size**0.7
        size *= 2
    picture = np.clip(canvas, 0, 255).astype(np.uint8)
    for _ in range(random.integers(3, 9)):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        x, y, length = (int(value) for value in random.integers(10, side - 10, 3))
        thick = int(random.choice([-1, 2, 5]))
        if random.random() < 0.5:
            cv2.rectangle(picture, (x, y), (x + length // 3, y + length // 4), colour, thick)
        else:
            cv2.ellipse(picture, (x, y), (length // 4 + 4, length // 6 + 4), float(length), 0, 360, colour, thick)
    word = "".join(random.choice(list("ABCDEGKMNORSTW"), 5))
    place = (int(random.integers(10, 120)), int(random.integers(60, side - 30)))
    cv2.putText(picture, word, place, cv2.FONT_HERSHEY_DUPLEX, float(random.uniform(1, 2.5)), (20, 20, 20), 3)
    return picture


if __name__ == "__main__":
    main()
