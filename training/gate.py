"""`brandwarden-train gate`: is a candidate no worse than the model that serves, on the same frozen questions?

Place in the flow: after `evaluate` and `calibrate`, before `promote`, which hands the report to the service. Both
models answer every question through the service's own search; differences are judged by a paired bootstrap, so that
noise of the set does not decide. It promotes nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import typer

from indexes.scoring import Calibration
from training.datasets import data_root
from training.evaluation.intervals import DRAWS, intervals
from training.evaluation.outcomes import Outcome, Outcomes
from training.evaluation.summary import FLAGGED, figures
from training.frozen import Frozen
from training.protocols import Copies, Logos, Protocol
from vision.embedders import DEFAULT_MODEL, calibration_path, load_embedder
from vision.embedding import Embedder, Kind

FORMAT: Final = 1
MOST_LOST: Final = 0.05
"""A figure may not fall by more than this, even where the set is too small to show that it did."""
GATED: Final = ("micro_ap", "recall_at_p90", "recall_at_fpr_1%", "recall_at_fpr_0.1%", "clean_not_flagged")
_GROUP_FIGURE: Final = "recall_at_fpr_1%"

Pair: TypeAlias = tuple[Outcome, Outcome]
"""The current model's outcome of a question, and the candidate's."""


class NotComparable(Exception):
    """The two models were not asked the same questions."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both models. `interval` is the 95 % interval of candidate minus current."""

    figure: str
    current: float
    candidate: float
    interval: tuple[float, float]

    @property
    def is_worse(self) -> bool:
        """Below the current model beyond the noise of the set, or by more than may be lost at all."""
        difference = self.candidate - self.current
        return difference < 0 and (self.interval[1] < 0 or difference < -MOST_LOST)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        difference = round(self.candidate - self.current, 4)
        values = {"current": round(self.current, 4), "candidate": round(self.candidate, 4), "difference": difference}
        return {"figure": self.figure, **values, "interval": list(self.interval), "worse": self.is_worse}


def gate(  # noqa: PLR0917 - each is a named option of the command
    candidate: Annotated[str, typer.Argument(help="Model that wants to serve: a name or local-dir:.")],
    current: Annotated[str, typer.Option(help="Model that serves.")] = DEFAULT_MODEL,
    source: Annotated[
        str | None, typer.Option("--set", help="A frozen set of your own (folder, CSV, Parquet, shards).")
    ] = None,
    kind: Annotated[str, typer.Option(help="What the set's references are: photo or logo.")] = "photo",
    subset: Annotated[int, typer.Option(help="Without --set: questions to use, spread over all; 0 for all.")] = 0,
    draws: Annotated[int, typer.Option(help="Resamples of the bootstrap.", min=20)] = DRAWS,
    out: Annotated[Path, typer.Option(help="Report to write.")] = Path("build/gate.json"),
    kept: Annotated[Path | None, typer.Option(help="Folder that keeps answers for another gate.")] = None,
) -> None:
    """Hold a candidate against the model that serves; ends with 1 when a figure is worse."""
    if kind not in ("photo", "logo"):
        raise typer.BadParameter("the kind is photo or logo")
    chosen: Kind = "logo" if kind == "logo" else "photo"
    asked: list[Protocol] = (
        [Frozen(source, chosen)] if source else [Copies(data_root(), subset), Logos(data_root(), subset)]
    )
    with tempfile.TemporaryDirectory() as passing:
        folder = kept or Path(passing)
        sides = {
            name: answered(model, asked, folder) for name, model in (("current", current), ("candidate", candidate))
        }
    report = compare(sides["current"], sides["candidate"], draws=draws)
    report["sets"] = [protocol.key for protocol in asked]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1) + "\n")
    typer.echo(told(report))
    typer.echo(f"wrote {out}")
    if not report["passed"]:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Answered:
    """What one model is, and its outcomes."""

    model: str
    space: str
    calibration: Calibration
    outcomes: Sequence[Outcomes]

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        told = {"model": self.model, "space": self.space, "calibration": self.calibration.version}
        return {**told, "calibrated": self.calibration.calibrated}


def answered(model: str, protocols: Sequence[Protocol], folder: Path) -> Answered:
    """Put every question of some protocols to a model, with the calibration that travels with it."""
    from training.evaluate import evaluate_model  # noqa: PLC0415 - the search loads for the command, not for --help

    embedder = load_embedder(model)
    calibration = calibration_of(model, embedder)
    every: list[Outcomes] = []
    for protocol in protocols:
        every += evaluate_model(embedder, calibration, protocol, folder=folder)
    return Answered(model, embedder.space.id, calibration, every)


def calibration_of(model: str, embedder: Embedder) -> Calibration:
    """As the service takes it: the model's own where it fits the space, else none."""
    path = calibration_path(model)
    found = Calibration.load(path) if path else Calibration.uncalibrated()
    space = embedder.space.id
    return found.within(space) if found.fits(space) else Calibration.uncalibrated()


