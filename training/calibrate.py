"""`brandwarden-train calibrate`: fit the calibration that travels with a model.

Place in the flow: evidence (`training.gathering`) → fit (`training.fitting`) → `calibration.json` in the model's
directory, which `indexes.scoring` reads. It never touches the test folders.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Final, TypeAlias

import typer

from indexes.scoring import ANY_SPACE, Calibration, KindModel
from training.background import background_of
from training.crossfit import best_shape
from training.datasets import data_root, training_photos
from training.evidence import Draw, grouped, homes_of, photos_in
from training.fitting import Labelled, fit_kind, without_twins
from training.floors import FLOORS_NOTE, with_floors, with_gates, with_photo_gate
from training.gathering import Ledger, Source, foreign, gather, hash_of
from training.sightings import without_neighbours
from vision.embedders import DEFAULT_MODEL, load_embedder, model_directory
from vision.embedding import KINDS, Kind

FEATURES: Final[dict[Kind, tuple[str, ...]]] = {
    "photo": ("agreement", "close", "central", "layout", "exact", "anchors", "precise", "even", "enclosed"),
    "logo": ("own_shape", "firm", "inliers", "spelled", "support", "likeness"),
}
"""Pixels and words decide: without `similarity` one calibration serves every space. `likeness` is weighed only in the
space it was fitted in."""


PRIOR: Final[dict[Kind, float]] = {"photo": 0.2, "logo": 0.05}
"""Share of right answers among pictures with a candidate that aligns. Most listings are clean, and a mark meets eight
others in every picture with print on it, so its candidates are wrong more often."""

_CLEANED: Final[Mapping[Kind, Callable[[Sequence[Labelled]], list[Labelled]]]] = {
    "photo": without_twins,
    "logo": without_neighbours,
}

Plans: TypeAlias = Mapping[Kind, Sequence[Draw]]
"""The draws of each kind."""

STRICT: Final = "Fit the gate of photos on typical copies: cheaper where nothing is found, blind to some small pastes."


def calibrate(  # noqa: PLR0917 - each is a named option of the command
    model: Annotated[str, typer.Option(help="Model to calibrate: a name or a local-dir:.")] = DEFAULT_MODEL,
    out: Annotated[Path | None, typer.Option(help="File to write; by default into the model's directory.")] = None,
    photos: Annotated[int, typer.Option(help="Reference photos of a draw.", min=34)] = 320,
    logos: Annotated[int, typer.Option(help="Marks of a draw.", min=20)] = 200,
    photo_draws: Annotated[int, typer.Option(help="Draws of photos, each of a seed of its own.", min=1)] = 2,
    logo_draws: Annotated[int, typer.Option(help="Draws of marks, each of a seed of its own.", min=1)] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first draws; the next ones count on.")] = 11,
    evidence: Annotated[
        Path | None, typer.Option(help="Keep evidence in this file (.jsonl), and go on with what is there.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes that gather evidence side by side.", min=1)] = 1,
    strict: Annotated[bool, typer.Option("--strict-photos", help=STRICT)] = False,
    only: Annotated[str | None, typer.Option(help="Fit this kind, photo or logo; the other stays as it is.")] = None,
) -> None:
    """Fit score and confidence on edited copies, printed marks and their look-alikes, and the similarity floors.

    The same options on the same evidence give the same calibration; a run that was stopped goes on.
    """
    if only not in (None, *KINDS):
        raise typer.BadParameter(f"{only} is no kind: choose of {', '.join(KINDS)}")
    target = out or beside(model)
    sizes: dict[Kind, tuple[int, int]] = {"photo": (photos, photo_draws), "logo": (logos, logo_draws)}
    plans: Plans = {
        kind: [Draw(kind, count, seed + number) for number in range(draws)]
        for kind, (count, draws) in sizes.items()
        if only in (None, kind)
    }
    source = Source.of(model)
    rows, made_by = gathered(source, plans, evidence, workers)
    told = {kind: {"references": sizes[kind][0], "seeds": [draw.seed for draw in plans[kind]]} for kind in plans}
    made_by |= {"draws": told, "seed": seed, "strict_photos": strict}
    cleaned = {kind: _CLEANED[kind](rows[kind]) for kind in plans}
    kinds, notes = fit_kinds(cleaned)
    background, paths = background_of(model, source.embedder.space), training_photos(data_root())
    if only is None:
        fitted = with_floors(
            Calibration(kinds=kinds, space_id=ANY_SPACE, calibrated=True), source.embedder, paths, seed
        )
    else:
        fitted, notes = beside_kept(Calibration.load(beside(model)), kinds), {**notes_of(beside(model)), **notes}
    calibration = with_gates(fitted, cleaned, background)
    if strict:
        calibration = with_photo_gate(calibration, source.embedder, source.paths, background, seed)
    for kind in plans:
        notes[kind] |= {"left_out": len(rows[kind]) - len(cleaned[kind]), "made_by": made_by}
        typer.echo(f"{kind}: {notes[kind]['held_out']}")
    calibration.save(target, {**notes, "floors": FLOORS_NOTE})
    typer.echo(f"wrote {target} ({calibration.version})")


def gathered(
    source: Source, plans: Plans, kept: Path | None, workers: int
) -> tuple[dict[Kind, list[Labelled]], dict[str, Any]]:
    """The evidence of some draws by kind, and what it came from; gathered as far as `kept` does not hold it."""
    described = source.described()
    with TemporaryDirectory() as passing:
        ledger = Ledger(kept or Path(passing) / "evidence.jsonl", described)
        draws = [draw for some in plans.values() for draw in some]
        if photos_in(draws, source.paths) != set(ledger.homes):
            ledger.keep_homes(homes_of(draws, source.embedder, source.paths))
        gather(source, draws, ledger, workers)
        rows = {kind: grouped(ledger.rows(some), ledger.homes) for kind, some in plans.items()}
    return rows, {**described, "evidence": hash_of(rows)}


def beside_kept(kept: Calibration, fitted: Mapping[Kind, KindModel]) -> Calibration:
    """`kept` with the models of some kinds fitted anew; their floors stay, for the vectors did not change."""
    fresh = {kind: replace(model, floor=kept.floor(kind)) for kind, model in fitted.items()}
    return replace(kept, kinds={**kept.kinds, **fresh})


def fit_kinds(rows: Mapping[Kind, Sequence[Labelled]]) -> tuple[dict[Kind, KindModel], dict[str, Any]]:
    """A model of each kind, of the shape that does best on held-out groups, and notes on how it did there."""
    kinds: dict[Kind, KindModel] = {}
    notes: dict[str, Any] = {}
    for kind, labelled in rows.items():
        best, tried = best_shape(labelled, FEATURES[kind], prior=PRIOR[kind])
        kinds[kind] = fit_kind(labelled, FEATURES[kind], shape=best.shape, prior=PRIOR[kind])
        others = {one.shape: round(one.log_loss, 4) for one in tried}
        notes[kind] = summary(labelled, kinds[kind]) | {"held_out": best.notes(), "log_loss_by_shape": others}
    return kinds, notes


def floors(
    model: Annotated[str, typer.Option(help="Model whose calibration gets new floors.")] = DEFAULT_MODEL,
    out: Annotated[Path | None, typer.Option(help="Calibration file; by default in the model's directory.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 11,
    strict: Annotated[bool, typer.Option("--strict-photos", help=STRICT)] = False,
) -> None:
    """Fit the similarity floors again, after the model's weights changed; the rest stays."""
    target = out or beside(model)
    notes = notes_of(target)
    embedder, paths = load_embedder(model, threads=1), training_photos(data_root())
    calibration = with_floors(Calibration.load(target), embedder, paths, seed)
    if strict:
        background = background_of(model, embedder.space)
        calibration = with_photo_gate(calibration, embedder, foreign(paths), background, seed)
    calibration.save(target, {**notes, "floors": FLOORS_NOTE})
    typer.echo(f"wrote {target} ({calibration.version})")


