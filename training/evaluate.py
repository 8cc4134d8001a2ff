"""`brandwarden-train evaluate`: the copies and the logo protocol through the same search as the service.

Place in the flow: last step of training. Enrols the references in a throw-away catalogue, asks every query through
`indexes.search.Searcher`, and reports recall per edit family, µAP, recall at 1 % false positives and the share of
foreign pictures that would be flagged (confidence of at least 0.5). It fits nothing.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.catalog import Catalog, NewReference
from indexes.database import Database
from indexes.gallery import Gallery
from indexes.scoring import Calibration
from indexes.search import Match, Searcher
from training.datasets import data_root
from training.metrics import Prediction, calibration_error, micro_ap, recall_at_fpr, recall_at_p90
from training.protocols import NEGATIVE, Asked, Enrolled, Protocol
from vision.embedders import DEFAULT_MODEL, calibration_path, load_embedder
from vision.embedding import Embedder, Kind
from vision.images import encode_png
from vision.verification import LogoScene, LogoTemplate, LogoVerifier, PhotoDescription, PhotoVerifier

FLAGGED: Final = 0.5
MEDIA: Final = "image/png"
AnySearcher = Searcher[PhotoDescription, LogoScene, LogoTemplate]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one query got: the best right and the best wrong match, as (score, confidence), -1 for none."""

    name: str
    group: str
    right: tuple[float, float]
    wrong: tuple[float, float]
    wrong_answer: str
    seconds: float


NONE: Final = (-1.0, -1.0)


def evaluate(  # noqa: PLR0917 - each is a named option of the command
    model: Annotated[str, typer.Option(help="Model to evaluate.")] = DEFAULT_MODEL,
    kind: Annotated[str, typer.Option(help="photo, logo or both.")] = "both",
    subset: Annotated[int, typer.Option(help="References and negatives to use, spread over all; 0 for all.")] = 0,
    crops: Annotated[int, typer.Option(help="Reference crops per logo brand.")] = 3,
    calibration: Annotated[Path | None, typer.Option(help="Another calibration file than the model's own.")] = None,
    out: Annotated[Path, typer.Option(help="Directory for evaluation.json and evaluation.md.")] = Path("build"),
) -> None:
    """Measure a model with its calibration on the development data's test folders."""
    embedder = load_embedder(model)
    path = calibration or calibration_path(model)
    judge = Calibration.load(path).within(embedder.space.id) if path else Calibration.uncalibrated()
    kinds: tuple[Kind, ...] = ("photo", "logo") if kind == "both" else ("logo",) if kind == "logo" else ("photo",)
    report: dict[str, Any] = {"model": model, "space": embedder.space.id, "calibration": judge.version}
    details: dict[str, Any] = {}
    for one in kinds:
        outcomes = run(embedder, judge, Protocol(one, data_root(), subset, crops))
        report[one] = summary(outcomes)
        details[one] = [asdict(outcome) for outcome in outcomes]
    out.mkdir(parents=True, exist_ok=True)
    (out / "evaluation.json").write_text(json.dumps({**report, "outcomes": details}, indent=1) + "\n")
    (out / "evaluation.md").write_text(markdown(report))
    typer.echo(markdown(report))


def run(embedder: Embedder, calibration: Calibration, protocol: Protocol) -> list[Outcome]:
    """Enrol the references of a protocol and ask its queries."""
    with tempfile.TemporaryDirectory() as folder, catalogue(embedder, calibration, Path(folder)) as (shelf, searcher):
        shelf.enrol(protocol.kind, protocol.references())
        return [ask(embedder, searcher, protocol.kind, query) for query in protocol.queries()]


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the references of an evaluation are enrolled; a reference's `title` holds the answer it stands for."""

    embedder: Embedder
    catalog: Catalog
    blobs: BlobStore
    gallery: Gallery
    brand_id: str

    def enrol(self, kind: Kind, references: Iterable[Enrolled]) -> None:
        """Store, embed and index the references, as enrolment does."""
        for reference in references:
            pixels = reference.pixels
            sha256 = self.blobs.put(encode_png(pixels))
            embed = self.embedder
            made = embed.embed_photos([embed.prepare(pixels)]) if kind == "photo" else embed.embed_logos([pixels])
            height, width = pixels.shape[:2]
            new = NewReference(
                self.brand_id, kind, reference.name, reference.answer, None, None, sha256, width, height, MEDIA
            )
            self.catalog.add(new, embed.space, made[0])
        self.gallery.catch_up()


