"""`brandwarden scan`: judge a folder or a file of listings, into JSON Lines and a report."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import Progress

from service.commands.terminal import (
    EXIT_FINDINGS,
    EXIT_USAGE,
    AsJson,
    CommandFailed,
    DataDir,
    ServiceKey,
    ServiceUrl,
    messages,
    print_json,
    progress_bar,
)
from service.errors import Invalid
from service.report import Entry, make_entry, write_report
from service.scanning import ScannedListing, ScannedPicture, count_listings, read_listings

if TYPE_CHECKING:
    from service.commands.checking import Checker

REPORTED: Final = 200
"""Most flagged listings that the report shows; the JSON Lines have them all."""
_AT_ONCE: Final = 4
_FLAGGED: Final = frozenset({"review", "hold", "takedown"})


def scan_command(
    source: Annotated[Path, typer.Argument(help="Folder of pictures, or listings as .csv, .tsv, .jsonl.")],
    *,
    out: Annotated[Path, typer.Option(help="JSON Lines to write, a result a line.")] = Path("scan.jsonl"),
    report: Annotated[Path, typer.Option(help="HTML report to write.")] = Path("scan.html"),
    resume: Annotated[bool, typer.Option("--resume", help="Skip listings that --out has, and add to it.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 1 when a listing was flagged.")] = False,
    data_dir: DataDir = None,
    url: ServiceUrl = None,
    key: ServiceKey = None,
    as_json: AsJson = False,
) -> None:
    """Judge every listing and write the results; without --url nothing is stored in the service.

    A listing that cannot be judged is a line with its problem. The report shows the first 200 flagged listings.
    """
    from service.commands.checking import open_checker  # noqa: PLC0415  # its engines are loaded only to check

    notes = messages(as_json)
    known = _known(out, resume)
    try:
        with open_checker(data_dir, url, key) as checker, progress_bar(notes) as bar:
            tally, entries = _scan(source, out, known, checker, bar)
    except Invalid as error:
        raise CommandFailed(error.detail, EXIT_USAGE) from error
    summary = {"listings": tally.total(), "skipped": len(known), **dict(sorted(tally.items()))}
    write_report(report, f"Scan of {source.name}", entries, {name: str(value) for name, value in summary.items()})
    if as_json:
        print_json({**summary, "out": str(out), "report": str(report)})
    else:
        notes.print(", ".join(f"{name} {value}" for name, value in summary.items()) + f". Report: {report}")
    if strict and _FLAGGED & tally.keys():
        raise typer.Exit(EXIT_FINDINGS)


def _scan(
    source: Path, out: Path, known: set[str], checker: Checker, bar: Progress
) -> tuple[Counter[str], list[Entry]]:
    """Judge what is not known yet into `out`; decisions counted, and the entries for the report."""
    tally: Counter[str] = Counter()
    entries: list[Entry] = []
    task = bar.add_task("Listings", total=count_listings(source), completed=len(known))
    waiting = (listing for listing in read_listings(source) if listing.listing_id not in known)
    with out.open("a", encoding="utf-8") as file:
        for listing, result in _judge_all(checker, waiting):
            file.write(json.dumps(result, ensure_ascii=False) + "\n")
            file.flush()
            tally[result.get("decision", "problem")] += 1
            if result.get("decision") in _FLAGGED and len(entries) < REPORTED:
                entries.append(_entry(listing, result, checker))
            bar.advance(task)
    return tally, entries


def _known(out: Path, resume: bool) -> set[str]:
    """Ids of the listings `out` has; a last line that was cut off is removed."""
    if not out.exists():
        return set()
    if not resume:
        raise CommandFailed(f"{out} exists; add --resume to go on with it, or name another --out.", EXIT_USAGE)
    known, whole = set(), 0
    with out.open("rb+") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            known.add(str(json.loads(line)["listing_id"]))
        file.truncate(whole)
    return known


def _judge_all(checker: Checker, listings: Iterable[ScannedListing]) -> Iterator[tuple[ScannedListing, dict[str, Any]]]:
    """Results in the order of the listings, a few at a time so that the pipeline has batches to make."""
    running: deque[tuple[ScannedListing, Future[dict[str, Any]]]] = deque()
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="scan") as pool:
        try:
            for listing in listings:
                running.append((listing, pool.submit(checker.judge, listing)))
                if len(running) >= 2 * _AT_ONCE:
                    first, future = running.popleft()
                    yield first, future.result()
            while running:
                first, future = running.popleft()
                yield first, future.result()
        finally:
            for _, future in running:
                future.cancel()


def _entry(listing: ScannedListing, result: dict[str, Any], checker: Checker) -> Entry:
    pictures = [_bytes(picture) for picture in listing.pictures]
    return make_entry(result, pictures, checker.reference_picture, title=listing.fields.get("title", ""))


def _bytes(picture: ScannedPicture) -> bytes:
    """The picture for the report; none for a URL, which is not fetched a second time."""
    try:
        return b"" if picture.url else picture.read()
    except Invalid:
        return b""
