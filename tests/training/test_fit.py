"""A whole small fit: the way from public weights to a model directory, and a resume that changes nothing."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file
from skimage import data as photographs

from training.fit.batches import Batches
from training.fit.beginning import begin
from training.fit.checkpoints import Saved, load_checkpoint, save_checkpoint
from training.fit.config import Batch, Config, ConfigError, Losses, Rates, Words
from training.fit.drawings import draw_word, find_fonts
from training.fit.finish import WEIGHTS, write_student
from training.fit.loop import Run, look_alikes
from training.fit.naming import ask_words
from training.fit.phrases import is_kept_back, phrases_of
from training.fit.pictures import open_album, read_manifest
from training.fit.student import Student, open_visual
from training.fit.vocabulary import Vocabulary
from training.fit.words import Named, check_words, learn_words
from training.marks import read_marks
from vision.embedders import load_embedder
from vision.embedders.sidecar import read_sidecar
from vision.embedders.tower import Tower
from vision.images import encode_jpeg

PHOTOS = [photographs.astronaut(), photographs.chelsea(), photographs.coffee(), photographs.rocket()]
WORDS = Words(steps=3, batch=4, width=16, layers=1, heads=2, context=32)
CONFIG = Config(
    seed=3,
    steps=6,
    batch=Batch(photos=2, marks=2, photo_sides=(64,), tile=64),
    rates=Rates(warmup=1, trunk_after=0),
    losses=Losses(memory=16),
    words=WORDS,
)


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    root = tmp_path_factory.mktemp("photos")
    paths = []
    for number, photo in enumerate(PHOTOS):
        paths.append(root / f"{number}.jpg")
        paths[-1].write_bytes(encode_jpeg(photo))
    return open_album(root / "cache", root, read_manifest(root, paths), side=128)


@pytest.fixture(scope="module")
def marks():
    return read_marks(4, seed=3, side=64)


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    directory = tmp_path_factory.mktemp("start")
    begin(directory, WORDS, seed=7)
    return directory


TEXTS = ["shoe", "hat", "milk", "ferro"]


def named(texts, dim):
    """Every text shows in its own direction, in two vectors a little apart."""
    rows = np.random.default_rng(0).standard_normal((len(texts), 2, dim)).astype(np.float32) * 0.2
    rows += np.eye(len(TEXTS), dim, dtype=np.float32)[[TEXTS.index(text) for text in texts], None] * dim**0.5
    return Named([(text,) for text in texts], rows / np.linalg.norm(rows, axis=2, keepdims=True))


def student_of(start):
    return Student(open_visual(start), read_sidecar(start), frozen_blocks=3)


def losses_of(run, steps):
    return [step.terms["total"] for step in run.round(steps)]


def test_the_album_gives_the_pictures_back(album):
    assert len(album) == 4
    assert album[1].shape == (85, 128, 3)
    assert len(album.manifest.sha256) == 64


def test_a_step_is_drawn_again_from_its_number(album, marks):
    nobody = np.full((4, 1), -1)
    batches = Batches(CONFIG.batch, 3, album, marks, photo_neighbours=nobody, mark_neighbours=nobody)
    first, again, other = batches[5], batches[5], batches[6]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["tiles"], other["tiles"])
    assert first["tiles"].shape == (6, 64, 64, 3)
    assert first["mark.labels"].tolist() == np.repeat(first["mark_ids"].numpy(), 3).tolist()
    assert (first["mark.boxes"][:, 2:] > first["mark.boxes"][:, :2]).all()


def test_the_quick_tower_is_the_tower(start):
    student = student_of(start)
    pixels = torch.from_numpy(np.stack([photo[:96, :96] for photo in PHOTOS[:2]]))
    batch = (pixels.permute(0, 3, 1, 2).float() - student.pixel_mean) / student.pixel_std
    plain = open_visual(start).eval()
    trained = [name for name, value in student.visual.named_parameters() if value.requires_grad]
    slow, quick = Tower(plain, (2, 3, 4))(batch), Tower(student.visual, (2, 3, 4))(batch)
    for one, other in zip(slow.maps, quick.maps, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-3)
    slow.maps[-1].square().mean().backward()
    quick.maps[-1].square().mean().backward()
    gradients = dict(plain.named_parameters())
    assert trained
    for name, value in student.visual.named_parameters():
        if name in trained and value.grad is not None:
            assert torch.allclose(
                value.grad, gradients[name].grad, rtol=1e-2, atol=1e-4 * float(value.grad.abs().max())
            )


def test_a_resumed_fit_has_the_losses_of_an_unbroken_one(start, album, marks, tmp_path):
    torch.manual_seed(0)
    unbroken = Run(CONFIG, student_of(start), album, marks)
    expected = losses_of(unbroken, 2) + losses_of(unbroken, 2)
    first = Run(CONFIG, student_of(start), album, marks)
    before = losses_of(first, 2)
    save_checkpoint(tmp_path, first.saved())
    second = Run(CONFIG, student_of(start), album, marks)
    second.resume(load_checkpoint(tmp_path))
    assert before + losses_of(second, 2) == expected
    assert (second.step, unbroken.step) == (4, 4)
    assert all(torch.equal(second.average[name], value) for name, value in unbroken.average.items())


def test_a_checkpoint_of_other_pictures_or_with_a_changed_byte_is_refused(start, album, marks, tmp_path):
    run = Run(CONFIG, student_of(start), album, marks)
    saved = run.saved()
    with pytest.raises(ConfigError, match="other pictures"):
        run.resume(Saved(saved.tensors, saved.state | {"manifest": "0" * 64}))
    save_checkpoint(tmp_path, saved)
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(file.read_bytes()[:-4] + b"\x01\x02\x03\x04")
    with pytest.raises(ConfigError, match="do not belong together"):
        load_checkpoint(tmp_path)
    assert load_checkpoint(tmp_path / "nowhere") is None


def test_a_learning_rate_moves_only_what_is_free(start, album, marks):
    run = Run(CONFIG, student_of(start), album, marks)
    frozen = {name: value.clone() for name, value in run.student.named_parameters() if not value.requires_grad}
    free = {name: value.detach().clone() for name, value in run.student.learned().items()}
    list(run.round(2))
    after = dict(run.student.named_parameters())
    assert all(torch.equal(value, after[name]) for name, value in frozen.items())
    assert any(not torch.equal(value, after[name]) for name, value in free.items() if "trunk" in name)
    assert not torch.equal(free["logo_head.turn"], after["logo_head.turn"])


def test_a_student_is_written_with_its_words_and_loaded_by_the_service(start, tmp_path):
    student = student_of(start)
    with torch.no_grad():
        student.logo_head.turn.mul_(2.0)
    write_student(student, start, tmp_path)
    before, untaught = (load_embedder(str(path), engine="torch") for path in (start, tmp_path))
    assert untaught.embed_texts(["shoe"]) is None
    ours, theirs = (model.embed_crops([PHOTOS[0]]) for model in (untaught, before))
    assert (ours * theirs).sum() > 0.999
    wider = dataclasses.replace(WORDS, width=24, layers=2)
    learn_words(tmp_path, *(named(TEXTS, dim) for dim in (192, 256)), wider, seed=1, say=lambda step, loss: None)
    taught = load_embedder(str(tmp_path), engine="torch")
    assert taught.space.id == untaught.space.id
    assert np.array_equal(taught.embed_crops([PHOTOS[0]]), ours)
    texts = taught.embed_texts(["Shoe", "shoe ", "hat"])
    assert texts.photo.shape == (3, 256)
    assert texts.logo.shape == (3, 192)
    assert np.allclose(np.linalg.norm(texts.logo, axis=1), 1.0, atol=1e-4)
    assert np.allclose(texts.logo[0], texts.logo[1], atol=1e-5)
    assert not np.allclose(texts.logo[0], texts.logo[2], atol=1e-3)
    assert taught.embed_texts([]).photo.shape == (0, 256)


def test_words_are_told_apart_once_they_are_taught(start, tmp_path):
    shutil.copytree(start, tmp_path / "model")
    marks, photos = named(TEXTS, 192), named([*TEXTS, *TEXTS], 256)
    config = dataclasses.replace(WORDS, steps=60, batch=8, strangers=8, rate=5e-3, width=32)
    learn_words(tmp_path / "model", marks, photos, config, seed=1, say=lambda step, loss: None)
    found = ask_words(load_embedder(str(tmp_path / "model"), engine="torch"), Vocabulary(photos, marks), seed=1)
    assert found["garments"] > found["garments, at random"] == 0.25
    assert found["garments"] == 1.0
    assert found["names"] == 1.0  # four marks are the first ten
    assert found["nonsense shows"] < 0.5
    assert ask_words(load_embedder(str(start), engine="torch"), Vocabulary(photos, marks), seed=1) == {}


def test_words_of_a_folder():
    assert phrases_of("hat") == ("hat", "cap", "beanie")
    assert phrases_of("Oatly-Oat-Milk") == ("Oatly Oat Milk", "Oatly Oat", "Oat Milk", "Oatly", "Oat", "Milk")
    assert sum(is_kept_back(f"{number}.jpg") for number in range(1000)) == pytest.approx(200, abs=60)


def test_only_a_tower_of_our_own_is_taught(start, tmp_path):
    shutil.copytree(start, tmp_path / "model")
    file = tmp_path / "model/open_clip_config.json"
    content = json.loads(file.read_text())
    content["model_cfg"]["custom_text"] = False
    file.write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="custom_text"):
        check_words(tmp_path / "model", 256)


def test_any_open_clip_model_can_teach(start, album, marks, tmp_path):
    vision = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 48}
    text = {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
    torch.manual_seed(1)
    model = open_clip.CLIP(embed_dim=24, vision_cfg=vision, text_cfg=text)
    grey = {"mean": [0.5] * 3, "std": [0.5] * 3}
    content = {"model_cfg": {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": grey}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(content))
    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, tmp_path / WEIGHTS)
    config = dataclasses.replace(CONFIG, losses=Losses(memory=16, teacher=str(tmp_path)))
    (step,) = Run(config, student_of(start), album, marks).round(1)
    assert step.terms["distil"] > 0
    with pytest.raises(ConfigError, match="teacher"):
        Run(dataclasses.replace(CONFIG, losses=Losses(teacher="nowhere")), student_of(start), album, marks)


def test_look_alikes_are_the_nearest_known():
    table = torch.zeros(12, 2)
    for number in range(10):
        table[number] = torch.tensor([np.cos(number / 10), np.sin(number / 10)])
    nearest = look_alikes(table)
    assert set(nearest[0].tolist()) == {1, 2, 3, 4, 5, 6}
    assert (nearest[11] == -1).all()


def test_words_are_set_in_many_ways():
    random, fonts = np.random.default_rng(0), find_fonts()
    drawn = [draw_word(random, "ferro", fonts) for _ in range(6)]
    assert len({mark.coverage.shape for mark in drawn}) > 3
    assert all(mark.coverage.max() > 0.5 for mark in drawn)
    assert all(max(mark.coverage.shape) <= 192 for mark in drawn)
