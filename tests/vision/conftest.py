"""The shipped model through each engine, loaded once for all tests of `vision`."""

from __future__ import annotations

import importlib.util
import os

import pytest

from vision.embedders import load_embedder

ABSENT = "OpenVINO is not installed, so the engine that serves by default cannot be tested"


@pytest.fixture(scope="session")
def openvino_embedder():
    """The shipped model through OpenVINO. Without it: a skip, and in CI a failure."""
    if importlib.util.find_spec("openvino") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(ABSENT)
    return load_embedder(device="cpu", engine="openvino")


@pytest.fixture(scope="session")
def onnx_embedder():
    """The shipped model through ONNX Runtime."""
    pytest.importorskip("onnxruntime", reason="the extra `onnxruntime` is not installed")
    return load_embedder(device="cpu", engine="onnxruntime")


@pytest.fixture(scope="session")
def torch_embedder():
    """The shipped model through torch, the reference."""
    return load_embedder(device="cpu", engine="torch")


@pytest.fixture(scope="session", params=["torch", "openvino"])
def embedder(request):
    """The shipped model, once through each engine."""
    return request.getfixturevalue(f"{request.param}_embedder")
