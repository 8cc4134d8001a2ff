"""The models that are loaded in this process, and which of them judges.

Place in the flow: the runtime opens it before the pipeline; upkeep calls `follow` about once a second, so that a model
promoted in another process judges here within seconds, and `catch_up` so that every loaded index is in step. A model
is exchanged as a whole between two pictures; what is under way ends with the model it began with. Decides nothing.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

from indexes.background import Background
from indexes.database import Database
from indexes.gallery import Candidate, Gallery
from indexes.planner import Allowance
from indexes.sharing import SharedLock
from service.errors import ServiceError
from service.pipeline import Engine
from service.pipeline.work import Search
from service.settings import Settings
from service.spaces.loading import LoadedSpace, Loads, Model, ModelRefused, load_model
from service.spaces.records import Space, SpaceRecords
from vision.embedding import Kind
from vision.embedding import Space as VectorSpace

_LOG = logging.getLogger("brandwarden.spaces")
_RETRY_SECONDS = 30.0

MakesSearch = Callable[[Model, Gallery], Search]
"""Builds the search over the index of a model."""


class Spaces:
    """Loaded spaces. Every method may be called from any thread; `close` it."""

    def __init__(
        self, settings: Settings, database: Database, records: SpaceRecords, loads: Loads, makes_search: MakesSearch
    ) -> None:
        self.records = records
        self.enrolling = SharedLock()
        """Shared by whoever adds a reference, held alone while the model is exchanged."""
        self._settings, self._database = settings, database
        self._load, self._makes_search = loads, makes_search
        self._loading = threading.Lock()  # one model at a time, of those that serve or may serve
        self._trying = threading.Lock()  # and one that an operator asks about
        self._tried: Model | None = None
        self._loaded: dict[str, LoadedSpace] = {}
        self._failed: dict[str, float] = {}
        self._active: LoadedSpace | None = None
        self._trouble: str | None = None
        self._shadow: tuple[LoadedSpace, float] | None = None
        self._exchange: Callable[[Engine], None] = lambda _engine: None

    @property
    def active(self) -> LoadedSpace:
        """The space that judges here."""
        if self._active is None:
            raise RuntimeError("no space was opened")
        return self._active

    @property
    def trouble(self) -> str | None:
        """Why this process judges with another space than SQL says, or None."""
        return self._trouble

    @property
    def shadow(self) -> tuple[LoadedSpace, float] | None:
        """The space that judges in shadow, and the share of listings it judges."""
        return self._shadow

    def loaded(self) -> list[LoadedSpace]:
        """Every space in memory, the active one first."""
        return sorted(self._loaded.values(), key=lambda space: space is not self._active)

    def find(self, space_id: str) -> LoadedSpace | None:
        """The space, where it is in memory."""
        return self._loaded.get(space_id)

    def try_model(self, name: str) -> Model:
        """Load a model and try it, without an index; `ModelRefused`. A download may take its time."""
        with self._trying:
            self._tried = load_model(name, self._load, self._settings.expected_shares)
            return self._tried

    def add(self, model: Model, index: Gallery | None = None) -> LoadedSpace:
        """Open the index of a model, from a snapshot or from SQL, and keep both; `index` is one that is open."""
        with self._loading:
            return self._add(model, index)

    def open_index(self, space: VectorSpace) -> Gallery:
        """The index of a space whose model need not be loaded yet."""
        settings = self._settings
        allowance = Allowance(settings.index_recall, settings.index_memory_mb * 2**20 or None)
        return Gallery.open(self._database, space, settings.snapshots_dir, allowance=allowance)

    def ensure(self, space: Space) -> LoadedSpace:
        """The space, loaded now if it was not; `ModelRefused` when its model gives another space by now."""
        with self._loading:
            return self._loaded.get(space.id) or self._add(self._model_of(space))

    def model_of(self, space: Space) -> Model:
        """The model of a row, tried out, as long as it still gives that space; else `ModelRefused`."""
        with self._loading:
            return self._model_of(space)

    def start(self, first: LoadedSpace) -> None:
        """Judge with `first` from the beginning."""
        self._active = first

    def on_exchange(self, exchange: Callable[[Engine], None]) -> None:
        """Tell `exchange` whenever another engine is to judge."""
        self._exchange = exchange

    def switch(self, space: LoadedSpace) -> None:
        """Judge with `space` from now on. The caller holds `enrolling` alone."""
        before, self._active = self._active, space
        self._exchange(space.engine)
        self._trouble = None
        _LOG.info("the space %s judges from now on, no longer %s", space.id, before.id if before else "none")

    def follow(self) -> None:
        """Bring this process to what SQL says: load what serves or may serve, judge with what is active."""
        rows = self.records.all()
        wanted = [row for row in rows if row.status in ("active", "ready", "shadow")]
        wanted += [row for row in rows if row.status == "retired" and row.id in {one.previous for one in wanted}]
        for row in sorted(wanted, key=lambda one: one.status != "active"):
            self._follow(row)
        self._shadow = next(
            ((self._loaded[row.id], row.share) for row in rows if row.status == "shadow" and row.id in self._loaded),
            None,
        )
        keep = {row.id for row in rows if row.status == "preparing"} | {row.id for row in wanted} | {self.active.id}
        for space in self.loaded():
            if space.id not in keep:
                self._drop(space)

    def catch_up(self) -> int:
        """Apply what was committed since to every loaded index; the generation the active one reached."""
        reached = self.active.gallery.catch_up()
        for space in self.loaded()[1:]:
            space.gallery.catch_up()
        return reached

    def background(self, space_id: str) -> Background | None:
        """The background set of a loaded space, where it has one."""
        space = self._loaded.get(space_id)
        return None if space is None else space.model.background

    def similar(self, kind: Kind, reference_pk: int, k: int) -> list[Candidate]:
        """What is nearest to a reference in the index of the active space; see `Gallery.similar`."""
        return self.active.gallery.similar(kind, reference_pk, k)

    def maintain(self, every: int) -> bool:
        """Snapshot and reshape what is due; whether anything was."""
        return sum(space.gallery.maintain(every) for space in self.loaded()) > 0

    def close(self) -> None:
        """Write the snapshots of all."""
        for space in self.loaded():
            self._drop(space)

    @contextlib.contextmanager
    def steady(self) -> Iterator[None]:
        """While the block runs the model is not exchanged."""
        with self.enrolling.reading():
            yield

    def _follow(self, row: Space) -> None:
        if (space := self._loaded.get(row.id)) is None:
            if time.monotonic() < self._failed.get(row.id, 0.0):
                return
            try:
                space = self.ensure(row)
            except ServiceError as error:
                self._failed[row.id] = time.monotonic() + _RETRY_SECONDS
                _LOG.error("the space %s is %s and cannot be loaded here: %s", row.id, row.status, error)
                if row.status == "active":
                    self._trouble = f"The active space {row.id} cannot be loaded here: {error}"
                return
        if row.status == "active":
            self._trouble = None
            if self.active.id != row.id:
                self._follow_switch(space)

    def _follow_switch(self, space: LoadedSpace) -> None:
        """Judge with `space`, if it is active still: a step of this process may have been faster."""
        with self.enrolling.writing():
            active = self.records.active()
            if active is not None and active.id == space.id != self.active.id:
                self.switch(space)

    def _model_of(self, row: Space) -> Model:
        if (tried := self._tried) is not None and tried.space.id == row.id:
            return tried  # by whoever asked for it, a moment ago
        model = load_model(row.model, self._load, self._settings.expected_shares)
        if model.space.id != row.id:
            raise ModelRefused(
                f"The model {row.model} gives the space {model.space.id} now and not {row.id}: its files were changed. "
                "Put the old ones back, or set BRANDWARDEN_MODEL and run `brandwarden rebuild`.",
                model=row.model,
            )
        return model

    def _add(self, model: Model, index: Gallery | None = None) -> LoadedSpace:
        if (known := self._loaded.get(model.space.id)) is not None:
            return known
        gallery = index if index is not None and index.space == model.space else self.open_index(model.space)
        engine = Engine(model.embedder, self._makes_search(model, gallery), model.calibration.version)
        space = LoadedSpace(model, gallery, engine)
        self._loaded[space.id] = space
        self._tried = None
        return space

    def _drop(self, space: LoadedSpace) -> None:
        space.gallery.close()
        self._loaded.pop(space.id, None)
