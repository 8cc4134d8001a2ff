"""The shipped model, loaded once for all tests of `vision`."""

from __future__ import annotations

import pytest

from vision.embedders import load_embedder


@pytest.fixture(scope="session")
def embedder():
    return load_embedder(device="cpu")