def compare(current: Answered, candidate: Answered, *, draws: int = DRAWS) -> dict[str, Any]:
    """The report: every gated figure of every table, and the groups (brands, edit families) that lost."""
    tables: list[dict[str, Any]] = []
    lost: list[dict[str, Any]] = []
    failed: list[str] = []
    for old, new in _paired(current.outcomes, candidate.outcomes):
        pairs = list(zip(old.items, new.items, strict=True))
        where = {"table": old.table, "gallery": old.gallery}
        differences = difference_of(pairs, draws=draws)
        tables.append({**where, "questions": len(pairs), "figures": [one.as_json() for one in differences]})
        failed += [f"{one.figure} ({old.table}, {old.gallery})" for one in differences if one.is_worse]
        lost += [where | one for one in regressions(pairs, draws=max(20, draws // 4))]
    return {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "current": current.as_json(),
        "candidate": candidate.as_json(),
        "passed": not failed,
        "failed": failed,
        "tables": tables,
        "regressions": sorted(lost, key=lambda one: one["difference"]),
        "notes": _notes(current, candidate),
    }


def difference_of(pairs: Sequence[Pair], *, draws: int) -> list[Difference]:
    """Every gated figure of both, with the interval of the difference: whole units are drawn, of both models alike."""
    old, new = gated([pair[0] for pair in pairs]), gated([pair[1] for pair in pairs])
    between = _intervals(pairs, gated, draws)
    return [Difference(name, old[name], new[name], between[name]) for name in GATED]


def regressions(pairs: Sequence[Pair], *, draws: int) -> list[dict[str, Any]]:
    """The groups (brands, edit families) whose recall at a fixed false-positive rate fell, sure or not."""
    foreign = [pair for pair in pairs if pair[0].negative]
    found = []
    for group in sorted({pair[0].group for pair in pairs if not pair[0].negative}):
        own = [pair for pair in pairs if pair[0].group == group and not pair[0].negative]
        both = [*own, *foreign]
        old, new = (gated([pair[side] for pair in both])[_GROUP_FIGURE] for side in (0, 1))
        if new < old:
            between = _intervals(both, lambda items: {_GROUP_FIGURE: gated(items)[_GROUP_FIGURE]}, draws)
            found.append(
                {"group": group, "questions": len(own)}
                | Difference(_GROUP_FIGURE, old, new, between[_GROUP_FIGURE]).as_json()
            )
    return found


def gated(items: Sequence[Outcome]) -> dict[str, float]:
    """The figures that are held to the gate; higher is better for all of them."""
    every = figures(items)
    negatives = [one for one in items if one.negative]
    clean = sum(one.wrong is None or one.wrong.confidence < FLAGGED for one in negatives)
    every["clean_not_flagged"] = clean / len(negatives) if negatives else 1.0
    return {name: every[name] for name in GATED}


def _intervals(
    pairs: Sequence[Pair], measure: Callable[[list[Outcome]], Mapping[str, float]], draws: int
) -> dict[str, tuple[float, float]]:
    def between(sample: list[Pair]) -> dict[str, float]:
        old, new = (measure([pair[side] for pair in sample]) for side in (0, 1))
        return {name: new[name] - old[name] for name in new}

    strata, units = [pair[0].negative for pair in pairs], [pair[0].unit for pair in pairs]
    return intervals(pairs, strata, units, between, draws=draws)


def _paired(current: Sequence[Outcomes], candidate: Sequence[Outcomes]) -> list[tuple[Outcomes, Outcomes]]:
    others = {(one.table, one.gallery): one for one in candidate}
    pairs = [(one, others.get((one.table, one.gallery))) for one in current]
    found = [(old, new) for old, new in pairs if new is not None and _names(old) == _names(new)]
    if len(found) != len(current) or len(candidate) != len(current) or not found:
        raise NotComparable("the two models were not asked the same questions; run the gate again without kept answers")
    return found


def _names(outcomes: Outcomes) -> list[tuple[str, str]]:
    return [(one.name, one.group) for one in outcomes.items]


def _notes(current: Answered, candidate: Answered) -> list[str]:
    notes = []
    if not candidate.calibration.calibrated:
        notes.append("The candidate has no calibration: nothing it finds goes beyond a review.")
    if candidate.space == current.space:
        notes.append("Both are the same space.")
    return notes


def told(report: Mapping[str, Any]) -> str:
    """The report for people."""
    lines = [f"{report['candidate']['model']} against {report['current']['model']}:"]
    for table in report["tables"]:
        lines.append(f"  {table['table']}, {table['gallery']}, {table['questions']} questions")
        for one in table["figures"]:
            low, high = one["interval"]
            moved = f"{one['current']:.4f} -> {one['candidate']:.4f}  [{low:+.4f}, {high:+.4f}]"
            lines.append(f"    {one['figure']:20} {moved} {'WORSE' if one['worse'] else ''}".rstrip())
    lines += [
        f"  lost: {one['group']} ({one['table']}, {one['gallery']}) {one['current']:.3f} -> {one['candidate']:.3f}"
        for one in report["regressions"][:20]
    ]
    lines += report["notes"]
    lines.append("passed" if report["passed"] else f"not passed: {', '.join(report['failed'])}")
    return "\n".join(lines)
