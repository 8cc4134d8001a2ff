"""`brandwarden status` and `rebuild`: what a service holds, and its indexes made anew."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from service.commands.storage import open_runtime
from service.commands.terminal import (
    EXIT_FAILED,
    EXIT_FINDINGS,
    AsJson,
    CommandFailed,
    DataDir,
    ServiceUrl,
    messages,
    print_json,
    progress_bar,
)
from service.reembedding import Reembedding
from vision.embedding import KINDS

if TYPE_CHECKING:
    from service.runtime import Runtime


def status_command(data_dir: DataDir = None, url: ServiceUrl = None, as_json: AsJson = False) -> None:
    """Show model, space, indexes, counts, database and jobs; with --url the readiness and figures of a running service.

    Ends with 3 when the service at --url is not ready.
    """
    if url is not None:
        state = _ask(url)
    else:
        with open_runtime(data_dir, require_vectors=False) as runtime:
            state = describe(runtime)
    if as_json:
        print_json(state)
    else:
        _print(state)
    if state.get("ready") is False:
        raise typer.Exit(EXIT_FAILED)


def rebuild_command(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Embed what another model made, build the indexes anew from the database and write a snapshot.

    A service that runs on the same data goes on with its own; it is not harmed. Ends with 1 when a picture could not
    be read.
    """
    notes = messages(as_json)
    with open_runtime(data_dir, require_vectors=False) as runtime:
        with progress_bar(notes) as bar:
            task = bar.add_task("References", total=runtime.gallery.status()["without_vectors"])
            failed = []
            for stretch in Reembedding(runtime.catalog, runtime.blobs, runtime.embedder).stretches():
                failed += [reference for reference, _ in stretch.failed]
                bar.advance(task, stretch.tried)
            task = bar.add_task("Vectors", total=None)
            runtime.gallery.rebuild(lambda done, total: bar.update(task, completed=done, total=total))
        runtime.confirm_space()
        state = runtime.gallery.status()
    if as_json:
        print_json(state)
    else:
        notes.print(f"{_words(state['vectors'])} at generation {state['generation']}.")
    if failed:
        raise CommandFailed(f"{len(failed)} references could not be embedded, {failed[0].id} first.", EXIT_FINDINGS)


def describe(runtime: Runtime) -> dict[str, Any]:
    """What this runtime is made of and holds."""
    space, settings = runtime.embedder.space, runtime.settings
    return {
        "model": space.model,
        "space": space.id,
        "engine": {**asdict(runtime.embedder.engine), "device": settings.device},
        "words": runtime.words,
        "index": runtime.gallery.status(),
        "brands": runtime.brands.count(),
        "references": {kind: runtime.catalog.count(kind=kind) for kind in KINDS},
        "database": {
            "kind": runtime.database.url.get_backend_name(),
            "url": runtime.database.url.render_as_string(hide_password=True),
        },
        "pictures": re.sub(r"//[^/@]*@", "//***@", settings.pictures_url),
        "jobs": {job.id: job.state for job in runtime.jobs.list(None, 5).items},
        "data_dir": str(Path(settings.data_dir).absolute()),
    }


def _ask(url: str) -> dict[str, Any]:
    try:
        with httpx.Client(base_url=url, timeout=20, trust_env=False) as http:
            ready, metrics = http.get("/readyz"), http.get("/metrics")
    except httpx.HTTPError as error:
        raise CommandFailed(f"The service at {url} does not answer: {error}.") from error
    plain = re.findall(r"^brandwarden_(\w+)(?:\{\})? ([0-9.e+-]+)$", metrics.text, re.M)
    figures = {name: float(value) for name, value in plain if not name.endswith("_created")}
    labels = re.findall(r"^brandwarden_engine\{(.*)\} 1", metrics.text, re.M)
    engine = dict(re.findall(r'(\w+)="([^"]*)"', "".join(labels)))
    return {
        "url": url,
        "ready": ready.status_code == 200,
        "readiness": ready.json(),
        "engine": engine,
        "figures": figures,
    }


def _print(state: dict[str, Any]) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in state.items():
        table.add_row(name.replace("_", " "), _words(value) if isinstance(value, dict) else str(value))
    Console().print(table)


def _words(values: dict[str, Any]) -> str:
    return "\n".join(f"{name} {value}" for name, value in values.items()) or "none"
