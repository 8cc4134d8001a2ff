"""Embedders: the one place, besides training, that knows torch and open_clip.

Place in the flow: between `vision.images` and the indexes. Importing this package loads no engine; `load_embedder`
does. A model is named by a shipped name, a directory, an open_clip `name/pretrained`, `hf-hub:` or `local-dir:`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vision.embedders.engines import ENGINES, verdict_on
from vision.embedders.sidecar import SIDECAR, read_sidecar
from vision.embedding import Embedder
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

    `threads` is how many pictures a CPU computes side by side (OpenVINO) or how many threads a pass takes, for the
    whole process (torch); None leaves the engine's own choice. `engine` "auto" is OpenVINO on a processor where it was
    found to run and to agree, else torch; "torch" and "openvino" insist. `cache` is where that finding and converted
    models lie, by default `~/.cache/brandwarden`. Shipped models and directories need no network. Raises `ModelError`
    naming the setting or file to mend.
    """
    directory = model_directory(model)
    why = _objection(directory, device, precision, engine)
    if not why and directory:
        verdict = verdict_on(directory, cache)
        why = verdict.why
        if verdict.found is not None:
            from vision.embedders.openvino import load_openvino  # noqa: PLC0415 - OpenVINO loads here

            return load_openvino(verdict, directory, label=model, precision=precision, threads=threads or 1)
    if engine == "openvino":
        raise ModelError(f"the `engine` setting is openvino, but {why}; set it to auto or torch")
    from vision.embedders.clip import load_clip  # noqa: PLC0415 - torch loads here, not when the package is imported

    name = f"{LOCAL_DIR}{directory}" if directory else model
    return load_clip(name, label=model, device=device, precision=precision, threads=threads, why=why)


def _objection(directory: Path | None, device: str, precision: str, engine: str) -> str:
    """Why OpenVINO is not even tried; empty when it is. Raises `ModelError` for an engine there is not."""
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
