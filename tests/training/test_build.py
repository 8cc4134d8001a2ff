"""Building the model directory from the packaged weights; learning itself is tested on closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from skimage import data as photographs

from training.build import build_model
from training.heads import Effort, learn_logo, learn_photo
from training.marks import read_marks
from training.towers import lite0_weights
from vision.embedders import DEFAULT_MODEL, load_embedder, model_directory
from vision.embedders.checkpoint import load_checkpoint
from vision.embedders.clip import ClipEmbedder
from vision.embedders.sidecar import read_sidecar
from vision.images import resize

PHOTOS = [photographs.astronaut(), photographs.chelsea(), photographs.coffee(), photographs.rocket()]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model")
    build_model(directory, seed=7, effort=Effort(photos=0), say=print)
    return directory


def test_packaged_weights_know_imagenet():
    model = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    model.load_state_dict(lite0_weights())
    batch = np.stack([resize(photo, 224, 224) for photo in PHOTOS[1:]]).astype(np.float32)
    with torch.inference_mode():
        classes = model.eval()((torch.from_numpy(batch).permute(0, 3, 1, 2) - 127) / 128).argmax(dim=1).tolist()
    assert 281 <= classes[0] <= 285  # a cat
    assert classes[1] == 967  # espresso
    assert classes[2] in (540, 657, 744)  # a drilling platform, a missile, a projectile: the launch tower


def test_the_shipped_tower_is_the_packaged_one(untrained):
    built = load_checkpoint(f"local-dir:{untrained}", device="cpu", precision="fp32").visual.state_dict()
    shipped = load_checkpoint(f"local-dir:{model_directory(DEFAULT_MODEL)}", device="cpu", precision="fp32").visual
    for name, value in shipped.state_dict().items():
        assert torch.equal(value, built[name]), name


def test_building_without_photos_gives_a_usable_model(untrained):
    embedder = load_embedder(str(untrained))
    query = embedder.embed_queries([embedder.prepare(PHOTOS[0])])[0]
    assert (len(query.photo), len(query.logo)) == (6, 8)


def test_learning_comes_again_from_its_seed(untrained):
    embedder = ClipEmbedder(load_checkpoint(f"local-dir:{untrained}", device="cpu", precision="fp32"), "test")
    initial = read_sidecar(untrained)
    marks = read_marks(4, seed=1, side=96)
    effort = Effort(photos=4, marks=4, scenes=4)
    learned = []
    for _ in range(2):
        random = np.random.default_rng(0)
        photo = learn_photo(embedder, initial, PHOTOS, random, effort)
        learned.append((photo, learn_logo(embedder, initial, PHOTOS, marks, random=random, effort=effort)))
    (photo, logo), (photo_again, logo_again) = learned
    assert np.allclose(photo.mean, photo_again.mean, atol=1e-5)
    assert photo.matrix.shape == (256, 1712)
    assert logo.logo.matrix.shape == (128, 1688)
    assert np.allclose(logo.logoness.bias, logo_again.logoness.bias, atol=1e-3)
    assert np.abs(logo.logoness.inside).max() > 0
