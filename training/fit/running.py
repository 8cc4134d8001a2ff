"""A whole fit, from a configuration to a model directory.

Place in the flow: behind `brandwarden-train fit`. Data → the beginning and its closed forms → rounds of steps, each
judged and kept if it is the best so far → words → the written model. It can be stopped at any time and goes on from
the last round.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from training.fit.batches import Batches
from training.fit.beginning import begin
from training.fit.board import Board
from training.fit.checkpoints import Saved, load_checkpoint, save_checkpoint
from training.fit.closed import learn_heads, with_logoness
from training.fit.config import Config, ConfigError
from training.fit.drawings import open_marks
from training.fit.finish import write_student
from training.fit.judging import Examined, examine, judge
from training.fit.loop import Run
from training.fit.naming import ask_words
from training.fit.pictures import Album, open_album, read_manifest
from training.fit.progress import Bars
from training.fit.student import Student, open_visual
from training.fit.vocabulary import HELD_OUT_MARKS, read_kept_back, read_taught
from training.fit.words import check_words, learn_words
from training.marks import Mark, read_marks
from training.photos import read_photos, split_photos
from vision.embedders.checkpoint import load_checkpoint as load_model
from vision.embedders.clip import ClipEmbedder
from vision.embedders.sidecar import read_sidecar

KEPT: Final = ("copies first", "prints first at 1%", "street crops first at 1%")
"""The figures whose mean decides which round is kept."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fit works: the photographs, its own directory, the cache of decoded pictures and drawn marks, and the
    model it begins from (None: public ImageNet weights)."""

    data: Path
    work: Path
    cache: Path
    model: Path | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What is learned from, and what is only judged on."""

    album: Album
    marks: Sequence[Mark]
    examined: Examined


def read_material(config: Config, place: Place) -> Material:
    """Decode, draw and hold out; quick when the cache has it all."""
    split = split_photos(place.data)
    manifest = read_manifest(place.data, split.learn[: config.data.photos or None])
    album = open_album(place.cache, place.data, manifest, side=config.data.side)
    marks = open_marks(place.cache, config.data.marks, config.data.words, seed=config.seed, held_out=HELD_OUT_MARKS)
    held = read_photos(split.hold_out[: config.judged.photos])
    icons = read_marks(min(config.judged.marks, HELD_OUT_MARKS), seed=config.seed)
    return Material(album, marks, examine(held, icons, seed=config.seed, root=place.data))


