"""Where a fit begins: public weights, and closed forms that a seed gives again."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from skimage import data as photographs

from training.fit.beginning import begin
from training.fit.config import Words
from training.fit.student import Student, open_visual
from training.marks import read_marks
from training.towers import lite0_weights
from training.windows import learn_logoness
from vision.embedders import load_embedder
from vision.embedders.sidecar import read_sidecar
from vision.images import resize

PHOTOS = [photographs.astronaut(), photographs.chelsea(), photographs.coffee(), photographs.rocket()]


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    directory = tmp_path_factory.mktemp("model")
    begin(directory, Words(), seed=7)
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


def test_the_beginning_is_a_usable_model(untrained):
    embedder = load_embedder(str(untrained), engine="torch")
    query = embedder.embed_queries([embedder.prepare(PHOTOS[0])])[0]
    assert (len(query.photo), len(query.logo)) == (6, 8)
    assert embedder.embed_texts(["shoe"]) is None


def test_logoness_comes_again_from_its_seed(untrained):
    student = Student(open_visual(untrained), read_sidecar(untrained), frozen_blocks=3)
    marks = read_marks(4, seed=1, side=96)

    def learn():
        return learn_logoness(
            lambda pictures: student.features(torch.from_numpy(np.stack(pictures))),
            student.sidecar.logoness,
            320,
            PHOTOS,
            marks,
            random=np.random.default_rng(0),
            scenes=4,
        )

    first, again = learn(), learn()
    assert np.allclose(first.bias, again.bias, atol=1e-3)
    assert np.abs(first.inside).max() > 0
    assert np.isfinite(first.scale).all()
