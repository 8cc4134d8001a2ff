"""Which engine serves: agreement with torch, a probe that dies, a cache that was damaged, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data as photographs

import vision
from vision.embedders import DEFAULT_MODEL, load_embedder, model_directory
from vision.embedders.engines import verdict_on
from vision.embedders.probe import Trial, neighbours_kept
from vision.errors import ModelError

PHOTOS = [photographs.astronaut(), photographs.chelsea(), photographs.coffee(), photographs.rocket()]
MODEL = model_directory(DEFAULT_MODEL)
COUNTED = """
import json, pathlib, sys
target = pathlib.Path(sys.argv[-1])
runs = target.parent / "runs.txt"
runs.write_text((runs.read_text() if runs.exists() else "") + "x")
"""
FINDS = (
    COUNTED
    + """
chosen = {"exact": 3, "photo": 0.9993, "logo": 0.9992, "milliseconds": 9.0}
(target / "engine.json").write_text(json.dumps({"space": {}, "chosen": chosen, "trials": [chosen]}))
(target / "trunk.xml").write_text("<net/>")
"""
)


def probe(code):
    return (sys.executable, "-c", code)


def runs(cache):
    return len((cache / "runs.txt").read_text())


def cosines(one, two):
    return (one * two).sum(axis=1)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_every_engine_fills_one_space(torch_embedder, request, name):
    other = request.getfixturevalue({"openvino": "openvino_embedder", "onnxruntime": "onnx_embedder"}[name])
    assert other.space == torch_embedder.space
    assert (torch_embedder.engine.name, other.engine.name) == ("torch", name)
    engines = (other, torch_embedder)
    found, expected = (engine.embed_photos([engine.prepare(photo) for photo in PHOTOS]) for engine in engines)
    alike = np.concatenate([cosines(one.vectors, two.vectors) for one, two in zip(found, expected, strict=True)])
    assert alike.mean() >= 0.999
    assert alike.min() >= 0.99
    found, expected = (engine.embed_logos([photographs.logo()[..., :3]])[0] for engine in engines)
    assert cosines(found.vectors, expected.vectors).mean() >= 0.999


def test_fp32_asked_for_is_fp32_throughout(torch_embedder, openvino_embedder):
    exact = load_embedder(device="cpu", engine="openvino", precision="fp32")
    assert exact.engine.precision == "fp32"
    for photo in PHOTOS:
        found, expected = (one.embed_queries([one.prepare(photo)])[0] for one in (exact, torch_embedder))
        assert np.abs(found.photo.vectors - expected.photo.vectors).max() < 1e-3
        assert found.logo.boxes == expected.logo.boxes
        assert np.abs(found.logo.vectors - expected.logo.vectors).max() < 1e-3
        assert np.abs(found.logo.weights - expected.logo.weights).max() < 1e-3


def test_serving_through_openvino_loads_no_torch(openvino_embedder):
    code = (
        "import sys; from vision.embedders import load_embedder; load_embedder(engine='openvino');"
        "sys.exit('torch' in sys.modules or 'open_clip' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_several_pictures_side_by_side_keep_their_order(openvino_embedder):
    pair = load_embedder(device="cpu", engine="openvino", threads=2)
    prepared = [pair.prepare(photo) for photo in PHOTOS]
    for one, two in zip(pair.embed_photos(prepared), openvino_embedder.embed_photos(prepared), strict=True):
        assert np.allclose(one.vectors, two.vectors, atol=1e-3)


def test_a_verdict_is_remembered(tmp_path):
    for _ in range(3):
        verdict = verdict_on(MODEL, tmp_path, probe(FINDS))
        assert verdict.found["chosen"]["exact"] == 3
    assert runs(tmp_path) == 1


def test_another_model_is_another_question(tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(MODEL, copy)
    verdict_on(MODEL, tmp_path / "cache", probe(FINDS))
    verdict_on(copy, tmp_path / "cache", probe(FINDS))
    assert runs(tmp_path / "cache") == 1
    sidecar = copy / "brandwarden.json"
    sidecar.write_text(sidecar.read_text() + "\n")
    verdict_on(copy, tmp_path / "cache", probe(FINDS))
    assert runs(tmp_path / "cache") == 2


@pytest.mark.parametrize("name", ["SIGFPE", "SIGILL", "SIGSEGV"])
def test_an_engine_that_crashes_is_named_and_not_tried_again(tmp_path, name):
    code = (
        COUNTED
        + f"import os, signal; signal.signal(signal.{name}, signal.SIG_DFL); os.kill(os.getpid(), signal.{name})"
    )
    for _ in range(2):
        verdict = verdict_on(MODEL, tmp_path, probe(code))
        assert verdict.found is None
        assert name in verdict.why
    assert runs(tmp_path) == 1


def test_a_probe_that_somebody_stopped_is_run_again(tmp_path):
    code = COUNTED + "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    for _ in range(2):
        assert "SIGKILL" in verdict_on(MODEL, tmp_path, probe(code)).why
    assert runs(tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["runs.txt"]


def test_a_probe_that_hangs_is_ended(tmp_path):
    verdict = verdict_on(MODEL, tmp_path, probe("import time; time.sleep(600)"), patience=0.5)
    assert verdict.found is None
    assert "did not end in 0.5 s" in verdict.why


def test_wrong_numbers_are_seen():
    vectors = np.random.default_rng(3).standard_normal((40, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert neighbours_kept(vectors, vectors) == 1.0
    assert neighbours_kept(vectors[::-1], vectors) < 0.9
    assert Trial(None, 0.9999, 0.9995, 0.99, 1.0).agrees
    assert not Trial(None, 0.9999, 0.9, 0.99, 1.0).agrees
    assert not Trial(None, 0.9999, 0.9995, 0.9, 1.0).agrees
    assert not Trial(None, float("nan"), 0.9995, 0.99, 1.0).agrees


@pytest.mark.parametrize("gone", ["openvino", "onnxruntime", "clip"])
def test_without_its_file_one_backend_is_missing_and_the_next_serves(tmp_path, gone, openvino_embedder, onnx_embedder):
    """`vision` without one file, and the cache of this machine: what was found of the others still holds."""
    source = Path(vision.__file__).parent
    shutil.copytree(source, tmp_path / "vision", ignore=shutil.ignore_patterns(f"{gone}.py", "__pycache__", "models"))
    (tmp_path / "vision" / "models").symlink_to(source / "models")
    code = "from vision.embedders import load_embedder; engine = load_embedder().engine; print(engine.name, engine.why)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    served = "onnxruntime" if gone == "openvino" else "openvino"
    assert ended.stdout.startswith(served)
    assert ("no backend for OpenVINO" in ended.stdout) == (gone == "openvino")


def test_an_error_of_the_probe_is_told(tmp_path):
    verdict = verdict_on(MODEL, tmp_path, probe("raise RuntimeError('no such operation')"))
    assert verdict.found is None
    assert "no such operation" in verdict.why


@pytest.mark.parametrize("name", ["engine.json", "trunk.xml", "manifest.json"])
@pytest.mark.parametrize("harm", ["cut", "changed", "removed"])
def test_a_damaged_cache_is_made_again(tmp_path, name, harm):
    verdict_on(MODEL, tmp_path, probe(FINDS))
    (file,) = tmp_path.glob(f"engine-*/{name}")
    content = file.read_bytes()
    if harm == "removed":
        file.unlink()
    else:
        file.write_bytes(content[:-3] if harm == "cut" else content[:-3] + b"zzz")
    verdict = verdict_on(MODEL, tmp_path, probe(FINDS))
    assert verdict.found["chosen"]["exact"] == 3
    assert runs(tmp_path) == 2
    assert (verdict.directory / name).read_bytes() == content


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("no directory")
    assert verdict_on(MODEL, blocked, probe(FINDS)).found is not None


def test_torch_serves_and_says_why(tmp_path, monkeypatch):
    assert "setting" in load_embedder(device="cpu", engine="torch").engine.why
    monkeypatch.setattr("vision.embedders.engines.PROBE", probe("import os; os.abort()"))
    served = load_embedder(device="cpu", cache=tmp_path)
    assert served.engine.name == "torch"
    assert "SIGABRT" in served.engine.why
    with pytest.raises(ModelError, match="SIGABRT"):
        load_embedder(device="cpu", engine="openvino", cache=tmp_path)


def test_what_openvino_cannot_serve_is_refused_when_asked_for():
    for options in ({"precision": "bf16"}, {"device": "cuda"}):
        with pytest.raises(ModelError, match="`engine` setting"):
            load_embedder(engine="openvino", **options)
    with pytest.raises(ModelError, match="engine"):
        load_embedder(engine="abacus")


def test_the_real_probe_leaves_what_it_measured(openvino_embedder, tmp_path):
    verdict = verdict_on(MODEL)
    assert verdict.found is not None
    trials = json.loads((verdict.directory / "engine.json").read_text())["trials"]
    assert trials[0]["exact"] is None
    assert min(trials[0]["photo"], trials[0]["logo"]) > 0.9999
    chosen = verdict.found["chosen"]
    assert min(chosen["photo"], chosen["logo"]) >= 0.999
    assert chosen["milliseconds"] == min(
        trial["milliseconds"] for trial in trials if min(trial["photo"], trial["logo"]) >= 0.999
    )


def test_a_model_that_went_in_another_thread_leaves_signals_in_peace():
    """The CPU plugin gives its first thread a stack for signals, and took it away in whichever thread it went."""
    code = """
import gc, os, signal, threading
from vision.embedders import load_embedder
held = [load_embedder()]
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
def drop():
    held.clear()
    gc.collect()
thread = threading.Thread(target=drop)
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGUSR1)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert (ended.returncode, ended.stdout) == (0, "handled\n"), ended.stderr