class Fit:
    """One run in its directory `place.work`: `start/` is where it began, `best/` the best round, both loadable."""

    def __init__(self, config: Config, place: Place, material: Material, say: Callable[[str], None]) -> None:
        self._config, self._place, self._material, self._say = config, place, material, say
        self._start, self._best = place.work / "start", place.work / "best"
        torch.manual_seed(config.seed)

    def run(self, minutes: float) -> dict[str, float]:
        """Train for at most `minutes` (0: until the last step); returns the figures of the best round."""
        saved = load_checkpoint(self._place.work)
        figures: dict[str, float] = dict(saved.state["figures"]) if saved else self._begin()
        run = Run(self._config, self._student(), self._material.album, self._material.marks)
        if saved:
            run.resume(saved)
            self._say(f"goes on at step {run.step}")
        else:
            self._keep(run, figures)  # closed forms and their judgement take longer than a round
        board, until = Board(self._place.work / "board"), time.monotonic() + (minutes or 1e9) * 60
        with Bars() as bars:
            advance = bars.add("steps", self._config.steps, run.step)
            while run.step < self._config.steps and time.monotonic() < until:
                for step in run.round(self._config.round):
                    board.scalars("loss", step.terms, step.number)
                    advance(step.number, f"loss {step.terms['total']:.2f}")
                board.tiles(run.shown, run.step)
                figures = self._judge_round(run, figures, board)
        board.close()
        return figures

    def finish(self, out: Path) -> dict[str, float]:
        """Teach the best round its words and write it to `out`, with what it was made of; what its words find."""
        if out.exists():
            shutil.rmtree(out)
        shutil.copytree(self._best, out)
        figures = teach(out, self._config, self._place)
        content = {"manifest": self._material.album.manifest.sha256, "config": dataclasses.asdict(self._config)}
        (out / "fit.json").write_text(json.dumps(content, indent=2) + "\n")
        return figures

    def _begin(self) -> dict[str, float]:
        """The model the gradient starts from, with closed-form heads where it had none; judged as round 0."""
        if self._place.model is None:
            begin(self._start, self._config.words, seed=self._config.seed)
            student = self._student()
            self._learn_closed_forms(student)
            write_student(student, self._start, self._start)
        else:
            shutil.copytree(self._place.model, self._start, dirs_exist_ok=True)
        shutil.copytree(self._start, self._best, dirs_exist_ok=True)
        figures = judge(_load(self._start), self._material.examined)
        self._say(f"begins with {_said(figures)}")
        return figures

    def _student(self) -> Student:
        sidecar = read_sidecar(self._start)
        if sidecar is None:
            raise ConfigError(f"{self._start} has no heads (brandwarden.json); begin without a model")
        return Student(open_visual(self._start), sidecar, frozen_blocks=self._config.rates.frozen_blocks)

    def _learn_closed_forms(self, student: Student) -> None:
        album, marks = self._material.album, self._material.marks
        nobody = np.full((max(len(album), len(marks)), 1), -1, np.int64)
        alone = dataclasses.replace(self._config.batch, neighbours=0.0, photo_sides=(student.sidecar.side,))
        batches = Batches(
            alone,
            self._config.seed,
            album,
            marks,
            photo_neighbours=nobody[: len(album)],
            mark_neighbours=nobody[: len(marks)],
        )
        with Bars() as bars:
            advance = bars.add("closed forms", self._config.closed.batches)
            student.photo_head, student.logo_head = learn_heads(student, batches, self._config.closed, advance)
        random = np.random.default_rng(self._config.seed)
        photos = [album[int(number)] for number in random.permutation(len(album))[: self._config.closed.scenes]]
        student.take(with_logoness(student, photos, marks, self._config.closed, seed=self._config.seed))

    def _judge_round(self, run: Run, figures: dict[str, float], board: Board) -> dict[str, float]:
        """Write, judge, keep if best, and checkpoint; returns the best figures so far."""
        candidate = self._place.work / "round"
        write_student(run.averaged(), self._start, candidate)
        found = judge(_load(candidate), self._material.examined, scenes=False)
        board.scalars("held out", found, run.step)
        self._say(f"step {run.step}: {_said(found)}")
        if _score(found) > _score(figures):
            shutil.copytree(candidate, self._best, dirs_exist_ok=True)
            figures = found
        self._keep(run, figures)
        return figures

    def _keep(self, run: Run, figures: dict[str, float]) -> None:
        state: dict[str, Any] = {"figures": figures, "config": dataclasses.asdict(self._config)}
        saved = run.saved()
        save_checkpoint(self._place.work, Saved(saved.tensors, saved.state | state))


def teach(directory: Path, config: Config, place: Place) -> dict[str, float]:
    """Teach the model in `directory` a text tower of its own, in place; what its words find in pictures kept back.

    No vector of a picture changes, nor does the space. Raises `ConfigError` where the directory has no place for it.
    """
    embedder = _load(directory)
    check_words(directory, embedder.space.photo_dim)
    taught, kept_back = (read(embedder, config, place.data, place.cache) for read in (read_taught, read_kept_back))
    with Bars() as bars:
        advance = bars.add("words", config.words.steps)
        say = lambda step, loss: advance(step, f"loss {loss:.2f}")  # noqa: E731 - two words long
        learn_words(directory, taught.marks, taught.photos, config.words, seed=config.seed, say=say)
    return ask_words(_load(directory), kept_back, seed=config.seed)


def _load(directory: Path) -> ClipEmbedder:
    return ClipEmbedder(load_model(f"local-dir:{directory}", device="cpu", precision="auto"), directory.name)


def _score(figures: dict[str, float]) -> float:
    """The mean of the figures that decide, of those that could be taken."""
    return float(np.mean([figures[name] for name in KEPT if name in figures]))


def _said(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in figures.items())