def notes_of(path: Path) -> dict[str, Any]:
    """What is noted in a calibration file."""
    return dict(json.loads(path.read_text(encoding="utf-8")).get("notes", {}))


def beside(model: str) -> Path:
    """The calibration file in the directory of `model`."""
    directory = model_directory(model)
    if directory is None:
        raise typer.BadParameter(f"{model} has no directory of its own: name a file with --out")
    return directory / "calibration.json"


def summary(rows: Sequence[Labelled], model: KindModel) -> dict[str, Any]:
    """What was fitted on, and how the fit does on it: for people, and so that a later fit can be compared.

    `clean_pictures` are those in which nothing is to be found; the worst of them, and how many would be flagged.
    """
    best: dict[tuple[str, bool], float] = {}
    for row in rows:
        place = row.query, row.right
        best[place] = max(best.get(place, 0.0), model.confidence(model.score(row.features)))
    wrong = [confidence for (_, right), confidence in best.items() if not right]
    right = [confidence for (_, right), confidence in best.items() if right]
    return {
        "right_pairs": sum(row.right for row in rows),
        "wrong_pairs": sum(not row.right for row in rows),
        "pictures_with_a_wrong_pair": len(wrong),
        "wrongly_flagged": sum(confidence >= 0.5 for confidence in wrong),
        "wrong_above_0.1": sum(confidence > 0.1 for confidence in wrong),
        "strongest_wrong": round(max(wrong, default=0.0), 3),
        "right_flagged": round(sum(confidence >= 0.5 for confidence in right) / max(1, len(right)), 3),
    }
