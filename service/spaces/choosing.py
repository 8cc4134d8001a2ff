"""Which model a process begins with: what SQL says is active, unless the model setting was changed by hand since.

A model that was promoted over HTTP outlives restarts although the setting still names another. The row remembers the
setting it was promoted under: as long as that is the setting in force, the row counts; otherwise the setting does.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from indexes.errors import SpaceMismatch
from service.settings import Settings
from service.spaces.loading import LoadedSpace, Loads, Model, ModelRefused
from service.spaces.records import Space
from service.spaces.spaces import Spaces
from vision.embedders import load_embedder
from vision.embedding import Embedder

_LOG = logging.getLogger("brandwarden.spaces")


@dataclass(frozen=True, slots=True)
class Configured:
    """What the settings ask for: the model's name, and the words a row remembers the setting by."""

    model: str
    setting: str


def configured(settings: Settings, given: Embedder | None) -> Configured:
    """What this process was configured with. The default counts as no choice, so that a release may change it."""
    if given is not None:
        return Configured(given.space.model, f"given {given.space.id}")
    chosen = "" if settings.model == Settings().model else settings.model
    return Configured(settings.model, f"{chosen} {settings.precision}".strip())


def loader(settings: Settings, given: Embedder | None, loads: Loads | None) -> Loads:
    """How models are loaded here; an embedder that was `given` is the model of its own name."""

    def load(name: str) -> Embedder:
        if given is not None and name == given.space.model:
            return given
        if loads is not None:
            return loads(name)
        return load_embedder(
            name,
            device=settings.device,
            precision=settings.precision,
            threads=settings.embed_threads,
            engine=settings.engine,
            cache=settings.cache_dir,
        )

    return load


def open_first(spaces: Spaces, asked: Configured, *, repairing: bool) -> LoadedSpace:
    """Load and start the space this process begins with.

    Its index is opened while the model loads, where SQL says beforehand which it will be. Where the active row's model
    cannot be loaded any more, `SpaceMismatch`; a command that is `repairing` takes the one the settings name instead.
    """
    row = _row(spaces, asked)
    with ThreadPoolExecutor(1, thread_name_prefix="index-opener") as beside:
        opening = None if row is None else beside.submit(spaces.open_index, row.vector_space)
        model = spaces.try_model(asked.model) if row is None else _model(spaces, row, asked, repairing=repairing)
        index = opening.result() if opening is not None else None
        first = spaces.add(model, index)
    spaces.start(first)
    return first


def record_first(spaces: Spaces, asked: Configured) -> None:
    """Say in SQL that this process's space is active, where the settings and not SQL chose it."""
    active, first = spaces.records.active(), spaces.active
    if active is None or active.id != first.id or active.setting != asked.setting:
        spaces.records.configure(first.model.identity, asked.setting)


def _row(spaces: Spaces, asked: Configured) -> Space | None:
    """What SQL says is active, where that counts."""
    active = spaces.records.active()
    return active if active is not None and active.setting == asked.setting else None


def _model(spaces: Spaces, row: Space, asked: Configured, *, repairing: bool) -> Model:
    try:
        return spaces.model_of(row)
    except ModelRefused as error:
        if repairing:
            _LOG.warning("%s", error)
            return spaces.try_model(asked.model)
        raise SpaceMismatch(
            f"{error} The active space {row.id} cannot serve. To serve {asked.model} instead, run "
            "`brandwarden rebuild` first."
        ) from error
