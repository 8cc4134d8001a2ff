"""Photos that look alike share a group, and so do the marks of one brand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.clusters import clustered, mark_groups, photo_groups
from vision.embedding import Vectors


def unit(*rows: list[float]) -> Vectors:
    made = np.array(rows, np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def test_vectors_that_point_the_same_way_share_a_cluster() -> None:
    vectors = unit([1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0.1, 0.9, 0], [0, 0, 1])
    found = clustered(vectors, 3, seed=3)
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found.max() < 3


def test_packages_are_grouped_by_product_and_garments_by_look() -> None:
    paths = [Path("groceries/photos/train/Oat-Milk/1.jpg"), Path("clothing/train/hat/1.jpg")]
    groups = photo_groups(paths, unit([1, 0], [0, 1]), seed=1)
    assert groups[0] == "Oat-Milk"
    assert groups[1].startswith("home ")


def test_marks_of_one_brand_are_one_group() -> None:
    assert mark_groups(["amazons3", "amazon", "gitlab", "git"]) == ["amazon", "amazon", "gitlab", "git"]
