"""Erasing a brand leaves no picture behind, whatever goes on at that moment and whatever became of the file."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from indexes.errors import NotFound
from service.erasure import erase_brand
from service.runtime import Runtime
from tests.fakes import ThumbnailEmbedder
from tests.photographs import jpeg


@pytest.fixture
def runtime(settings, database_url):
    """On SQLite and on PostgreSQL."""
    opened = Runtime.open(dataclasses.replace(settings, database_url=database_url), embedder=ThumbnailEmbedder())
    yield opened
    opened.close()


@pytest.fixture
def brand(runtime) -> str:
    return runtime.brands.create("Acme").id


def stored(runtime) -> list[str]:
    """Files in the picture store."""
    return sorted(path.name for path in (runtime.settings.data_dir / "blobs").rglob("*") if path.is_file())


def test_what_is_added_until_the_last_moment_is_erased_as_well(runtime, brand):
    """An import does not know that its brand is about to go."""
    runtime.enrolment.add(brand, "photo", jpeg("coffee"))
    delete, added = runtime.brands.delete, threading.Event()

    def delete_late(*arguments, **options):
        runtime.enrolment.add(brand, "photo", jpeg("rocket"))
        added.set()
        delete(*arguments, **options)

    runtime.brands.delete = delete_late
    erase_brand(runtime, brand)
    assert added.is_set()
    assert stored(runtime) == []


def test_nothing_is_added_once_its_pictures_were_counted(runtime, brand):
    """Whoever comes then waits, finds no brand, and leaves nothing."""
    runtime.enrolment.add(brand, "photo", jpeg("coffee"))
    documents, refused, late = runtime.rights.documents, [], []

    def add() -> None:
        try:
            runtime.enrolment.add(brand, "photo", jpeg("rocket"))
        except NotFound as error:
            refused.append(error)

    def documents_while_somebody_adds(brand_id):
        late.append(threading.Thread(target=add))
        late[0].start()
        return documents(brand_id)

    runtime.rights.documents = documents_while_somebody_adds
    erase_brand(runtime, brand)
    late[0].join(60)
    assert len(refused) == 1
    assert stored(runtime) == []


def test_a_picture_that_cannot_be_read_any_more_goes_too(runtime, brand):
    made = runtime.enrolment.add(brand, "photo", jpeg("coffee"))
    path = runtime.settings.data_dir / "blobs" / made.sha256[:2] / made.sha256
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    runtime.enrolment.delete(made.id)
    assert stored(runtime) == []
