"""`brandwarden-train export`: a model as files that others load, each held to what the model itself says.

Place in the flow: after training, or to bring any open_clip model into a closed network. Writes an open_clip
`local-dir` (safetensors, never a pickle) with everything of ours that lies beside the weights, and on request the
image tower as ONNX and as OpenVINO IR. An export that does not agree with the model is removed and refused.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray

from vision.embedders import model_directory
from vision.embedding import Pixels
from vision.images import resize

PARITY: Final = 0.999
"""Mean cosine to the model's own features, below which an export is another model."""
CONFIG: Final = "open_clip_config.json"
WEIGHTS: Final = "open_clip_model.safetensors"
_PICTURES: Final = 8
_OPSET: Final = 18

Array = NDArray[np.float32]


class ExportFailed(Exception):
    """A model cannot be exported; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Tower:
    """An image tower: `visual` takes float32 `[n, 3, side, side]`, normalised with `mean` and `std`."""

    visual: Any
    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def export(
    model: Annotated[str, typer.Argument(help="A shipped model, a directory, `name/pretrained` or `hf-hub:`.")],
    out: Annotated[Path, typer.Argument(help="Directory to write; it must not exist.")],
    onnx: Annotated[bool, typer.Option(help="Also the image tower as ONNX (extra `export`).")] = False,
    openvino: Annotated[bool, typer.Option(help="Also the image tower as OpenVINO IR.")] = False,
) -> None:
    """Write a model as an open_clip local-dir, and its image tower for other engines, checked for parity."""
    try:
        for line in export_model(model, out, onnx=onnx, openvino=openvino):
            typer.echo(line)
    except ExportFailed as error:
        typer.echo(f"brandwarden-train: {error}", err=True)
        raise typer.Exit(1) from error


def export_model(model: str, out: Path, *, onnx: bool, openvino: bool) -> list[str]:
    """Write `out` and say what was written; `ExportFailed`, and nothing stays."""
    if out.exists():
        raise ExportFailed(f"{out} exists; name a directory that does not")
    out.mkdir(parents=True)
    try:
        said = [_local_dir(model, out)]
        if onnx:
            said.append(_checked("ONNX", out, _to_onnx))
        if openvino:
            said.append(_checked("OpenVINO", out, _to_openvino))
    except BaseException:
        shutil.rmtree(out)
        raise
    return said


def _local_dir(model: str, out: Path) -> str:
    directory = model_directory(model)
    if directory is not None:
        for file in sorted(directory.iterdir()):
            if file.is_file() and file.suffix in {".json", ".safetensors", ".md", ".txt", ".model"}:
                shutil.copyfile(file, out / file.name)
    else:
        _save(model, out)
    load_tower(out)  # it can be loaded again, without any network
    return f"wrote {out}: load it with local-dir:{out}"


def _save(model: str, out: Path) -> None:
    """Whatever open_clip loads by name, as a local directory."""
    import open_clip  # noqa: PLC0415 - seconds of import that only an export needs
    from safetensors.torch import save_model  # noqa: PLC0415 - the same

    architecture, _, pretrained = model.partition("/") if ":" not in model else (model, "", "")
    try:
        loaded = open_clip.create_model(
            architecture, pretrained=pretrained or None, require_pretrained=True, weights_only=True
        )
    except Exception as error:  # open_clip, its hub client and torch raise many kinds
        raise ExportFailed(f"{model} cannot be loaded: {error}") from error
    config = open_clip.get_model_config(architecture)
    if config is None or "hf_model_name" in config.get("text_cfg", {}):
        raise ExportFailed(f"{model} has no configuration of its own: its text tower comes from a hub")
    preprocess = {name: getattr(loaded.visual, "preprocess_cfg", {})[name] for name in ("mean", "std")}
    (out / CONFIG).write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=1) + "\n")
    save_model(loaded, str(out / WEIGHTS))
    (out / WEIGHTS).chmod(0o644)  # safetensors writes for its owner alone, and the service is another user


def load_tower(directory: Path) -> Tower:
    """The image tower of a local directory, ready to be run; `ExportFailed`."""
    from vision.embedders.checkpoint import load_checkpoint  # noqa: PLC0415 - torch loads here
    from vision.errors import ModelError  # noqa: PLC0415 - beside it

    try:
        loaded = load_checkpoint(f"local-dir:{directory}", device="cpu", precision="fp32")
    except ModelError as error:
        raise ExportFailed(str(error)) from error
    return Tower(loaded.visual, loaded.side, loaded.mean, loaded.std)


def _checked(name: str, out: Path, write: Callable[[Tower, Path], Callable[[Array], Array]]) -> str:
    """Write one form of the tower and hold it to the tower itself."""
    import torch  # noqa: PLC0415 - loaded with the tower already

    tower = load_tower(out)
    run = write(tower, out)
    batch = pictures(tower)
    with torch.inference_mode():
        wanted = tower.visual(torch.from_numpy(batch)).numpy()
    got = run(batch)
    products = (wanted * got).sum(axis=1) / (np.linalg.norm(wanted, axis=1) * np.linalg.norm(got, axis=1))
    parity = float(products.mean())
    if not parity >= PARITY:
        raise ExportFailed(f"the {name} export agrees with the model to a mean cosine of {parity:.4f} only")
    return f"{name}: mean cosine {parity:.6f} to the model on {len(batch)} pictures"


def _to_onnx(tower: Tower, out: Path) -> Callable[[Array], Array]:
    import torch  # noqa: PLC0415 - loaded with the tower already

    path = out / "image_tower.onnx"
    try:
        import onnxruntime  # noqa: PLC0415 - of the extra `export`

        sample = torch.from_numpy(pictures(tower)[:1])
        axes = {"pixels": {0: "n"}, "features": {0: "n"}}
        with _tracing():
            torch.onnx.export(
                tower.visual.to(memory_format=torch.contiguous_format),
                (sample,),
                str(path),
                input_names=["pixels"],
                output_names=["features"],
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,
            )
    except ImportError as error:
        raise ExportFailed(f"ONNX needs the extra `export` ({error}): pip install 'brandwarden[export]'") from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda batch: np.asarray(session.run(None, {"pixels": batch})[0], np.float32)


def _to_openvino(tower: Tower, out: Path) -> Callable[[Array], Array]:
    import torch  # noqa: PLC0415 - loaded with the tower already

    try:
        import openvino  # noqa: PLC0415 - only for this form
    except ImportError as error:
        raise ExportFailed(f"OpenVINO is not installed ({error}): pip install openvino") from error
    sample = torch.from_numpy(pictures(tower)[:2])
    with _tracing():
        converted = openvino.convert_model(tower.visual, example_input=sample)
    converted.reshape([-1, 3, tower.side, tower.side])
    openvino.save_model(converted, out / "image_tower.xml", compress_to_fp16=False)
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(out / "image_tower.xml", "CPU", exact)
    return lambda batch: np.asarray(compiled(batch)[0], np.float32)


@contextlib.contextmanager
def _tracing() -> Iterator[None]:
    """Attention in plain steps, for no other engine knows torch's fused one; tracers speak of constants they fold."""
    import torch  # noqa: PLC0415 - loaded with the tower already

    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def pictures(tower: Tower) -> Array:
    """A few pictures with edges, gradients and texture, the same every time, float32 `[8, 3, side, side]`."""
    rng = np.random.default_rng(11)
    made: list[Pixels] = []
    for number in range(_PICTURES):
        cells = rng.integers(0, 256, (4 + 3 * number, 5 + 2 * number, 3), dtype=np.uint8)
        made.append(resize(np.ascontiguousarray(cells), tower.side, tower.side))
    scaled = np.stack(made).astype(np.float32) / 255.0
    mean, std = (np.asarray(values, np.float32) for values in (tower.mean, tower.std))
    return np.ascontiguousarray(((scaled - mean) / std).transpose(0, 3, 1, 2))
