"""The parts of a running service, opened in order and closed in reverse. Knows nothing of HTTP.

The application, the command line and the benchmarks all work through one `Runtime`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from functools import partial

from indexes.blobs import BlobStore
from indexes.brands import Brand, Brands
from indexes.catalog import Catalog, Reference, ReferenceStatus
from indexes.changes import Changes
from indexes.database import Database
from indexes.errors import SpaceMismatch
from indexes.gallery import Gallery
from indexes.scoring import Calibration, Judgement
from indexes.search import Match
from indexes.shelves import Shelves
from indexes.words import WordSearch
from service.announcements import EVENTS, CaseAnnouncer, ReferenceAnnouncer
from service.authorised.recognition import NegativeFilling
from service.catalogs import CatalogImports
from service.conflicts.checking import Checking
from service.conflicts.opening import open_checking
from service.conflicts.records import Conflicts
from service.conflicts.resolutions import Resolutions
from service.describing import Describing, open_describing
from service.enrolment import Enrolment
from service.fetching import Fetcher
from service.gauges import set_gauges
from service.idempotency import Idempotency
from service.jobs import Jobs
from service.keys import Keys, Principal
from service.listings import Listings
from service.listings.store import ListingStore
from service.listings.verdicts import Verdicts
from service.marketplaces import Marketplaces
from service.metrics import Metrics
from service.migrations import upgrade
from service.nulls import NullRecords, Nulls
from service.oidc import OpenIdConnect
from service.packets import Packets, open_packets
from service.pictures import PictureKeeper
from service.pipeline import Pipeline
from service.previews import Previews
from service.proofs import Proofs
from service.proofs.opening import open_proofs
from service.reading import open_reader
from service.retention import Retention, pictures_in_use
from service.sealing import Sealer
from service.searching import make_search
from service.sessions import Sessions
from service.settings import Settings
from service.sign_in_links import SignInLinks
from service.spaces import SpaceRecords, Spaces
from service.spaces.choosing import configured, loader, open_first, record_first
from service.spaces.filling import Filling
from service.spaces.life import Life
from service.spaces.loading import Loads
from service.spaces.preparing import Preparing
from service.spaces.shadow import Judged, Shadow
from service.spaces.statistics import Statistics
from service.spool import Spool, disk_errors
from service.takedown import Takedown
from service.upkeep import Upkeep
from service.webhooks import Webhooks
from vision.embedding import Embedder, Kind
from vision.images import DecodeLimits

_LOG = logging.getLogger("brandwarden.runtime")


class Runtime(Takedown):
    """Everything a request needs. `open` builds it; `close` ends it and may be called twice."""

    settings: Settings
    metrics: Metrics
    database: Database
    blobs: BlobStore
    brands: Brands
    catalog: Catalog
    pictures: PictureKeeper
    previews: Previews
    keys: Keys
    marketplaces: Marketplaces
    sealer: Sealer
    sessions: Sessions
    sign_in_links: SignInLinks
    oidc: OpenIdConnect | None
    webhooks: Webhooks
    idempotency: Idempotency
    spool: Spool
    fetcher: Fetcher
    words: str
    spaces: Spaces
    filling: Filling
    life: Life
    statistics: Statistics
    shadow: Shadow
    pipeline: Pipeline
    enrolment: Enrolment
    proofs: Proofs
    packets: Packets
    listings: Listings
    verdicts: Verdicts
    conflicts: Conflicts
    resolutions: Resolutions
    checking: Checking
    nulls: Nulls
    retention: Retention
    describing: Describing
    upkeep: Upkeep
    jobs: Jobs
    catalog_imports: CatalogImports

    def __init__(self, settings: Settings, metrics: Metrics, closers: contextlib.ExitStack) -> None:
        self.settings = settings
        self.metrics = metrics
        self._closers = closers
        self._drain = settings.drain_timeout

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        embedder: Embedder | None = None,
        metrics: Metrics | None = None,
        require_vectors: bool = True,
        loads: Loads | None = None,
    ) -> Runtime:
        """Migrate the database, load the model and the indexes, start the pipeline.

        `embedder` replaces the one the settings name, `loads` the way other models are loaded. What was opened is
        closed again when a later part fails. Where the catalogue has references but none has vectors of this model,
        `SpaceMismatch` unless `require_vectors` is false: an index that is empty by mistake would clear every listing.
        """
        with contextlib.ExitStack() as stack:
            runtime = cls(settings, metrics or Metrics(), stack)
            runtime._open_storage(stack)
            runtime._open_spaces(stack, embedder, loads, repairing=not require_vectors)
            if require_vectors:
                runtime._check_vectors()
                runtime.confirm_space()
            runtime._open_work(stack)
            runtime._closers = stack.pop_all()
            return runtime

    def close(self, *, drain: float | None = None) -> None:
        """Finish or refuse what is queued, write the snapshot, give back files and connections.

        `drain` is how many seconds the queue may take; the setting when None.
        """
        self._drain = self.settings.drain_timeout if drain is None else drain
        self._closers.close()

    @property
    def embedder(self) -> Embedder:
        """The model that judges now."""
        return self.spaces.active.model.embedder

    @property
    def calibration(self) -> Calibration:
        """Its calibration."""
        return self.spaces.active.model.calibration

    @property
    def gallery(self) -> Gallery:
        """Its index."""
        return self.spaces.active.gallery

    def find_words(
        self, brand: Brand, text: str, *, kind: Kind | None, status: ReferenceStatus | None, limit: int
    ) -> list[Reference]:
        """References of a brand that a text names or, where the active model can tell, describes."""
        space = self.spaces.active
        embed = space.model.embedder.embed_texts
        search = WordSearch(self.catalog)
        return search.find(brand, text, kind=kind, status=status, limit=limit, embed=embed, gallery=space.gallery)

    def confirm_space(self) -> None:
        """Say in SQL that the space of this process is the active one, where the settings chose it."""
        record_first(self.spaces, self._asked)

    def _open_storage(self, stack: contextlib.ExitStack) -> None:
        with disk_errors():
            self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.settings.sql_url)
        stack.callback(self.database.close)
        with disk_errors():
            upgrade(self.database)
        self.blobs = BlobStore(self.settings.pictures_url)
        self._open_webhooks(stack)
        self.brands = Brands(self.database)
        announcer = ReferenceAnnouncer(self.webhooks.outbox)
        self.catalog = Catalog(self.database, on_change=announcer.changed)
        self._in_use = pictures_in_use(self.database)
        self.shelves = Shelves(self.settings.descriptions_dir, max_bytes=self.settings.descriptions_max_bytes)
        self.pictures = PictureKeeper(self.blobs, self._in_use, self.shelves.drop)
        limits = DecodeLimits(max_bytes=self.settings.image_max_bytes, max_pixels=self.settings.image_max_pixels)
        self.previews = Previews(self.blobs, limits=limits)
        stack.callback(self.previews.close)
        own_key = self.settings.operator_key
        self.keys = Keys(self.database, operator_key=own_key)
        self.sessions = Sessions(self.database, self.keys, operator_key=own_key, find_seller=self._find_seller)
        self.oidc = OpenIdConnect.of(self.settings, self.sealer)
        self.sign_in_links = SignInLinks(self.database, self.keys)
        self.marketplaces = Marketplaces(self.database)
        self.marketplaces.ensure_default()
        self.idempotency = Idempotency(self.database, hours=self.settings.idempotency_hours)
        self.spool = Spool(self.settings.data_dir / "spool", max_bytes=self.settings.spool_max_bytes)
        stack.callback(self.spool.close)
        self.fetcher = Fetcher(self.settings)
        stack.callback(self.fetcher.close)
        self._open_takedown()

    def _open_webhooks(self, stack: contextlib.ExitStack) -> None:
        with disk_errors():
            self.sealer = Sealer.open_for(self.settings.data_dir, secret_key=self.settings.secret_key)
        observe = self.metrics.observe_webhook
        self.webhooks = Webhooks(self.settings, self.database, self.sealer, events=EVENTS, on_outcome=observe)
        stack.callback(self.webhooks.close)

    def _open_spaces(
        self, stack: contextlib.ExitStack, embedder: Embedder | None, loads: Loads | None, *, repairing: bool
    ) -> None:
        read, self.words = open_reader(self.settings)
        self._asked, self._repairing = configured(self.settings, embedder), repairing
        load = loader(self.settings, embedder, loads)
        search = partial(make_search, self, read)
        self.spaces = Spaces(self.settings, self.database, SpaceRecords(self.database), load, search)
        stack.callback(self.spaces.close)
        open_first(self.spaces, self._asked, repairing=repairing)

    def _check_vectors(self) -> None:
        status = self.gallery.status()
        if not (missing := status["without_vectors"]):
            return
        words = f"{missing} references have no vectors of the model {self.embedder.space.model}"
        if not any(status["vectors"].values()):
            raise SpaceMismatch(f"{words}; run `brandwarden rebuild` with this model first.")
        _LOG.warning("%s and are not matched; run `brandwarden rebuild`", words)

    def _open_work(self, stack: contextlib.ExitStack) -> None:
        self.statistics = Statistics(self.database)
        self.nulls = Nulls(
            NullRecords(self.database),
            self._rejudge,
            calibration=lambda: self.calibration.version,
            every=self.settings.nulls_hours,
        )
        self.shadow = Shadow(
            lambda: self.spaces.shadow,
            lambda: self.pipeline.busy,
            self.statistics,
            self.metrics,
            self.policies.read_book,
        )
        self.pipeline = Pipeline(
            self.settings,
            self.spaces.active.engine,
            self.metrics,
            version=Changes(self.database).version,
            wants_pixels=lambda: self.spaces.shadow is not None,
        )
        stack.callback(lambda: self.pipeline.close(self._drain))
        self.spaces.on_exchange(self.pipeline.serve)
        self.enrolment = Enrolment(self.pipeline, self.catalog, self.spaces, self.pictures)
        self.proofs = open_proofs(self)
        self.packets = open_packets(self)
        store = ListingStore(self.database, self.webhooks.outbox, self.cases)
        self.listings = Listings(
            self.settings,
            store=store,
            pipeline=self.pipeline,
            pictures=self.pictures,
            fetcher=self.fetcher,
            read_book=self.policies.read_book,
            recognise=self.recognition.recognise,
            nulls=self.nulls,
            on_judged=lambda *judged: self.shadow.offer(Judged(*judged)),
        )
        stack.callback(self.listings.close)
        self.verdicts = Verdicts(self.database)
        self.retention = Retention(self.settings, self.database, self.listings, self.cases)
        self.jobs = Jobs(self.database, lease_seconds=self.settings.job_lease)
        self._open_life()
        self.conflicts = Conflicts(self.database)
        self.resolutions = Resolutions(self.conflicts, self.enrolment)
        self.checking = open_checking(self, self._comparison, self._give_way)
        self.describing = open_describing(self)
        self.shadow.start()
        stack.callback(self.shadow.close)
        self.upkeep = Upkeep(
            self.spaces,
            snapshot_every=self.settings.snapshot_every,
            forget=self._look_back,
            attend=self._attend,
            tick=self._tick,
            compare=self._compare,
            compare_every=self.settings.compare_seconds,
            mind=self.trust.mind,
            weigh=self.trust.weigh,
            describe=self._describe,
        )
        self.upkeep.start()
        stack.callback(self.upkeep.close)
        stack.callback(self.describing.close)
        self.catalog_imports = CatalogImports(
            self.settings,
            self.jobs,
            catalog=self.catalog,
            enrolment=self.enrolment,
            gallery=self.spaces,
            fetcher=self.fetcher,
        )
        announcer = CaseAnnouncer(self.webhooks.outbox, self.cases, self.settings.people_url)
        self.cases.watch(announcer)  # the last to watch
        self.webhooks.start()
        self.jobs.open()  # last: a job left unfinished goes on at once
        stack.callback(self.jobs.close)
        self.metrics.before_render(lambda: set_gauges(self))

    def _find_seller(self, token_id: str) -> Principal | None:
        return self.cases.tokens.find_id(token_id)

    def _open_life(self) -> None:
        self._negative_filling = NegativeFilling(self.negatives, self.blobs)
        changes = Changes(self.database)
        self.filling = Filling(self.spaces, self.catalog, self.blobs, changes, self._give_way)
        Preparing(self.spaces, self.catalog, self.blobs, self.jobs, self._give_way)
        self.life = Life(
            self.spaces,
            self.filling,
            self.jobs,
            self.catalog,
            self.statistics,
            setting=self._asked.setting,
            share=self.settings.shadow_share,
        )

    def _attend(self) -> None:
        """Follow what SQL says of the spaces, and embed what they lack; a command that repairs does so itself."""
        if not self._repairing:
            self.spaces.follow()
            self.packets.calibrations.remember(self.calibration)
            self.nulls.follow()
            self.filling.fill()
            for space in self.spaces.loaded():
                self._negative_filling.fill(space.model.embedder)
            if not self.pipeline.busy:
                self.proofs.settle()

    def _describe(self) -> None:
        """Describe references while nothing is judged; a command that repairs leaves that to the service."""
        if not self._repairing:
            self.describing.go_on()

    def _tick(self) -> None:
        """Do what silence does; a command that repairs leaves that to the service."""
        if not self._repairing:
            self.cases.tick()

    def _compare(self) -> None:
        """Hold new references that somebody had first; a command that repairs leaves that to the service."""
        if not self._repairing:
            self._give_way()
            self.checking.check()

    def _look_back(self) -> None:
        """Forget what is over, and learn from what there is."""
        self.retention.purge()
        self.shelves.tidy(self._in_use)
        self.proofs.forget()
        self.trust.forget()
        self.negatives.forget_spaces_but({space.id for space in self.spaces.records.all()})
        self.webhooks.purge()
        self.nulls.learn_when_due()
        self.pictures.settle()

    def _rejudge(self, space_id: str, match: Match, shift: float) -> Judgement | None:
        """A match judged again by the calibration of its space, lowered by `shift`."""
        space = self.spaces.find(space_id)
        if space is None:
            return None
        return space.model.calibration.judge(match.reference.kind, match.features, shift=shift)

    def _give_way(self) -> None:
        """Work that nobody waits for lets listings go first, for a second at most."""
        for _ in range(20):
            if not self.pipeline.busy:
                return
            time.sleep(0.05)
