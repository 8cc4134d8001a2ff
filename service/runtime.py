"""The parts of a running service, opened in order and closed in reverse. Knows nothing of HTTP.

The application, the command line and the benchmarks all work through one `Runtime`.
"""

from __future__ import annotations

import contextlib
import logging

from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.catalog import Catalog
from indexes.database import Database
from service.catalogs import CatalogImports
from service.fetching import Fetcher
from service.idempotency import Idempotency
from service.jobs import Jobs
from service.keys import Keys
from service.marketplaces import Marketplaces
from service.metrics import Metrics
from service.migrations import upgrade
from service.sessions import Sessions
from service.settings import Settings
from service.spool import Spool
from vision.embedding import Embedder

_LOG = logging.getLogger("brandwarden.runtime")


class Runtime:
    """Everything a request needs. `open` builds it; `close` ends it and may be called twice."""

    settings: Settings
    metrics: Metrics
    database: Database
    blobs: BlobStore
    brands: Brands
    catalog: Catalog
    keys: Keys
    marketplaces: Marketplaces
    sessions: Sessions
    idempotency: Idempotency
    spool: Spool
    fetcher: Fetcher
    jobs: Jobs
    catalog_imports: CatalogImports

    def __init__(self, settings: Settings, metrics: Metrics, closers: contextlib.ExitStack) -> None:
        self.settings = settings
        self.metrics = metrics
        self._closers = closers
        self._drain = settings.drain_timeout

    @classmethod
    def open(cls, settings: Settings, *, embedder: Embedder | None = None, metrics: Metrics | None = None) -> Runtime:
        """Migrate the database, load the model and the indexes, start the pipeline.

        `embedder` replaces the one the settings name. What was opened is closed again when a later part fails.
        """
        with contextlib.ExitStack() as stack:
            runtime = cls(settings, metrics or Metrics(), stack)
            runtime._open_storage(stack)
            runtime._open_models(embedder)
            runtime.jobs.open()
            stack.callback(runtime.jobs.close)
            runtime._closers = stack.pop_all()
            return runtime

    def close(self, *, drain: float | None = None) -> None:
        """Finish or refuse what is queued, write the snapshot, give back files and connections.

        `drain` is how many seconds the queue may take; the setting when None.
        """
        self._drain = self.settings.drain_timeout if drain is None else drain
        self._closers.close()

    def _open_storage(self, stack: contextlib.ExitStack) -> None:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.settings.sql_url)
        stack.callback(self.database.close)
        upgrade(self.database)
        self.blobs = BlobStore(self.settings.pictures_url)
        self.brands = Brands(self.database)
        self.catalog = Catalog(self.database)
        self.keys = Keys(self.database, operator_key=self.settings.operator_key)
        self.sessions = Sessions(self.database, self.keys, operator_key=self.settings.operator_key)
        self.marketplaces = Marketplaces(self.database)
        self.marketplaces.ensure_default()
        self.idempotency = Idempotency(self.database, hours=self.settings.idempotency_hours)
        self.spool = Spool(self.settings.data_dir / "spool", max_bytes=self.settings.spool_max_bytes)
        stack.callback(self.spool.close)
        self.fetcher = Fetcher(self.settings)
        stack.callback(self.fetcher.close)
        self.jobs = Jobs(self.database)

    def _open_models(self, embedder: Embedder | None) -> None:
        """Wired as the parts land."""
