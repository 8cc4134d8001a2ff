"""Exported models are loaded again and say the same; what cannot be exported leaves nothing behind."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.photographs import pixels
from tests.vision.test_open_clip import TOWERS, write_model
from training.cli import app
from training.export import ExportFailed, export_model
from vision.embedders import load_embedder


@pytest.mark.parametrize("tower", ["vit", "resnet"])
def test_every_form_agrees_with_the_model(tmp_path, tower):
    model, out = write_model(tmp_path / "model", TOWERS[tower]), tmp_path / "out"
    said = export_model(model, out, onnx=True, openvino=True)
    assert [line.split(":")[0] for line in said] == [f"wrote {out}", "ONNX", "OpenVINO"]
    assert {"image_tower.onnx", "image_tower.xml", "image_tower.bin"} <= {path.name for path in out.iterdir()}
    (tmp_path / "model" / "open_clip_model.safetensors").chmod(0o600)
    export_model(model, tmp_path / "again", onnx=False, openvino=False)
    assert (tmp_path / "again" / "open_clip_model.safetensors").stat().st_mode & 0o044 == 0o044
    first, again = (load_embedder(str(path), device="cpu", precision="fp32") for path in (model, out))
    assert first.space.id == again.space.id
    vectors = [one.embed_photos([one.prepare(pixels("coffee"))])[0].vectors for one in (first, again)]
    assert np.allclose(*vectors, atol=1e-6)


def test_what_cannot_be_exported_leaves_nothing_behind(tmp_path):
    model = tmp_path / "model"
    write_model(model, TOWERS["vit"])
    (model / "open_clip_model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ExportFailed, match="cannot be loaded"):
        export_model(str(model), tmp_path / "out", onnx=False, openvino=False)
    assert not (tmp_path / "out").exists()
    done = CliRunner().invoke(app, ["export", str(model), str(model)])
    assert done.exit_code == 1
    assert "exists" in done.output
