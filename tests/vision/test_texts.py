"""The NumPy text tower against open_clip's own, on random weights."""

from __future__ import annotations

import json

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from vision.embedders import DEFAULT_MODEL, model_directory
from vision.embedders.texts import TEXTS, read_texts, spelt, tokens, write_texts
from vision.errors import ModelError

TEXT = {"context_length": 32, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2}
VISION = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    directory = tmp_path_factory.mktemp("model")
    clip = open_clip.CustomTextCLIP(embed_dim=24, vision_cfg=VISION, text_cfg=TEXT).eval()
    (directory / "open_clip_config.json").write_text(json.dumps({"model_cfg": {"text_cfg": TEXT}}))
    save_file(
        {name: value.contiguous() for name, value in clip.state_dict().items()},
        directory / "open_clip_model.safetensors",
    )
    return clip, directory


def test_texts_are_spelt_and_cut():
    assert spelt("  Ad i\nDAS ") == "a d - i - d a s"
    assert spelt("Citroën & Co") == "c i t r o - n - - - c o"
    assert len(spelt("x" * 90).split()) == 28


def test_the_table_is_the_tokenizer():
    for text in ("shoe", "a0-z9", "Coca & Cola 24", ""):
        assert tokens(text, 32) == open_clip.tokenize([spelt(text)], 32)[0].tolist()


def test_the_tower_gives_what_open_clip_gives(model):
    clip, directory = model
    assert read_texts(directory) is None
    logo = np.random.default_rng(0).standard_normal((10, 24)).astype(np.float32)
    write_texts(directory, logo, {"photo": 0.25, "logo": 0.5})
    texts = ["shoe", "milk 3", "a much longer product name than fits here"]
    vectors = read_texts(directory)(texts)
    with torch.inference_mode():
        features = clip.encode_text(open_clip.tokenize([spelt(text) for text in texts], 32))
    expected = torch.nn.functional.normalize(features, dim=1).numpy()
    assert np.allclose(vectors.photo, expected, atol=1e-4)
    assert vectors.floors == {"photo": 0.25, "logo": 0.5}
    turned = expected @ logo.T
    assert np.allclose(vectors.logo, turned / np.linalg.norm(turned, axis=1, keepdims=True), atol=1e-2)


def test_a_damaged_file_is_refused(model, tmp_path):
    (tmp_path / TEXTS).write_bytes(b"not safetensors")
    with pytest.raises(ModelError, match="install the model again"):
        read_texts(tmp_path)


def test_the_default_model_was_taught_words():
    vectors = read_texts(model_directory(DEFAULT_MODEL))(["trousers", "pants", "Oatly"])
    alike = vectors.photo @ vectors.photo.T
    assert alike[0, 1] > alike[0, 2]
    assert all(0 < floor < 1 for floor in vectors.floors.values())
