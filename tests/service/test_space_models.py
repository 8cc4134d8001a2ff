"""Real open_clip towers, with random weights, as models of a running service; and models that cannot be."""

from __future__ import annotations

import contextlib
import json

import pytest
import torch
from fastapi.testclient import TestClient
from safetensors.torch import load_file, save_file

from service.app import create_app
from service.runtime import Runtime
from tests.conftest import OPERATOR_KEY
from tests.fakes import ThumbnailEmbedder
from tests.photographs import NAMES, jpeg, mark
from tests.service.spaces import WHY, add, judge, prepare, step
from tests.vision.test_open_clip import TOWERS, write_model
from vision.embedders import load_embedder


@pytest.fixture
def client(settings):
    def load(name):
        return load_embedder(name, device="cpu", precision="fp32")

    with (
        contextlib.closing(Runtime.open(settings, embedder=ThumbnailEmbedder(), loads=load)) as runtime,
        TestClient(create_app(settings, runtime=runtime)) as opened,
    ):
        opened.headers["Authorization"] = f"Bearer {OPERATOR_KEY}"
        yield opened


def test_a_vit_and_a_cnn_serve_and_recommend_a_review_at_most(client, tmp_path):
    brand = client.post("/v1/brands", json={"name": "Acme"}).json()["id"]
    references = [add(client, brand, jpeg(name)) for name in NAMES[:3]]
    add(client, brand, mark(), "logo")
    for number, tower in enumerate(("vit", "timm-cnn")):
        directory = write_model(tmp_path / tower, TOWERS[tower])
        space = prepare(client, f"local-dir:{directory}")
        assert (space["calibrated"], space["photo_dim"]) == (False, 32)
        assert space["vectors"] == {"photo": 18, "logo": 6}
        step(client, space["id"], "promote", **WHY)
        judged = judge(client, f"A-{number}", jpeg("coffee", 80))
        assert judged["space"] == space["id"]
        assert judged["calibration"] == space["calibration"]
        (found,) = (match for match in judged["matches"] if match["reference_id"] == references[1])
        assert 0.5 <= found["confidence"] <= 0.75
        assert judged["decision"] == "review"
        answer = client.post("/v1/search", files={"image": jpeg("coffee", 80)}).json()
        assert (answer["space"], answer["calibration"]) == (space["id"], space["calibration"])


def damage(directory, what):
    """Make a good model into one that cannot be used."""
    weights = directory / "open_clip_model.safetensors"
    tensors = load_file(weights)
    if what == "nan":
        name = next(name for name in tensors if name.startswith("visual.") and tensors[name].ndim > 1)
        tensors[name][0] = torch.nan
        save_file(tensors, weights)
    elif what == "dimension":
        config = json.loads((directory / "open_clip_config.json").read_text())
        config["model_cfg"]["embed_dim"] = 48
        (directory / "open_clip_config.json").write_text(json.dumps(config))
    elif what == "pickle":
        torch.save(tensors, directory / "open_clip_model.bin")
        weights.unlink()
    elif what == "cut off":
        weights.write_bytes(weights.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("nan", "no finite numbers"),
        ("dimension", "cannot be loaded"),
        ("pickle", "pickles are not loaded"),
        ("cut off", "cannot be loaded"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_with_what_to_do(client, tmp_path, what, words):
    directory = tmp_path / "model"
    write_model(directory, TOWERS["vit"])
    damage(directory, what)
    answer = client.post("/v1/spaces", json={"model": f"local-dir:{directory}"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/model-refused")
    assert words in answer.json()["detail"]
    assert [space["id"] for space in client.get("/v1/spaces").json()["items"]] == ["spc_thumbnail"]


def test_what_a_loaded_model_makes_is_looked_at_too():
    from service.spaces.loading import ModelRefused, load_model
    from vision.embedding import Regions
    from vision.errors import ModelError

    class Wrong(ThumbnailEmbedder):
        def __init__(self, change):
            super().__init__()
            self.change = change

        def embed_photos(self, batch):
            return [Regions(one.boxes, self.change(one.vectors), one.weights) for one in super().embed_photos(batch)]

    def flat(name):
        raise ModelError("the image tower Flat gives no dense map; choose another `model`")

    def broken(name):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    for loads, words in (
        (lambda _: Wrong(lambda vectors: vectors[:, :50]), "50"),
        (lambda _: Wrong(lambda vectors: vectors * float("nan")), "not finite"),
        (lambda _: Wrong(lambda vectors: vectors * 0), "no length"),
        (flat, "no dense map"),
        (broken, "do not fit"),
    ):
        with pytest.raises(ModelRefused, match=words):
            load_model("any", loads, {})
