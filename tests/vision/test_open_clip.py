"""Any other open_clip model: a ViT with patch tokens, a timm ViT, a CNN, each with random weights from a directory."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file
from skimage import data as photographs

from vision.embedders import DEFAULT_MODEL, load_embedder, model_directory
from vision.errors import ModelError

TEXT = {"context_length": 8, "vocab_size": 64, "width": 16, "heads": 1, "layers": 1}
TOWERS = {
    "vit": {"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 16},
    "vit-pooled": {
        "image_size": 64,
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "patch_size": 16,
        "pool_type": "avg",
        "no_ln_pre": True,
    },
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16},
    "timm-vit": {
        "timm_model_name": "vit_tiny_patch16_224",
        "timm_pool": "",
        "timm_proj": "linear",
        "image_size": 224,
    },
    "timm-cnn": {"timm_model_name": "resnet10t", "timm_pool": "avg", "timm_proj": "linear", "image_size": 128},
}
PHOTOS = [photographs.astronaut(), photographs.chelsea()]


def write_model(directory, vision, *, seed=0, text=TEXT):
    model_cfg = {"embed_dim": 32, "vision_cfg": dict(vision), "text_cfg": dict(text)}
    directory.mkdir(exist_ok=True)
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess}
    (directory / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    model = open_clip.CLIP(**json.loads(json.dumps(model_cfg)))
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        directory / "open_clip_model.safetensors",
    )
    return str(directory)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A directory must be enough: any connection fails the test."""

    def refuse(*_):
        raise AssertionError("a local model opened a connection")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)


@pytest.mark.parametrize("tower", TOWERS)
def test_every_kind_of_tower_gives_photo_and_logo_vectors(tmp_path, tower):
    embedder = load_embedder(write_model(tmp_path / "model", TOWERS[tower]), device="cpu", precision="fp32")
    prepared = [embedder.prepare(photo) for photo in PHOTOS]
    queries = embedder.embed_queries(prepared)
    references = embedder.embed_photos(prepared)
    logos = embedder.embed_logos([photographs.logo()[..., :3]])
    for regions in (*(query.photo for query in queries), *(query.logo for query in queries), *references, *logos):
        assert regions.vectors.shape == (len(regions), 32)
        assert np.allclose(np.linalg.norm(regions.vectors, axis=1), 1.0, atol=1e-4)
    assert all(1 <= len(query.logo) <= 8 for query in queries)
    assert np.allclose(queries[0].photo.vectors, references[0].vectors, atol=1e-4)


@pytest.mark.parametrize("tower", ["vit", "timm-vit", "timm-cnn"])
def test_the_whole_picture_has_open_clips_own_features(tmp_path, tower):
    directory = write_model(tmp_path / "model", TOWERS[tower])
    embedder = load_embedder(directory, device="cpu", precision="fp32")
    prepared = embedder.prepare(PHOTOS[0])
    model = open_clip.create_model(f"local-dir:{directory}").eval()
    batch = torch.from_numpy(prepared.pixels).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    with torch.inference_mode():
        expected = model.encode_image(batch, normalize=True).numpy()
    assert np.allclose(embedder.embed_photos([prepared])[0].vectors[:1], expected, atol=1e-4)


def test_space_follows_the_weights_and_not_the_directory(tmp_path):
    first = load_embedder(write_model(tmp_path / "a", TOWERS["vit"]), precision="fp32").space
    moved = load_embedder(write_model(tmp_path / "b", TOWERS["vit"])).space
    other = load_embedder(write_model(tmp_path / "c", TOWERS["vit"], seed=1), precision="fp32").space
    assert first.id == moved.id
    assert first.id != other.id


def test_bf16_is_a_space_of_its_own_that_nearly_agrees(embedder):
    full, short = (load_embedder(device="cpu", precision=precision) for precision in ("fp32", "bf16"))
    assert full.space == embedder.space
    assert short.space.id != full.space.id
    pictures = [*PHOTOS, photographs.coffee(), photographs.rocket()]
    pairs = zip(
        full.embed_photos([full.prepare(picture) for picture in pictures]),
        short.embed_photos([short.prepare(picture) for picture in pictures]),
        strict=True,
    )
    cosines = [(one.vectors * two.vectors).sum(axis=1) for one, two in pairs]
    assert np.mean(cosines) >= 0.995


def test_open_clip_loads_the_shipped_directory():
    directory = model_directory(DEFAULT_MODEL)
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{directory}")
    assert model.encode_image(torch.zeros(1, 3, 320, 320)).shape == (1, 256)
    words = open_clip.get_tokenizer(f"local-dir:{directory}")(["a red dress"])
    assert model.encode_text(words).shape == (1, 256)
    assert any("Normalize" in type(step).__name__ for step in preprocess.transforms)
    assert sum(file.stat().st_size for file in directory.iterdir()) < 30 * 2**20


def test_refuses_pickles_hubs_and_damage(tmp_path):
    directory = tmp_path / "model"
    write_model(directory, TOWERS["vit"])
    weights = directory / "open_clip_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_embedder(str(directory))
    weights.rename(directory / "open_clip_model.bin")
    with pytest.raises(ModelError, match="safetensors"):
        load_embedder(str(directory))
    hub = write_model(tmp_path / "hub", TOWERS["vit"])
    config = json.loads((tmp_path / "hub" / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = "roberta-base"
    (tmp_path / "hub" / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="hub"):
        load_embedder(hub)


def test_a_damaged_sidecar_is_refused(tmp_path):
    directory = tmp_path / "model"
    write_model(directory, TOWERS["vit"])
    (directory / "brandwarden.json").write_text("{")
    with pytest.raises(ModelError, match=r"brandwarden\.json"):
        load_embedder(str(directory))


@pytest.mark.parametrize("harm", ["pickle", "not finite", "wrong dimension"])
def test_damaged_heads_are_refused(tmp_path, harm):
    directory = tmp_path / "model"
    shutil.copytree(model_directory(DEFAULT_MODEL), directory)
    path = directory / "brandwarden_heads.safetensors"
    heads = load_file(path)
    if harm == "not finite":
        heads["photo.matrix"][0, 0] = torch.nan
    elif harm == "wrong dimension":
        heads["photo.matrix"] = heads["photo.matrix"][:, :-3].contiguous()
    if harm == "pickle":
        path.write_bytes(pickle.dumps({"photo.matrix": [1.0]}))
    else:
        save_file(heads, path)
    with pytest.raises(ModelError, match=r"brandwarden_heads\.safetensors"):
        load_embedder(str(directory))


def test_weights_of_a_wrong_dimension_and_pickles_by_another_name_are_refused(tmp_path):
    directory = tmp_path / "model"
    write_model(directory, TOWERS["vit"])
    path = directory / "open_clip_model.safetensors"
    weights = load_file(path)
    name = next(name for name in weights if name.startswith("visual.") and weights[name].ndim == 2)
    save_file({**weights, name: weights[name][:-1].contiguous()}, path)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_embedder(str(directory))
    path.write_bytes(pickle.dumps({"visual": 1}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_embedder(str(directory))