@contextmanager
def catalogue(embedder: Embedder, calibration: Calibration, folder: Path) -> Iterator[tuple[Shelf, AnySearcher]]:
    """An empty catalogue in a folder, and the service's search over it."""
    database = Database(f"sqlite:///{folder / 'catalogue.db'}")
    database.create_all()
    brands, catalog, blobs = Brands(database), Catalog(database), BlobStore(str(folder / "blobs"))
    gallery = Gallery.open(database, embedder.space, folder / "index")
    searcher = Searcher(catalog, brands, blobs, gallery, calibration, PhotoVerifier(), LogoVerifier())
    try:
        yield Shelf(embedder, catalog, blobs, gallery, brands.create("Evaluation").id), searcher
    finally:
        gallery.close()
        database.close()


def ask(embedder: Embedder, searcher: AnySearcher, kind: Kind, query: Asked) -> Outcome:
    """One query through embedder and search."""
    started = time.perf_counter()
    embedding = embedder.embed_queries([embedder.prepare(query.pixels)])[0]
    matches = searcher.search(query.pixels, embedding, kinds=(kind,)).matches
    seconds = time.perf_counter() - started
    right = [match for match in matches if match.reference.title == query.answer]
    wrong = [match for match in matches if match.reference.title != query.answer]
    answer = str(wrong[0].reference.external_id) if wrong else ""
    return Outcome(query.name, query.group, _best(right), _best(wrong), answer, round(seconds, 4))


def _best(matches: list[Match]) -> tuple[float, float]:
    return (matches[0].score, matches[0].confidence) if matches else NONE


def summary(outcomes: list[Outcome]) -> dict[str, Any]:
    """The figures of one protocol."""
    positives = [outcome for outcome in outcomes if outcome.group != NEGATIVE]
    negatives = [outcome for outcome in outcomes if outcome.group == NEGATIVE]
    pairs = [Prediction(one.right[0], right=True) for one in positives if one.right != NONE]
    pairs += [Prediction(one.wrong[0], right=False) for one in outcomes if one.wrong != NONE]
    best = [(one.right, True) if one.right > one.wrong else (one.wrong, False) for one in outcomes]
    groups = {group: [one for one in positives if one.group == group] for group in sorted({p.group for p in positives})}
    return {
        "positives": len(positives),
        "negatives": len(negatives),
        "micro_ap": round(micro_ap(pairs, len(positives)), 4),
        "recall_at_p90": round(recall_at_p90(pairs, len(positives)), 4),
        "recall_at_fpr_1%": round(_at_rate(positives, negatives, 0.01), 4),
        "recall_at_fpr_5%": round(_at_rate(positives, negatives, 0.05), 4),
        "recall_flagged": round(_flagged([one.right for one in positives]), 4),
        "false_flag_share": round(_flagged([one.wrong for one in negatives]), 4),
        "false_flags": sorted(f"{one.name} as {one.wrong_answer}" for one in negatives if one.wrong[1] >= FLAGGED),
        "ece": round(calibration_error([max(0.0, pair[0][1]) for pair in best], [pair[1] for pair in best]), 4),
        "groups": {name: round(_flagged([one.right for one in ones]), 4) for name, ones in groups.items()},
        "median_ms": round(1000 * sorted(one.seconds for one in outcomes)[len(outcomes) // 2], 1),
    }


def _at_rate(positives: list[Outcome], negatives: list[Outcome], rate: float) -> float:
    return recall_at_fpr([one.right[0] for one in positives], [one.wrong[0] for one in negatives], rate)


def _flagged(matches: list[tuple[float, float]]) -> float:
    return sum(confidence >= FLAGGED for _, confidence in matches) / max(1, len(matches))


def markdown(report: dict[str, Any]) -> str:
    """The report as Markdown tables."""
    lines = [
        f"# Evaluation of {report['model']}",
        "",
        f"Space `{report['space']}`, calibration {report['calibration']}.",
    ]
    for kind in ("photo", "logo"):
        if kind in report:
            lines += ["", f"## {kind}", "", "| figure | value |", "| --- | --- |"]
            lines += [f"| {name} | {value} |" for name, value in report[kind].items() if isinstance(value, int | float)]
            lines += ["", "| family | recall at confidence of at least 0.5 |", "| --- | --- |"]
            lines += [f"| {name} | {value} |" for name, value in report[kind]["groups"].items()]
            lines += ["", "Flagged wrongly: " + (", ".join(report[kind]["false_flags"]) or "none") + "."]
    return "\n".join(lines) + "\n"
