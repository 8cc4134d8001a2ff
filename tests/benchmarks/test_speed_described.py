"""A catalogue's descriptions are those that a service would have made itself, each picture described once."""

from __future__ import annotations

import dataclasses

import pytest
from skimage import data

from benchmarks.speed import described
from indexes.shelves import Shelves
from service.describing import Describing
from service.retention import pictures_in_use
from service.runtime import Runtime
from tests.fakes import ThumbnailEmbedder
from vision.images import encode_jpeg, encode_png

PICTURES = {"photo": encode_jpeg(data.chelsea()), "logo": encode_png(data.coffee()[::4, ::4])}


@pytest.mark.parametrize("kind", ["photo", "logo"])
def test_a_note_makes_another_file_and_is_taken_out_again(kind):
    picture = PICTURES[kind]
    noted = [described.numbered(picture, kind, number) for number in (7, 4_711)]
    assert len({picture, *noted}) == 3
    assert {described.unnumbered(one, kind) for one in noted} == {picture}
    assert described.unnumbered(picture, kind) == picture


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if len(path.name) == 64}


def test_each_picture_is_described_once_and_every_file_has_what_a_service_would_have_made(settings, tmp_path):
    keepless = dataclasses.replace(settings, descriptions_max_bytes=0)
    runtime = Runtime.open(keepless, embedder=ThumbnailEmbedder())
    try:
        brand = runtime.brands.create("Acme").id
        for kind, picture in PICTURES.items():
            for one in (picture, *(described.numbered(picture, kind, number) for number in (1, 2))):
                runtime.enrolment.add(brand, kind, one)
        assert described.describe(settings.data_dir) == (2, 4)
        assert described.describe(settings.data_dir) == (0, 0)
        shelves = Shelves(tmp_path / "ahead", max_bytes=1 << 30)
        parts = (tmp_path / "ahead", shelves, runtime.catalog, runtime.blobs)
        in_use = pictures_in_use(runtime.database)
        assert Describing(*parts, busy=lambda: False, in_use=in_use).go_on() == 6
    finally:
        runtime.close()
    assert files(settings.descriptions_dir) == files(tmp_path / "ahead")
