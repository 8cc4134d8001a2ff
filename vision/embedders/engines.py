"""Which engine serves a model on this machine: probed once in a process of its own, then remembered.

Place in the flow: `vision.embedders.load_embedder` asks here before anything heavy is imported. The answer lies in a
cache directory under a key of model, versions and processor, so a start costs a hash and no conversion; what changes
any of them is probed anew. A cache that was damaged is thrown away and made again. It imports no engine.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from vision.embedders.backends import TITLES, Name, missing
from vision.embedders.sidecar import POOLING

FORMAT: Final = 3
ENGINES: Final = ("auto", "torch", *TITLES)
RESULT: Final = "engine.json"
PROBE: Final = (sys.executable, "-m", "vision.embedders.probe")
_PATIENCE: Final = 300.0
_STOPPED: Final = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that somebody else sends: they say nothing about the engine."""
_PARTS: Final = ("*.safetensors", "open_clip_config.json", "brandwarden.json")
_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the probe found: the plan that serves, in `found`, with its graphs in `directory`; or why none does."""

    directory: Path
    found: dict[str, Any] | None
    why: str


@dataclass(frozen=True, slots=True)
class _Failure:
    """What went wrong, in words for `status`, and whether it would go wrong again."""

    words: str
    lasts: bool


def verdict_on(
    model: Path,
    cache: Path | None = None,
    probe: Sequence[str] | None = None,
    *,
    engine: Name = "openvino",
    patience: float = _PATIENCE,
) -> Verdict:
    """The remembered verdict on `engine` for the model directory, or a new one.

    `cache` defaults to `~/.cache/brandwarden`; a probe that takes more than `patience` seconds is ended.
    """
    if why := missing(engine):
        return Verdict(model, None, why)
    root = _writable(cache or Path.home() / ".cache" / "brandwarden")
    entry = root / _key(model, engine)
    remembered = _read(entry, engine)
    if remembered is not None:
        return remembered
    return _run_probe(entry, engine, [*(probe or PROBE), engine, str(model)], patience)


def _writable(cache: Path) -> Path:
    """`cache`, or a directory for this process alone where that cannot be written."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="brandwarden-engine-"))
    return cache if os.access(cache, os.W_OK) else Path(tempfile.mkdtemp(prefix="brandwarden-engine-"))


def _key(model: Path, engine: Name) -> str:
    """Everything the verdict hangs on."""
    digest = hashlib.sha256(f"{FORMAT} {engine} {POOLING} {_processor()}".encode())
    for package in (engine, "torch", "timm", "open_clip_torch"):
        digest.update(f" {package} {_version(package)}".encode())
    for file in sorted(
        (*model.glob("*.safetensors"), *model.glob("open_clip_config.json"), *model.glob("brandwarden.json"))
    ):
        digest.update(file.name.encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"engine-{digest.hexdigest()[:24]}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _processor() -> str:
    """Name and abilities of the processor."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return f"{platform.machine()} {platform.processor()}"
    lines = info.read_text().splitlines()
    return "\n".join(
        sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    )


def _run_probe(entry: Path, engine: Name, probe: Sequence[str], patience: float) -> Verdict:
    """Probe into a directory beside `entry` and put it in place whole; another process may do the same meanwhile."""
    aside = Path(tempfile.mkdtemp(prefix=".probing-", dir=entry.parent))
    failure = _failure(aside, probe, patience)
    if failure is not None:
        shutil.rmtree(aside)
        if not failure.lasts:
            return _verdict(entry, engine, {"failed": failure.words})
        aside.mkdir()
        (aside / RESULT).write_text(json.dumps({"failed": failure.words}) + "\n")
    found = json.loads((aside / RESULT).read_text())
    (aside / _MANIFEST).write_text(json.dumps(_digests(aside)) + "\n")
    try:
        aside.rename(entry)
    except OSError:  # somebody else was first
        shutil.rmtree(aside, ignore_errors=True)
        found = {"failed": "its cache cannot be written"}
    return _read(entry, engine) or _verdict(entry, engine, found)


def _failure(directory: Path, probe: Sequence[str], patience: float) -> _Failure | None:
    """Run the probe; None when it left a result."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [*probe, str(directory)]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter on our own module
            command, capture_output=True, text=True, errors="replace", timeout=patience, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return _Failure(f"its probe did not end in {patience:g} s", lasts=False)
    except OSError as error:
        return _Failure(f"its probe could not be started ({error})", lasts=False)
    if done.returncode < 0:
        died = signal.Signals(-done.returncode)
        return _Failure(f"its probe died of {died.name}", lasts=died not in _STOPPED)
    if done.returncode or not (directory / RESULT).is_file():
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        reason = last[0].removeprefix("vision.errors.ModelError: ") if last else f"it ended with {done.returncode}"
        return _Failure(f"its probe failed: {reason}", lasts=True)
    return None


def _read(entry: Path, engine: Name) -> Verdict | None:
    """The verdict in `entry` when every byte of it is as it was written; a damaged one is removed."""
    if not entry.is_dir():
        return None
    try:
        if json.loads((entry / _MANIFEST).read_text()) == _digests(entry):
            return _verdict(entry, engine, json.loads((entry / RESULT).read_text()))
    except (OSError, ValueError):
        pass
    shutil.rmtree(entry, ignore_errors=True)
    return None


def _verdict(entry: Path, engine: Name, found: dict[str, Any]) -> Verdict:
    if "failed" in found:
        return Verdict(entry, None, f"{TITLES[engine]} is not used: {found['failed']}")
    chosen = found["chosen"]
    agreement = min(chosen["photo"], chosen["logo"])
    why = f"{TITLES[engine]} runs here and agrees with torch (mean cosine {agreement:.4f})"
    return Verdict(entry, found, why)


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(file for file in directory.iterdir() if file.name != _MANIFEST)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
