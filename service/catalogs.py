"""Catalogue imports: an uploaded archive or feed is kept, and a job enrols its rows one by one.

What is cheap to know is refused at the upload; everything about single rows becomes row errors of the job. The upload
stays in `data_dir/imports` until its job has ended, so that another process goes on where a killed one stopped. Several
rows are enrolled at once, which keeps the embedding batched. Pictures themselves are `service.enrolment`'s business.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, Protocol

from indexes.catalog import Catalog, Reference
from indexes.errors import IndexesError, NotFound, SpaceMismatch, StorageFailed
from service.archives import Archive, ArchiveLimits, open_archive
from service.catalog_rows import CatalogRow, archive_rows, feed_rows
from service.errors import BodyTooLarge, Duplicate, Invalid, Overloaded, ServiceError
from service.fetching import Fetcher
from service.jobs import Job, JobContext, JobInterrupted, Jobs, Starter
from service.settings import MIB, Settings
from vision.embedding import KINDS, Kind
from vision.errors import ModelError, VisionError

Mode = Literal["add", "replace"]
Source = Literal["archive", "feed"]

KIND = "catalog"
FEED_BYTES = 256 * MIB
IN_FLIGHT = 16
"""Rows worked on at once: two batches of the embedder, so that one fills while the other runs."""
_FORESEEN = (ServiceError, VisionError, IndexesError)
_ORPHAN_SECONDS = 3600.0
_FATAL = (NotFound, StorageFailed, SpaceMismatch, ModelError, JobInterrupted)
_LOG = logging.getLogger("brandwarden.catalogs")


class Enrols(Protocol):
    """What is needed of `service.enrolment.Enrolment`."""

    def add(
        self,
        brand_id: str,
        kind: Kind,
        data: bytes,
        *,
        external_id: str | None = None,
        title: str | None = None,
        gtin: str | None = None,
        update_existing: bool = False,
        patience: float = 0.0,
    ) -> Reference:
        """Enrol one picture."""

    def twin(self, reference: Reference) -> Reference | None:
        """The reference that has this picture already."""


class Follows(Protocol):
    """The index that has to learn of what was disabled."""

    def catch_up(self) -> object:
        """Apply what was committed since."""


class Upload(Protocol):
    """What is needed of an uploaded file, such as `service.forms.FormFile`."""

    def open(self) -> AbstractContextManager[BinaryIO]:
        """A seekable reader."""

    def keep(self, target: Path) -> None:
        """Move it to `target`."""


Read = Callable[[CatalogRow], bytes]


class CatalogImports:
    """Accepts uploads and, as the handler of their jobs, works through them."""

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        *,
        catalog: Catalog,
        enrolment: Enrols,
        gallery: Follows,
        fetcher: Fetcher,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._catalog = catalog
        self._enrolment = enrolment
        self._gallery = gallery
        self._fetcher = fetcher
        self.folder = settings.data_dir / "imports"
        jobs.register(KIND, self.run, ended=self._ended)

    def accept(self, brand_id: str, source: Source, upload: Upload, mode: Mode, owner: Starter | None) -> Job:
        """Check what is cheap to check, keep the upload, start its job. Blocks for a second or so."""
        with upload.open() as file:
            self._check(source, file)
        self._sweep()
        name = secrets.token_hex(12)
        upload.keep(self.folder / name)
        params = {"brand_id": brand_id, "mode": mode, "source": source, "file": name}
        return self._jobs.start(KIND, owner, params)

    def run(self, context: JobContext) -> None:
        """Work through one upload; the handler of jobs of this kind."""
        with self._rows(context.params["source"], self.folder / context.params["file"]) as (rows, read):
            context.advance(context.done, len(rows), cursor=context.done)
            self._enrol_all(context, rows, read)
            if context.params["mode"] == "replace":
                self._disable_missing(context, rows)

    def _check(self, source: Source, file: BinaryIO) -> None:
        if source == "feed":
            file.seek(0, 2)
            if file.tell() > FEED_BYTES:
                raise BodyTooLarge(f"A feed may have at most {FEED_BYTES:,} bytes; split it.")
            feed_rows(file, limit=self._settings.catalog_max_rows)
            return
        with open_archive(file, self._archive_limits()) as archive:
            archive_rows(archive, limit=self._settings.catalog_max_rows)

    @contextmanager
    def _rows(self, source: Source, path: Path) -> Iterator[tuple[list[CatalogRow], Read]]:
        """The rows of a kept upload and how to get the picture of one."""
        limit = self._settings.catalog_max_rows
        if not path.exists():
            raise Invalid("The upload of this import is gone from the data directory; send it again.")
        if source == "feed":
            with path.open("rb") as file:
                rows = feed_rows(file, limit=limit)
            yield rows, self._fetch
            return
        with open_archive(path, self._archive_limits()) as archive:
            yield archive_rows(archive, limit=limit), _reader(archive)

    def _fetch(self, row: CatalogRow) -> bytes:
        return self._fetcher.fetch(row.file, max_bytes=self._settings.image_max_bytes)

    def _archive_limits(self) -> ArchiveLimits:
        return ArchiveLimits(
            entries=self._settings.catalog_max_rows,
            entry_bytes=self._settings.image_max_bytes,
            total_bytes=4 * self._settings.catalog_max_bytes,
        )

    def _enrol_all(self, context: JobContext, rows: list[CatalogRow], read: Read) -> None:
        """Up to `IN_FLIGHT` rows at once, reported in order: `done` rows are done, all of them."""
        under_way: deque[tuple[CatalogRow, Future[Reference | None]]] = deque()
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="import") as threads:
            try:
                for row in rows[context.done :]:
                    under_way.append((row, threads.submit(self._enrol, context, row, read)))
                    if len(under_way) >= IN_FLIGHT:
                        _report(context, *under_way.popleft())
                while under_way:
                    _report(context, *under_way.popleft())
            finally:
                threads.shutdown(wait=True, cancel_futures=True)

    def _enrol(self, context: JobContext, row: CatalogRow, read: Read) -> Reference | None:
        """Enrol the row; the reference that has its picture already, if there is one."""
        if row.problem is not None:
            raise Invalid(row.problem)
        data = read(row)
        while not context.ending:
            try:
                made = self._enrolment.add(
                    context.params["brand_id"],
                    row.kind,
                    data,
                    external_id=row.external_id,
                    title=row.title,
                    gtin=row.gtin,
                    update_existing=True,
                    patience=5.0,
                )
            except Overloaded:  # listings go first; an import waits for its turn
                time.sleep(0.2)
                continue
            return self._enrolment.twin(made)
        raise JobInterrupted

    def _disable_missing(self, context: JobContext, rows: list[CatalogRow]) -> None:
        """Disable what the upload does not name. Rows that failed keep what they had."""
        if context.error_count >= len(rows):
            context.error(None, None, Invalid("No row could be imported, so nothing was disabled."))
            return
        named = {row.key for row in rows}
        keep: set[str] = set()
        cursor = None
        while True:
            page = self._catalog.list(context.params["brand_id"], limit=1000, cursor=cursor)
            keep.update(found.id for found in page.items if (found.kind, found.external_id) in named)
            cursor = page.next_cursor
            if cursor is None:
                break
        context.checkpoint()
        self._catalog.disable_missing(context.params["brand_id"], keep, KINDS)
        self._gallery.catch_up()

    def _ended(self, job: Job) -> None:
        (self.folder / job.params["file"]).unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Remove uploads whose job never began or ended elsewhere."""
        if not self.folder.exists():
            return
        wanted = {job.params["file"] for job in self._jobs.unfinished(KIND)}
        for path in self.folder.iterdir():
            if path.name not in wanted and time.time() - path.stat().st_mtime > _ORPHAN_SECONDS:
                path.unlink(missing_ok=True)


def _reader(archive: Archive) -> Read:
    entries = {entry.name: entry for entry in reversed(archive.entries)}
    return lambda row: archive.read(entries[row.file])


def _report(context: JobContext, row: CatalogRow, enrolled: Future[Reference | None]) -> None:
    try:
        twin = enrolled.result()
        if twin is not None:
            named = f"{twin.external_id or twin.title or 'a reference'} ({twin.id})"
            words = f"The brand has this picture already as {named}; both are kept."
            context.warn(row.number, row.file[:500] or None, Duplicate(words, existing_id=twin.id))
    except _FATAL:
        context.checkpoint()
        raise
    except Exception as error:  # noqa: BLE001  # one bad picture, whatever is wrong with it, is one row error
        if not isinstance(error, _FORESEEN):
            _LOG.exception("row %d of job %s failed", row.number, context.job.id)
        context.error(row.number, row.file[:500] or None, error)
    context.advance(context.done + 1)
