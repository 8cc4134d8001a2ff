"""`brandwarden-train evaluate`: the protocols through the same search as the service, and what came of it.

Place in the flow: last step of training. Enrols the references in a throw-away catalogue, asks every query through
`indexes.search.Searcher` with the effort a listing gets, asks peers the same, and writes figures, plots and the worst
errors. It fits nothing. `evaluate_model` and `summary` are what other parts of training call.
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from indexes.scoring import Calibration
from training.datasets import DataMissing, data_root
from training.evaluation.models import Model, calibration_for
from training.evaluation.outcomes import Outcomes
from training.evaluation.plots import write_plots
from training.evaluation.progress import showing
from training.evaluation.report import Header, inserted, markdown, report_of
from training.evaluation.rivals import Rival
from training.evaluation.runs import run
from training.evaluation.sheets import write_sheet
from training.evaluation.summary import summary
from training.packages import PackageCopies, PackageLogos
from training.peers import PEERS, PeerMissing
from training.protocols import Copies, Logos, Protocol
from training.shelves import Shelves
from vision.embedders import DEFAULT_MODEL, calibration_path, load_embedder
from vision.embedding import Embedder, Kind

__all__ = ["evaluate", "evaluate_model", "report", "summary"]

OUT: Final = Path("build/evaluation")
PROTOCOLS: Final = ("copies", "shelves", "logos", "package-copies", "package-logos")


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
        with showing(f"{protocol.name}: {plan.by}") as progress:
            return run(plan, progress)


def evaluate(  # noqa: PLR0917 - each is a named option of the command
    model: Annotated[str, typer.Option(help="Model to evaluate.")] = DEFAULT_MODEL,
    protocol: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(PROTOCOLS)}; may be repeated.")] = None,
    subset: Annotated[int, typer.Option(help="References and negatives to use, spread over all; 0 for all.")] = 0,
    calibration: Annotated[Path | None, typer.Option(help="Another calibration file than the model's own.")] = None,
    peers: Annotated[str, typer.Option(help="Peers to measure as well: none, all, or names with ; between.")] = "none",
    workers: Annotated[int, typer.Option(help="Processes that share the questions, one thread each.")] = 1,
    first: Annotated[int, typer.Option(help="Verify this many references; 0 for what a listing gets.")] = 0,
    draws: Annotated[int, typer.Option(help="Resamples for the intervals; 0 for none.")] = 400,
    out: Annotated[Path, typer.Option(help="Directory to write to; answers are kept in it.")] = OUT,
) -> None:
    """Measure a model with its calibration: recall, false positives, boxes, calibration, time, and the worst errors.

    Without names the protocols on the development photographs (BRANDWARDEN_DATA), and those on pictures that packages
    carry where there are none.
    """
    chosen = protocols(protocol or _whatever_runs(), subset)
    rivals = {one.name: peers_of(peers, one.kind) if one.name != "shelves" else [] for one in chosen}
    embedder = load_embedder(model)
    path = calibration or calibration_path(model)
    judge = calibration_for(path, embedder)
    every: list[Outcomes] = []
    missing: list[str] = []
    for one in chosen:
        plan = Model.of(embedder, judge, one, out / "kept", model=model, source=path, per_kind=first or None)
        plan.enrol()
        with showing(f"{one.name}: {plan.by}") as progress:
            every += run(plan, progress, workers=workers)
        for peer in rivals[one.name]:
            try:
                with showing(f"{one.name}: {peer}") as progress:
                    every += run(Rival(peer, one, out / "kept"), progress, workers=workers)
            except PeerMissing as error:
                missing.append(f"{peer}: {error}")
    effort = f"the first {first} references verified" if first else "what a listing gets"
    by = every[0].by
    priors = {kind: own.prior for kind, own in judge.kinds.items()} if judge.calibrated else {}
    header = Header(by, embedder.space.id, judge.version, effort, subset, machine(workers), tuple(missing), priors)
    typer.echo(write(out, header, every, chosen, draws))


def write(out: Path, header: Header, every: Sequence[Outcomes], chosen: Sequence[Protocol], draws: int) -> str:
    """Write `evaluation.json`, `evaluation.md`, plots and sheets of errors into `out`; the Markdown."""
    out.mkdir(parents=True, exist_ok=True)
    made = report_of(header, every, draws=draws)
    text = markdown(made)
    (out / "evaluation.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    (out / "evaluation.md").write_text(text, encoding="utf-8")
    write_plots(out, every, header.model)
    for outcomes in every:
        if outcomes.by == header.model:
            asked = next(one for one in chosen if one.name == outcomes.protocol)
            write_sheet(out / f"{outcomes.table.replace(' ', '-')}-{outcomes.gallery}-errors.jpg", outcomes, asked)
    return text


def report(
    source: Annotated[
        list[Path] | None, typer.Option("--json", help="What `evaluate` wrote; may be repeated for several runs.")
    ] = None,
    into: Annotated[Path | None, typer.Option(help="A page to put the figures into, between its markers.")] = None,
) -> None:
    """Print the figures of evaluations as Markdown, or put them into a page such as docs/evaluation.md."""
    paths = source or [OUT / "evaluation.json"]
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise typer.BadParameter(f"{', '.join(missing)} is not there; brandwarden-train evaluate writes it")
    made = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    text = "\n".join(markdown(one) for one in made)
    if into is None:
        typer.echo(text)
    else:
        into.write_text(inserted(into.read_text(encoding="utf-8"), text), encoding="utf-8")


def protocols(names: Sequence[str], subset: int) -> list[Protocol]:
    """The protocols of these names. Raises `DataMissing` without the photographs they need."""
    made: list[Protocol] = []
    for name in names:
        match name:
            case "copies":
                made.append(Copies(data_root(), subset))
            case "shelves":
                made.append(Shelves(data_root(), subset))
            case "logos":
                made.append(Logos(data_root(), subset))
            case "package-copies":
                made.append(PackageCopies(subset))
            case "package-logos":
                made.append(PackageLogos(subset))
            case _:
                raise typer.BadParameter(f"{name} is no protocol: choose of {', '.join(PROTOCOLS)}")
    return made


def peers_of(names: str, kind: Kind) -> list[str]:
    """The peers of a kind that `names` asks for."""
    every = PEERS[kind]
    if names in ("none", "all"):
        return list(every) if names == "all" else []
    asked = [name.strip() for name in names.split(";")]
    if unknown := [name for name in asked if all(name not in some for some in PEERS.values())]:
        known = "; ".join(name for some in PEERS.values() for name in some)
        raise typer.BadParameter(f"there is no peer {', '.join(unknown)}: choose of {known}")
    return [name for name in every if name in asked]


def machine(workers: int) -> str:
    """The processor's name and how it was used."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{named[0] if named else platform.machine()}, {os.cpu_count()} cores, {workers} processes"


def _whatever_runs() -> tuple[str, ...]:
    try:
        data_root()
    except DataMissing as error:
        typer.echo(f"{error}. Pictures that packages carry are used instead.", err=True)
        return PROTOCOLS[3:]
    return PROTOCOLS[:3]
