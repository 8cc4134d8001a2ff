"""The shipped model and any other open_clip model, through `load_embedder`."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from skimage import data as photographs

from vision.boxes import Box
from vision.embedders import DEFAULT_MODEL, calibration_path, load_embedder, model_directory
from vision.embedding import CROP_MARGIN, MAX_QUERY_LOGO_VECTORS, MAX_QUERY_PHOTO_VECTORS, MAX_REFERENCE_VECTORS
from vision.errors import ModelError
from vision.images import cut, resize
from vision.regions import PHOTO_LAYOUT

PHOTOS = [photographs.astronaut(), photographs.chelsea(), photographs.coffee(), photographs.rocket()]


def check(regions, dim, most):
    assert 1 <= len(regions) <= most
    assert regions.vectors.shape == (len(regions), dim)
    assert regions.vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(regions.vectors, axis=1), 1.0, atol=1e-4)
    assert regions.weights.shape == (len(regions),)
    assert ((regions.weights >= 0) & (regions.weights <= 1)).all()
    assert all(0 <= box.x0 < box.x1 <= 1 and 0 <= box.y0 < box.y1 <= 1 for box in regions.boxes)


def test_importing_vision_loads_no_engine():
    code = "import sys, vision, vision.embedders, vision.regions; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_queries_keep_the_contract(embedder):
    queries = embedder.embed_queries([embedder.prepare(photo) for photo in PHOTOS])
    assert len(queries) == len(PHOTOS)
    for query in queries:
        check(query.of("photo"), embedder.space.photo_dim, MAX_QUERY_PHOTO_VECTORS)
        check(query.of("logo"), embedder.space.logo_dim, MAX_QUERY_LOGO_VECTORS)
    assert embedder.embed_queries([]) == []
    assert (embedder.space.photo_dim, embedder.space.logo_dim) == (256, 192)


def test_references_keep_the_contract(embedder):
    for regions in embedder.embed_photos([embedder.prepare(photo) for photo in PHOTOS]):
        check(regions, embedder.space.photo_dim, MAX_REFERENCE_VECTORS)
    for regions in embedder.embed_logos([photographs.logo()[..., :3], np.full((20, 90, 3), 200, np.uint8)]):
        check(regions, embedder.space.logo_dim, MAX_REFERENCE_VECTORS)


def test_a_small_copy_is_embedded_in_its_own_size(embedder):
    canvas = resize(photographs.astronaut(), 900, 900)
    canvas[500:740, 60:420] = resize(photographs.chelsea(), 360, 240)
    query = embedder.embed_queries([embedder.prepare(canvas), embedder.prepare(photographs.chelsea())])
    asked = query[0].photo
    assert len(asked) == len(asked.vectors) == len(asked.weights) <= MAX_QUERY_PHOTO_VECTORS
    reference = embedder.embed_photos([embedder.prepare(photographs.chelsea())])[0].vectors[0]
    similar = asked.vectors @ reference
    assert asked.boxes[int(similar.argmax())].iou(Box(60 / 900, 500 / 900, 420 / 900, 740 / 900)) > 0.8
    assert query[1].photo.boxes == PHOTO_LAYOUT


def test_a_batch_gives_what_single_pictures_give(embedder):
    prepared = [embedder.prepare(photo) for photo in PHOTOS]
    together = embedder.embed_photos(prepared)
    for alone, regions in zip(prepared, together, strict=True):
        again = embedder.embed_photos([alone])[0]
        assert (again.vectors * regions.vectors).sum(axis=1).min() > 0.995


def test_a_crop_of_a_mark_is_nearest_its_reference(embedder):
    mark, other = photographs.logo()[..., :3], PHOTOS[2][100:250, 200:400]
    canvas = resize(PHOTOS[1], 480, 400).copy()
    canvas[140:260, 300:420] = resize(np.ascontiguousarray(mark), 120, 120)
    window = Box(300 / 480, 140 / 400, 420 / 480, 260 / 400)
    crops = [cut(canvas, window, CROP_MARGIN), cut(canvas, Box(0.0, 0.0, 0.2, 0.3), CROP_MARGIN)]
    vectors = embedder.embed_crops(crops)
    assert vectors.shape == (2, embedder.space.logo_dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    right, wrong = embedder.embed_logos([mark, other])
    assert (vectors[0] @ right.vectors.T).max() > (vectors[0] @ wrong.vectors.T).max() + 0.1
    assert (vectors[0] @ right.vectors.T).max() > (vectors[1] @ right.vectors.T).max() + 0.1
    assert embedder.embed_crops([]).shape == (0, embedder.space.logo_dim)


def test_a_copy_is_nearer_than_other_pictures(embedder):
    reference = embedder.embed_photos([embedder.prepare(photo) for photo in PHOTOS])
    for number, photo in enumerate(PHOTOS):
        height, width = photo.shape[:2]
        crop = photo[height // 8 : -height // 8, width // 8 : -width // 8]
        query = embedder.embed_queries([embedder.prepare(crop)])[0].photo
        best = [float((query.vectors @ regions.vectors.T).max()) for regions in reference]
        assert int(np.argmax(best)) == number


def test_threads_agree_with_one_after_another(embedder):
    prepared = [embedder.prepare(photo) for photo in PHOTOS]
    expected = [embedder.embed_queries([item])[0].photo.vectors for item in prepared]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda item: embedder.embed_queries([item])[0].photo.vectors, prepared * 3))
    for number, vectors in enumerate(found):
        assert np.allclose(vectors, expected[number % len(PHOTOS)], atol=1e-3)


def test_names_that_cannot_be_loaded(tmp_path):
    assert calibration_path("ViT-B-32/openai") is None
    assert model_directory(DEFAULT_MODEL).is_dir()
    for name in ("no-such-model", "no-such/model", "local-dir:/no/such/place", str(tmp_path)):
        with pytest.raises(ModelError):
            load_embedder(name)
    with pytest.raises(ModelError, match="precision"):
        load_embedder(precision="int4")
    with pytest.raises(ModelError, match="device"):
        load_embedder(device="abacus")
