"""`brandwarden-train evaluate`: the protocols through the same search as the service, and what came of it.

Place in the flow: last step of training. Enrols the references in a throw-away catalogue, asks every query through
`indexes.search.Searcher` with the effort a listing gets, and writes figures, plots and the worst errors. It fits
nothing. `evaluate_model` and `summary` are what other parts of training call.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from indexes.scoring import Calibration
from training.datasets import data_root
from training.evaluation.models import Model
from training.evaluation.outcomes import Outcomes
from training.evaluation.progress import showing
from training.evaluation.report import write_report
from training.evaluation.rivals import Rival
from training.evaluation.runs import run
from training.evaluation.summary import summary
from training.peers import PEERS, PeerMissing
from training.protocols import Copies, Logos, Protocol
from vision.embedders import DEFAULT_MODEL, calibration_path, load_embedder
from vision.embedding import Embedder, Kind

__all__ = ["evaluate", "evaluate_model", "summary"]

OUT = Path("build/evaluation")
PROTOCOLS = ("copies", "logos")


def evaluate_model(
    embedder: Embedder,
    calibration: Calibration,
    protocol: Protocol,
    *,
    folder: Path | None = None,
    per_kind: int | None = None,
) -> list[Outcomes]:
    """The outcomes of a protocol, one for each of its tables and galleries, asked in this process.

    With a `folder` answers are kept there and asked once. `per_kind` None is the effort a listing gets. `summary`
    makes figures of each.
    """
    with tempfile.TemporaryDirectory() as passing:
        plan = Model.of(embedder, calibration, protocol, folder or Path(passing), per_kind=per_kind)
        plan.enrol()
        return run(plan)


def evaluate(  # noqa: PLR0917 - each is a named option of the command
    model: Annotated[str, typer.Option(help="Model to evaluate.")] = DEFAULT_MODEL,
    protocol: Annotated[list[str] | None, typer.Option(help=f"{', '.join(PROTOCOLS)}; all by default.")] = None,
    subset: Annotated[int, typer.Option(help="References and negatives to use, spread over all; 0 for all.")] = 0,
    calibration: Annotated[Path | None, typer.Option(help="Another calibration file than the model's own.")] = None,
    peers: Annotated[str, typer.Option(help="Peers to measure as well: none, all, or names with ; between.")] = "none",
    workers: Annotated[int, typer.Option(help="Processes that share the questions, one thread each.")] = 1,
    first: Annotated[int, typer.Option(help="Verify this many references; 0 for what a listing gets.")] = 0,
    draws: Annotated[int, typer.Option(help="Resamples for the intervals; 0 for none.")] = 400,
    out: Annotated[Path, typer.Option(help="Directory to write to; answers are kept in it.")] = OUT,
) -> None:
    """Measure a model with its calibration on the development data's test folders."""
    embedder = load_embedder(model)
    path = calibration or calibration_path(model)
    judge = Calibration.load(path).within(embedder.space.id) if path else Calibration.uncalibrated()
    every: list[Outcomes] = []
    missing: list[str] = []
    for chosen in protocols(protocol or PROTOCOLS, subset):
        plan = Model.of(embedder, judge, chosen, out / "kept", model=model, per_kind=first or None)
        plan.enrol()
        with showing(f"{chosen.name}: {model}") as progress:
            every += run(plan, progress, workers=workers)
        for peer in peers_of(peers, chosen.kind):
            try:
                with showing(f"{chosen.name}: {peer}") as progress:
                    every += run(Rival(peer, chosen, out / "kept"), progress, workers=1)
            except PeerMissing as error:
                missing.append(f"{peer}: {error}")
    typer.echo(write_report(out, every, embedder.space, judge, draws=draws, effort=first or None, missing=missing))


def peers_of(names: str, kind: Kind) -> list[str]:
    """The peers of a kind that `names` asks for."""
    every = PEERS[kind]
    if names in ("none", "all"):
        return list(every) if names == "all" else []
    asked = [name.strip() for name in names.split(";")]
    if unknown := [name for name in asked if all(name not in some for some in PEERS.values())]:
        raise typer.BadParameter(f"there is no peer {', '.join(unknown)}: choose of {'; '.join(every)}")
    return [name for name in every if name in asked]


def protocols(names: list[str] | tuple[str, ...], subset: int) -> list[Protocol]:
    """The protocols of these names; `DataMissing` without the photographs they need."""
    made: list[Protocol] = []
    for name in names:
        if name not in PROTOCOLS:
            raise typer.BadParameter(f"{name} is no protocol: choose of {', '.join(PROTOCOLS)}")
        root = data_root()
        made.append(Logos(root, subset) if name == "logos" else Copies(root, subset))
    return made
