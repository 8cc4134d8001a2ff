"""Embedders: the one place, besides training, that knows torch and open_clip.

Place in the flow: between `vision.images` and the indexes. Importing this package loads no engine; `load_embedder`
does. A model is named by a shipped name, a directory, an open_clip `name/pretrained`, `hf-hub:` or `local-dir:`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vision.embedding import Embedder
from vision.errors import ModelError

DEFAULT_MODEL: Final = "brandwarden-lite0"
LOCAL_DIR: Final = "local-dir:"
_SHIPPED: Final = Path(__file__).resolve().parent.parent / "models"


def load_embedder(
    model: str = DEFAULT_MODEL, *, device: str = "auto", precision: str = "auto", threads: int | None = None
) -> Embedder:
    """Load `model` onto `device` ("auto", "cpu", "cuda", "cuda:1") at `precision` ("auto", "fp32", "bf16").

    `threads` is how many a pass on the CPU takes, for the whole process; None leaves the engine's own choice.
    Shipped models and directories need no network. Raises `ModelError` naming the setting or file to mend.
    """
    from vision.embedders.clip import load_clip  # noqa: PLC0415 - torch loads here, not when the package is imported

    directory = model_directory(model)
    name = f"{LOCAL_DIR}{directory}" if directory else model
    return load_clip(name, label=model, device=device, precision=precision, threads=threads)


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
