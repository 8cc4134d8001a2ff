"""Vector search: exact while small, nearly so when large, always exact for chosen brands."""

from __future__ import annotations

import numpy as np
import pytest

from indexes import planner
from indexes.embeddings import SLOTS, Rows
from indexes.errors import SnapshotDamaged, SpaceMismatch
from indexes.vectors import VectorIndex
from tests.indexes.catalogue import unit

DIM = 16


def rows_of(pks, vectors, brand=1):
    """One vector for each of `pks`."""
    pks = np.asarray(pks, np.int64)
    return Rows(pks * SLOTS, np.full(len(pks), brand, np.int64), np.asarray(vectors, np.float32))


def true_best(queries, vectors, k):
    """Rows of `vectors` by falling inner product."""
    return np.argsort(-(queries @ vectors.T), axis=1)[:, :k]


def found(index, queries, k, brands=None):
    """The sorted pks found for each query."""
    ids, similarities = index.search(queries, k, brands)
    order = np.argsort(-similarities, axis=1)
    return [[pk for pk in row if pk >= 0] for row in (np.take_along_axis(ids, order, axis=1) // SLOTS).tolist()]


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def small_limit(monkeypatch, exact=1_000):
    """Let the packed shape begin at a size a test can fill."""
    monkeypatch.setattr(planner, "EXACT_LIMIT", exact)


@pytest.fixture(params=["exact", "packed"])
def built(request, rng, monkeypatch, tmp_path):
    """An index of each shape with 3,000 references of four brands (brand 1 + pk % 4), and its vectors by pk."""
    if request.param == "packed":
        small_limit(monkeypatch)
    centres = unit(rng, 40, DIM)
    data = centres[rng.integers(40, size=3_001)] + 0.15 * rng.standard_normal((3_001, DIM)).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    pks = np.arange(1, 3_001)
    rows = Rows(pks * SLOTS, 1 + pks % 4, data[1:])
    index = VectorIndex.build(DIM, 3_000, lambda count: data[1 : 1 + count], [rows], scratch=tmp_path / "scratch")
    assert index.shape == request.param
    return index, data


def test_the_nearest_are_found(built, rng):
    index, data = built
    queries = data[5:25]
    truth = true_best(queries, data[1:], 10) + 1
    hits = sum(len(set(row) & set(true)) for row, true in zip(found(index, queries, 10), truth.tolist(), strict=True))
    assert hits >= 0.97 * truth.size
    ids, similarities = index.search(queries, 1)
    assert (ids[:, 0] // SLOTS).tolist() == list(range(5, 25))
    np.testing.assert_allclose(similarities[:, 0], 1.0, atol=2e-3)


def test_chosen_brands_are_searched_exactly_and_alone(built, rng):
    index, data = built
    queries = unit(rng, 8, DIM)  # far from everything: a narrow search would miss most of these
    for brands in (frozenset({2}), frozenset({1, 4})):
        members = np.array([pk for pk in range(1, 3_001) if 1 + pk % 4 in brands])
        truth = members[true_best(queries, data[members], 20)]
        assert [set(row) for row in found(index, queries, 20, brands)] == [set(row) for row in truth.tolist()]
    assert found(index, queries, 20, frozenset({9})) == [[]] * 8
    assert found(index, queries, 20, frozenset()) == [[]] * 8
    assert found(index, queries, 20, frozenset({0})) == [[]] * 8


def test_removed_references_are_found_no_more_and_come_back_when_added(built):
    index, data = built
    index.remove(np.array([7, 8, 2_999, 3_000, 50_000]))
    assert index.total == 2_996
    assert not {7, 8, 2_999, 3_000} & {pk for row in found(index, data[[7, 8, 2_999, 3_000]], 5) for pk in row}
    index.add(rows_of([8], data[[8]], brand=3))
    assert found(index, data[[8]], 1) == [[8]]
    assert found(index, data[[8]], 1, frozenset({3})) == [[8]]
    assert index.total == 2_997


def test_adding_again_replaces(built):
    index, data = built
    index.add(rows_of([7, 9_000], -data[[7, 7]]))
    assert index.total == 3_001
    assert found(index, data[[7]], 1) != [[7]]
    assert set(found(index, -data[[7]], 2)[0]) == {7, 9_000}


def test_a_whole_brand_is_removed(built, rng):
    index, _ = built
    index.remove_brands([2])
    assert index.total == 2_250
    assert found(index, unit(rng, 2, DIM), 5, frozenset({2})) == [[], []]


def test_saved_and_loaded_it_answers_the_same(built, tmp_path, rng):
    index, _ = built
    index.remove(np.array([1, 5]))
    described = index.save(tmp_path, "photo")
    loaded = VectorIndex.load(tmp_path, "photo", described, DIM)
    queries = unit(rng, 5, DIM)
    assert found(loaded, queries, 7) == found(index, queries, 7)
    assert found(loaded, queries, 7, frozenset({2})) == found(index, queries, 7, frozenset({2}))
    assert loaded.total == 2_998
    loaded.add(rows_of([1], queries[:1]))
    assert found(loaded, queries[:1], 1) == [[1]]


def test_files_of_another_index_are_refused(built, tmp_path, rng):
    index, data = built
    described = index.save(tmp_path, "photo")
    other = VectorIndex(DIM)
    other.add(rows_of([1, 2], data[[1, 2]]))
    other.save(tmp_path, "other")
    (tmp_path / "other.owners.npy").replace(tmp_path / "photo.owners.npy")
    with pytest.raises(SnapshotDamaged):
        VectorIndex.load(tmp_path, "photo", described, DIM)


def test_more_than_there_is_gives_what_there_is(rng):
    index = VectorIndex(DIM)
    assert index.search(unit(rng, 2, DIM), 5)[0].shape == (2, 0)
    data = unit(rng, 3, DIM)
    index.add(rows_of([1, 2, 3], data))
    assert [sorted(row) for row in found(index, data[:1], 10)] == [[1, 2, 3]]


def test_vectors_of_another_length_are_refused(rng):
    index = VectorIndex(DIM)
    index.add(rows_of([1], unit(rng, 1, DIM)))
    with pytest.raises(SpaceMismatch):
        index.add(rows_of([1], unit(rng, 1, 8)))
    assert index.total == 1, "what the reference had is still there"
    with pytest.raises(SpaceMismatch):
        index.search(unit(rng, 1, 8), 1)


def test_an_index_says_when_it_has_outgrown_its_shape(rng, monkeypatch):
    index = VectorIndex(DIM)
    index.add(rows_of(range(1, 101), unit(rng, 100, DIM)))
    assert not index.overdue
    small_limit(monkeypatch, exact=50)
    assert index.overdue


@pytest.fixture
def packed(rng, monkeypatch, tmp_path):
    """A packed index of 2,000 references with two vectors each, of four brands, and its vectors `[pk, 2, d]`."""
    small_limit(monkeypatch)
    data = unit(rng, 2 * 2_001, DIM).reshape(2_001, 2, DIM)
    pks = np.repeat(np.arange(1, 2_001), 2)
    rows = Rows(pks * SLOTS + np.tile([0, 1], 2_000), 1 + pks % 4, data[1:].reshape(-1, DIM))
    sample = data[1:].reshape(-1, DIM)
    stream = [
        Rows(*(part[at : at + 1_500] for part in (rows.ids, rows.brands, rows.vectors))) for at in (0, 1_500, 3_000)
    ]
    index = VectorIndex.build(DIM, 4_000, lambda count: sample[:count], stream, scratch=tmp_path / "scratch")
    assert index.shape == "packed"
    return index, data


def test_both_layers_are_searched_and_both_forget(packed, rng):
    index, data = packed
    new = unit(rng, 3, DIM)
    index.add(rows_of([2_500, 2_501, 2_502], new, brand=2))
    assert [row[0] for row in found(index, new, 1)] == [2_500, 2_501, 2_502]
    assert found(index, new[:1], 1, frozenset({2})) == [[2_500]]
    index.remove(np.array([2_501, 11]))
    assert index.total == 4_000
    assert 2_501 not in found(index, new[1:2], 10)[0]
    assert 11 not in found(index, data[11], 10, frozenset({1 + 11 % 4}))[0]
    index.remove(np.array([11]))
    assert index.total == 4_000
    index.remove_brands([2])
    assert not set(found(index, new[:1], 10)[0]) & {2_500, 2_502}


def test_a_brand_that_takes_its_many_copies_away_leaves_no_blind_spot(rng, monkeypatch, tmp_path):
    """What is left is found although a thousand removed vectors are nearer to the query."""
    small_limit(monkeypatch)
    query = unit(rng, 1, DIM)
    near = query + 0.05 * unit(rng, 1_500, DIM)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    other = query + 0.4 * unit(rng, 500, DIM)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    data = np.concatenate([near, other]).astype(np.float32)
    pks = np.arange(1, 2_001)
    rows = Rows(pks * SLOTS, np.where(pks <= 1_500, 1, 2), data)
    index = VectorIndex.build(DIM, 2_000, lambda count: data[::4], [rows], scratch=tmp_path)
    index.remove_brands([1])
    assert len(found(index, query, 10)[0]) == 10
    assert min(found(index, query, 10)[0]) > 1_500


def test_more_is_asked_than_a_packed_index_holds_of_it(packed):
    index, data = packed
    rows = found(index, data[5], 40, frozenset({2}))
    assert [len(row) for row in rows] == [40, 40]
    index.remove(np.arange(1, 1_999))
    assert [sorted(set(row)) for row in found(index, data[5], 40)] == [[1_999, 2_000]] * 2


def test_a_packed_index_is_worn_when_a_quarter_has_changed(packed, rng):
    index, _ = packed
    index.remove(np.arange(1, 400))
    assert not index.overdue
    index.remove(np.arange(400, 600))
    assert index.overdue


def test_large_files_are_linked_and_outlive_what_they_came_from(packed, tmp_path):
    index, data = packed
    folders = [tmp_path / name for name in ("first", "second", "third")]
    for folder in folders:
        folder.mkdir()
    index.save(folders[0], "photo")
    index.save(folders[1], "photo")
    assert (folders[0] / "photo.fine.i2").samefile(folders[1] / "photo.fine.i2")
    assert not list((tmp_path / "scratch").iterdir())
    for folder in folders[:2]:
        for path in folder.iterdir():
            path.unlink()
    assert 7 in found(index, data[7], 1)[0]
    described = index.save(folders[2], "photo")
    loaded = VectorIndex.load(folders[2], "photo", described, DIM)
    assert found(loaded, data[7], 3) == found(index, data[7], 3)


@pytest.mark.parametrize("name", ["ids.npy", "fine.i2", "codes.faiss", "above.faiss", "alive.npy"])
def test_parts_of_different_packed_indexes_are_refused(packed, tmp_path, rng, name):
    index, data = packed
    described = index.save(tmp_path, "photo")
    sample = data[1:].reshape(-1, DIM)[:1_500]
    rows = Rows(np.arange(1, 1_501) * SLOTS, np.ones(1_500, np.int64), sample)
    VectorIndex.build(DIM, 1_500, lambda count: sample[:count], [rows], scratch=tmp_path).save(tmp_path, "other")
    (tmp_path / f"other.{name}").replace(tmp_path / f"photo.{name}")
    with pytest.raises((SnapshotDamaged, ValueError)):
        VectorIndex.load(tmp_path, "photo", described, DIM)


def test_rows_out_of_order_are_refused(rng, monkeypatch, tmp_path):
    small_limit(monkeypatch)
    data = unit(rng, 2_000, DIM)
    rows = rows_of(np.arange(2_000, 0, -1), data)
    with pytest.raises(ValueError, match="ascend"):
        VectorIndex.build(DIM, 2_000, lambda count: data[:count], [rows], scratch=tmp_path)
    assert list(tmp_path.iterdir()) == [], "nothing half built is left"


def test_near_copies_in_crowds_are_told_apart(rng, monkeypatch, tmp_path):
    """Codes blur what lies this close together, so more of it has to be refined."""
    small_limit(monkeypatch)
    of = unit(rng, 50, 64)[rng.integers(50, size=20_000)]
    data = of + 0.03 * rng.standard_normal(of.shape).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    rows = rows_of(np.arange(1, 20_001), data)
    index = VectorIndex.build(64, 20_000, lambda count: data[:count], [rows], scratch=tmp_path / "scratch")
    queries = data[:200] + 0.01 * rng.standard_normal((200, 64)).astype(np.float32)
    best = true_best(queries, data, 10) + 1
    hits = [len(set(own) & set(true)) for own, true in zip(found(index, queries, 10), best.tolist(), strict=True)]
    assert sum(hits) / best.size > 0.97
