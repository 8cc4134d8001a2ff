"""Embedders: the one place, besides training, that knows torch and open_clip.

Place in the flow: between `vision.images` and the indexes. Importing this package loads no engine; `load_embedder`
does. A model is named by a shipped name, a directory, an open_clip `name/pretrained`, `hf-hub:` or `local-dir:`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vision.embedders.backends import TITLES, Name, backend
from vision.embedders.engines import ENGINES, Verdict, verdict_on
from vision.embedders.sidecar import SIDECAR, read_sidecar
from vision.embedders.texts import read_texts
from vision.embedding import Embedder, EngineInfo, Space
from vision.errors import ModelError

DEFAULT_MODEL: Final = "brandwarden-lite1"
LOCAL_DIR: Final = "local-dir:"
_SHIPPED: Final = Path(__file__).resolve().parent.parent / "models"


def load_embedder(
    model: str = DEFAULT_MODEL,
    *,
    device: str = "auto",
    precision: str = "auto",
    threads: int | None = None,
    engine: str = "auto",
    cache: Path | None = None,
) -> Embedder:
    """Load `model` onto `device` ("auto", "cpu", "cuda", "cuda:1") at `precision` ("auto", "fp32", "bf16").

    `threads` is how many pictures a CPU computes side by side or how many threads a pass takes, for the whole process
    (torch); None leaves the engine's own choice. `engine` "auto" is, on a processor, the first of OpenVINO and ONNX
    Runtime that was found to run and to agree, else torch; a name insists. `cache` is where that finding and converted
    models lie, by default `~/.cache/brandwarden`. Shipped models and directories need no network. Raises `ModelError`
    naming the setting or file to mend.
    """
    directory = model_directory(model)
    objection = _objection(directory, device, precision, engine)
    reasons = [objection] if objection else []
    if not reasons and directory:
        for name in TITLES:
            if engine in ("auto", name):
                verdict = verdict_on(directory, cache, engine=name)
                reasons.append(verdict.why)
                if verdict.found is not None:
                    words = "; ".join(reasons)
                    return _open(verdict, directory, name, label=model, precision=precision, threads=threads, why=words)
    why = "; ".join(reasons)
    if engine in TITLES:
        raise ModelError(f"the `engine` setting is {engine}, but {why}; set it to auto or torch")
    from vision.embedders.clip import load_clip  # noqa: PLC0415 - torch loads here, not when the package is imported

    named = f"{LOCAL_DIR}{directory}" if directory else model
    return load_clip(named, label=model, device=device, precision=precision, threads=threads, why=why)


def _open(
    verdict: Verdict, directory: Path, name: Name, *, label: str, precision: str, threads: int | None, why: str
) -> Embedder:
    """What the probe found good, ready to serve; `precision` "fp32" keeps every layer exact."""
    sidecar = read_sidecar(directory)
    if sidecar is None or verdict.found is None:
        raise ModelError(f"{verdict.directory} holds nothing for {directory}; remove it")
    exact = None if precision == "fp32" else verdict.found["chosen"]["exact"]
    words = "fp32" if exact is None else f"bf16, first {exact} convolutions fp32"
    space = Space(**{**verdict.found["space"], "model": label})
    engine = EngineInfo(name, words, why)
    open_graph, texts = backend(name).open_graph, read_texts(directory)
    return open_graph(verdict.directory, sidecar, space, engine, exact=exact, threads=threads or 1, texts=texts)


def _objection(directory: Path | None, device: str, precision: str, engine: str) -> str:
    """Why none but torch is even tried; empty when it is. Raises `ModelError` for an engine there is not."""
    if engine not in ENGINES:
        raise ModelError(f"the `engine` setting {engine!r} is none of {', '.join(ENGINES)}")
    reasons = {
        "the `engine` setting asks for it": engine == "torch",
        "the `device` asked for or found is no processor": device not in ("auto", "cpu") or _has_gpu(device),
        f"`precision` {precision} is computed by torch alone": precision not in ("auto", "fp32"),
        f"the model brings no {SIDECAR}, and torch computes what stands in": not _has_heads(directory),
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _has_gpu(device: str) -> bool:
    return device == "auto" and any(Path("/dev").glob("nvidia[0-9]*"))


def _has_heads(directory: Path | None) -> bool:
    return directory is not None and read_sidecar(directory) is not None


def model_directory(model: str) -> Path | None:
    """The directory `model` names, or None for a name that open_clip resolves by itself."""
    if (_SHIPPED / model / "open_clip_config.json").is_file():
        return _SHIPPED / model
    if model.startswith(LOCAL_DIR):
        model = model.removeprefix(LOCAL_DIR)
    elif not model.startswith(("/", "./", "../", "~")):
        return None
    directory = Path(model).expanduser()
    if not directory.is_dir():
        raise ModelError(f"the model directory {directory} does not exist; mend the `model` setting")
    return directory


def calibration_path(model: str) -> Path | None:
    """The `calibration.json` that travels with `model`, or None."""
    directory = model_directory(model)
    path = directory / "calibration.json" if directory else None
    return path if path and path.is_file() else None
