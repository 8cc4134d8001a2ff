"""Four kinds of source, one kind of item: the same pictures come out, bad rows are told, the hash tells data apart."""

from __future__ import annotations

import csv
import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.photographs import jpeg, mark
from training.readers import Item, SourceError, open_reader, read_items, take_manifest
from training.readers.tables import TableError

PICTURES = {"a": ("train", "cup", jpeg("coffee")), "b": ("train", "cat", jpeg("chelsea")), "c": ("test", "cup", mark())}
ITEMS = {(label, split, data) for split, label, data in PICTURES.values()}


def folder(root):
    for name, (split, label, data) in PICTURES.items():
        path = root / split / label / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (root / "train" / "cup" / "notes.txt").write_text("no picture")
    return root


def table(root):
    root.mkdir()
    with (root / "list.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "label", "split", "price"])
        for name, (split, label, data) in PICTURES.items():
            (root / f"{name}.jpg").write_bytes(data)
            rows.writerow([f"{name}.jpg", label, split, "1,50"])
    return root / "list.csv"


def parquet(root):
    root.mkdir()
    rows = [
        {"image": {"bytes": data, "path": None}, "label": label, "split": split}
        for split, label, data in PICTURES.values()
    ]
    pq.write_table(pa.Table.from_pylist(rows), root / "part.parquet")
    return root / "part.parquet"


def tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def shards(root):
    root.mkdir()
    for number, (name, (split, label, data)) in enumerate(PICTURES.items()):
        told = json.dumps({"split": split}).encode()
        tar(
            root / f"part-{number:03}.tar",
            [(f"{name}.jpg", data), (f"{name}.cls", label.encode()), (f"{name}.json", told)],
        )
    return f"{root}/part-{{000..002}}.tar"


@pytest.mark.parametrize("make", [folder, table, parquet, shards])
def test_every_kind_of_source_gives_the_same_items(tmp_path, make):
    source = make(tmp_path / "source")
    items = list(read_items(source))
    assert {(item.label, item.split, item.data) for item in items} == ITEMS
    assert [item.name for item in items] == [item.name for item in read_items(source)]
    assert [item.data for item in read_items(source, split="test")] == [PICTURES["c"][2]]
    manifest = take_manifest(source)
    assert (manifest.items, manifest.labels, manifest.errors) == (3, {"cat": 1, "cup": 2}, ())


def test_the_hash_follows_pictures_and_labels_and_not_the_place(tmp_path):
    first, moved = take_manifest(folder(tmp_path / "a")), take_manifest(folder(tmp_path / "b"))
    assert first.sha256 == moved.sha256
    (tmp_path / "b" / "train" / "cup" / "a.jpg").write_bytes(jpeg("coffee", 50))
    assert take_manifest(tmp_path / "b").sha256 != first.sha256
    (tmp_path / "a" / "train" / "cat").rename(tmp_path / "a" / "train" / "dog")
    assert take_manifest(tmp_path / "a").sha256 != first.sha256


def test_bad_rows_are_told_and_stop_nothing(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(jpeg("coffee"))
    source = tmp_path / "source"
    source.mkdir()
    (source / "good.jpg").write_bytes(jpeg("rocket"))
    (source / "damaged.jpg").write_bytes(jpeg("rocket")[:300])
    lines = ["image,label", "good.jpg,a", "damaged.jpg,b", "absent.jpg,c", ",d", "../secret.jpg,e", "good.jpg,f,g"]
    (source / "list.csv").write_text("\n".join(lines))
    errors = []
    assert [item.label for item in read_items(source / "list.csv", errors=errors)] == ["a"]
    assert [error.row for error in errors] == ["damaged.jpg", "3", "4", "5", "6"]
    for error, words in zip(errors, ("damaged", "cannot be read", "empty", "outside", "more cells"), strict=True):
        assert words in error.problem
    assert take_manifest(source / "list.csv").errors == tuple(errors)


def test_a_shard_gives_what_it_holds_and_tells_what_it_lacks(tmp_path):
    good = [("x/1.jpg", jpeg("coffee")), ("x/1.txt", b"A cup\n"), ("x/1.json", b'{"group": 7}')]
    tar(tmp_path / "one.tar", [*good, ("2.txt", b"alone"), ("3.png", mark()), ("3.json", b"[")])
    errors = []
    (item,) = read_items(tmp_path / "one.tar", errors=errors)
    assert item == Item("one.tar/x/1", jpeg("coffee"), text="A cup", group="7")
    assert [error.row for error in errors] == ["one.tar/2", "one.tar/3"]
    whole = (tmp_path / "one.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: whole.index(mark()) + 100])
    assert list(read_items(tmp_path / "cut.tar", errors=errors)) == [
        Item("cut.tar/x/1", item.data, text="A cup", group="7")
    ]
    assert "cut off" in errors[-1].problem


def test_a_source_that_is_none_says_what_is_wanted(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        open_reader(tmp_path / "absent.csv")
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(SourceError, match="no source"):
        open_reader(tmp_path / "a.txt")
    (tmp_path / "a.csv").write_text("path,label\n")
    with pytest.raises(TableError, match="no column 'image'"):
        list(read_items(tmp_path / "a.csv"))
    pq.write_table(pa.Table.from_pylist([{"picture": b""}]), tmp_path / "a.parquet")
    with pytest.raises(TableError, match="no column 'image'"):
        list(read_items(tmp_path / "a.parquet"))
