"""`brandwarden import`: a catalogue from a zip, a feed or a folder, as the job the HTTP interface would start."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final, TypeAlias

import httpx
import typer
from rich.console import Console

from indexes.paging import MAX_LIMIT
from service.commands.storage import find_brand, open_runtime
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
from service.job_rows import Job
from service.scanning import PICTURE_SUFFIXES

if TYPE_CHECKING:
    from service.catalogs import Mode, Source
    from service.runtime import Runtime

Report: TypeAlias = Callable[[int, int | None], None]
"""Called with the rows done and the rows there are."""
JobState: TypeAlias = dict[str, Any]
_POLL: Final = 0.2
_SHOWN_ERRORS: Final = 20


def import_command(
    source: Annotated[Path, typer.Argument(help="A zip, a feed (.csv, .tsv, .jsonl, .xml) or a folder of pictures.")],
    *,
    brand: Annotated[str, typer.Option(help="Brand (id or name) the catalogue belongs to.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Disable references of the brand that are not in it.")
    ] = False,
    data_dir: DataDir = None,
    url: ServiceUrl = None,
    key: ServiceKey = None,
    as_json: AsJson = False,
) -> None:
    """Bring a brand's catalogue in. What has a known external_id is updated.

    Without a manifest.csv every picture is a photo named by its path, and those under logos/ are logos.
    Ends with 1 when some rows failed. An import that is interrupted goes on when the service next starts.
    """
    if not source.exists():
        raise CommandFailed(f"{source} does not exist.", EXIT_USAGE)
    mode: Mode = "replace" if replace else "add"
    notes = messages(as_json)
    with _as_file(source) as (file, kind), progress_bar(notes) as bar:
        task, catalogue = bar.add_task("Rows", total=None), Catalogue(file, kind, brand, mode)

        def report(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        if url is None:
            with open_runtime(data_dir) as runtime:
                job = _import_here(runtime, catalogue, report)
        else:
            job = _import_there(url, key, catalogue, report)
    _conclude(job, as_json, notes)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What is to be imported, for whom and how."""

    file: Path
    source: Source
    brand: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class LocalUpload:
    """A file of this machine in the role of an upload."""

    path: Path
    filename: str

    @contextlib.contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """A seekable reader."""
        with self.path.open("rb") as file:
            yield file

    def keep(self, target: Path) -> None:
        """Copy to `target`, on disk when this returns."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("rb") as source, target.open("wb") as copy:
            shutil.copyfileobj(source, copy)
            copy.flush()
            os.fsync(copy.fileno())


def _import_here(runtime: Runtime, catalogue: Catalogue, report: Report) -> JobState:
    brand_id = find_brand(runtime.brands, catalogue.brand).id
    upload = LocalUpload(catalogue.file, catalogue.file.name)
    job = runtime.catalog_imports.accept(brand_id, catalogue.source, upload, catalogue.mode, None)
    while not job.is_finished:
        time.sleep(_POLL)
        job = runtime.jobs.get(job.id)
        report(job.done, job.total)
    return _state(job) | {
        name: [{"row": error.row, "file": error.file, "problem": error.problem} for error in found]
        for name, found in (("errors", runtime.jobs.errors(job)), ("warnings", runtime.jobs.warnings(job)))
    }


def _import_there(url: str, key: str | None, catalogue: Catalogue, report: Report) -> JobState:
    if not key:
        raise CommandFailed("--url needs --key (or BRANDWARDEN_KEY).", EXIT_USAGE)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=300, trust_env=False) as http:
        path = f"/v1/brands/{_find_there(http, catalogue.brand)}/catalogs"
        with catalogue.file.open("rb") as upload:
            files = {catalogue.source: (catalogue.file.name, upload)}
            started = _json(http, "POST", path, files=files, data={"mode": catalogue.mode})
        while True:
            job = _json(http, "GET", f"/v1/jobs/{started['job_id']}")
            report(job["done"], job["total"])
            if job["state"] not in {"queued", "running"}:
                return job
            time.sleep(_POLL)


def _find_there(http: httpx.Client, brand: str) -> str:
    if brand.startswith("brd_"):
        return brand
    cursor: str | None = None
    while True:
        page = _json(http, "GET", "/v1/brands", params={"limit": MAX_LIMIT} | ({"cursor": cursor} if cursor else {}))
        for entry in page["items"]:
            if entry["name"].casefold() == brand.casefold():
                return str(entry["id"])
        if (cursor := page["next_cursor"]) is None:
            raise CommandFailed(f"This key sees no brand {brand!r}; name it by its id.", EXIT_USAGE)


def _json(http: httpx.Client, method: str, path: str, **options: Any) -> dict[str, Any]:
    try:
        answer = http.request(method, path, **options)
        document: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise CommandFailed(f"The service at {http.base_url} does not answer as one: {error}.") from error
    if answer.status_code >= 400:
        raise CommandFailed(f"The service refused: {document.get('detail')}")
    return document


@contextlib.contextmanager
def _as_file(source: Path) -> Iterator[tuple[Path, Source]]:
    """The source as one file, and which kind of upload it is. A folder is packed for the time of the import."""
    if not source.is_dir():
        yield source, "archive" if zipfile.is_zipfile(source) else "feed"
        return
    with tempfile.TemporaryDirectory(prefix="brandwarden-import-") as folder:
        packed = Path(folder) / "folder.zip"
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(source.rglob("*")):
                wanted = path.suffix.lower() in PICTURE_SUFFIXES or path == source / "manifest.csv"
                if wanted and path.is_file():
                    archive.write(path, path.relative_to(source).as_posix())
            if not archive.namelist():
                raise CommandFailed(f"{source} has no pictures in it.", EXIT_USAGE)
        yield packed, "archive"


def _state(job: Job) -> JobState:
    return {"id": job.id, "state": job.state, "done": job.done, "total": job.total, "problem": job.problem}


def _conclude(job: JobState, as_json: bool, notes: Console) -> None:
    errors = job["errors"]
    if as_json:
        print_json(job)
    else:
        notes.print(f"{job['done']} rows, {len(errors)} of them failed.")
        for error in errors[:_SHOWN_ERRORS]:
            notes.print(f"  row {error['row']} {error['file'] or ''}: {_sentence(error['problem'])}", markup=False)
        if len(errors) > _SHOWN_ERRORS:
            notes.print(f"  … and {len(errors) - _SHOWN_ERRORS} more (--json shows the first thousand)")
        if warnings := job.get("warnings"):
            notes.print(f"{len(warnings)} rows have a warning (--json shows them), the first:")
            notes.print(f"  row {warnings[0]['row']}: {_sentence(warnings[0]['problem'])}", markup=False)
    if job["state"] != "succeeded":
        raise CommandFailed(f"The import ended {job['state']}: {_sentence(job.get('problem')) or 'see the log'}")
    if errors:
        raise typer.Exit(EXIT_FINDINGS)


def _sentence(problem: Any) -> str:
    if isinstance(problem, dict):
        return str(problem.get("detail") or problem.get("title"))
    return str(problem or "")
