"""An engine that crashes where it is tried: `status` names it and says which one serves instead."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vision
from vision.embedders import DEFAULT_MODEL, load_embedder, model_directory
from vision.embedders.engines import verdict_on

CRASHES = "import ctypes\nctypes.string_at(0)\n"


def test_status_names_an_engine_that_crashed_and_the_next_that_serves(tmp_path):
    """A package `openvino` that reads address 0 stands before the real one: the probe dies as on a wrong processor."""
    pytest.importorskip("onnxruntime", reason="the extra `onnxruntime` is not installed")
    load_embedder(engine="onnxruntime")  # found out once for this machine, then remembered
    cache, package = tmp_path / "cache", tmp_path / "packages" / "openvino"
    known = verdict_on(model_directory(DEFAULT_MODEL), engine="onnxruntime").directory
    shutil.copytree(known, cache / known.name)
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(CRASHES)
    paths = (package.parent, Path(vision.__file__).parent.parent)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "BRANDWARDEN_DATA_DIR": str(tmp_path / "data"),
        "BRANDWARDEN_CACHE_DIR": str(cache),
    }
    for _ in range(2):
        command = [sys.executable, "-m", "service", "status", "--json"]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        engine = json.loads(ended.stdout)["engine"]
        assert engine["name"] == "onnxruntime"
        assert "OpenVINO is not used: its probe died of SIGSEGV" in engine["why"]
        assert "ONNX Runtime runs here and agrees" in engine["why"]
