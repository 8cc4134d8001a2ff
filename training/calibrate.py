"""`brandwarden-train calibrate`: fit the calibration that travels with a model.

Place in the flow: evidence (`training.evidence`) → fit (`training.fitting`) → `calibration.json` in the model's
directory, which `indexes.scoring` reads. It never touches the test folders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from indexes.scoring import ANY_SPACE, Calibration, KindModel
from training.datasets import data_root, training_photos
from training.evidence import Plan, logo_evidence, photo_evidence
from training.fitting import Labelled, fit_kind
from vision.embedders import DEFAULT_MODEL, load_embedder, model_directory
from vision.embedding import Embedder, Kind

FEATURES: Final[dict[Kind, tuple[str, ...]]] = {
    "photo": ("agreeing", "agreement", "close", "central", "whole", "layout", "coverage", "inliers"),
    "logo": ("shape", "parts", "shape_parts", "own_shape"),
}
"""Pixels alone decide: without `similarity` one calibration serves every space, and outlives a retrained embedder."""


PRIOR: Final[dict[Kind, float]] = {"photo": 0.5, "logo": 1 / 3}
"""Share of right answers among pictures with a candidate that aligns. A mark meets eight others in every picture with
print on it, so its candidates are wrong more often."""


def calibrate(
    model: Annotated[str, typer.Option(help="Model to calibrate: a name or a local-dir:.")] = DEFAULT_MODEL,
    out: Annotated[Path | None, typer.Option(help="File to write; by default into the model's directory.")] = None,
    photos: Annotated[int, typer.Option(help="Reference photos to fit on.", min=28)] = 600,
    logos: Annotated[int, typer.Option(help="Marks to fit on.", min=20)] = 250,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 11,
) -> None:
    """Fit score and confidence on edited copies, printed marks and their look-alikes."""
    embedder = load_embedder(model)
    paths = training_photos(data_root())
    target = out or _beside(model)
    plans: dict[Kind, Plan] = {"photo": Plan(photos, seed=seed), "logo": Plan(logos, seed=seed)}
    rows = {kind: _gathered(kind, embedder, paths, plan) for kind, plan in plans.items()}
    kinds: dict[Kind, KindModel] = {kind: fit_kind(rows[kind], FEATURES[kind], prior=PRIOR[kind]) for kind in plans}
    calibration = Calibration(kinds=kinds, space_id=ANY_SPACE, calibrated=True)
    calibration.save(target, {kind: _summary(rows[kind], plans[kind]) for kind in plans})
    typer.echo(f"wrote {target} ({calibration.version})")


def _beside(model: str) -> Path:
    directory = model_directory(model)
    if directory is None:
        raise typer.BadParameter(f"{model} has no directory of its own: name a file with --out")
    return directory / "calibration.json"


def _gathered(kind: Kind, embedder: Embedder, paths: list[Path], plan: Plan) -> list[Labelled]:
    source = photo_evidence if kind == "photo" else logo_evidence
    rows: list[Labelled] = []
    for number, row in enumerate(source(embedder, paths, plan), start=1):
        rows.append(row)
        if number % 500 == 0:
            typer.echo(f"{kind}: {number} candidates checked", err=True)
    return rows


def _summary(rows: Iterable[Labelled], plan: Plan) -> dict[str, Any]:
    """What was fitted on, for the model card: counts and a digest of the features."""
    listed = list(rows)
    digest = hashlib.sha256(repr([(sorted(row.features.items()), row.right) for row in listed]).encode())
    return {
        "references": plan.references,
        "seed": plan.seed,
        "right": sum(row.right for row in listed),
        "wrong": sum(not row.right for row in listed),
        "evidence": digest.hexdigest()[:16],
    }
