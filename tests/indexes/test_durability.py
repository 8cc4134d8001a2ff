"""What was acknowledged is there after the process was killed, and a full disk loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.catalog import Catalog
from indexes.gallery import Gallery
from tests.indexes.catalogue import SPACE

WRITER = """
    import sys, threading
    import numpy as np
    from indexes.blobs import BlobStore
    from indexes.brands import Brands
    from indexes.catalog import Catalog
    from indexes.database import Database
    from indexes.gallery import Gallery
    from pathlib import Path
    from tests.indexes.catalogue import SPACE, new_reference, random_regions

    url, blobs, snapshots, brand_id = sys.argv[1:]
    database, blobs = Database(url), BlobStore(blobs)
    catalog, gallery = Catalog(database), Gallery.open(database, SPACE, Path(snapshots))
    told = threading.Lock()

    def upload(thread):
        rng = np.random.default_rng(thread)
        for number in range(10_000):
            data = f"{thread} {number}".encode() * 50
            blobs.put(data)
            reference = catalog.add(new_reference(brand_id, data=data), SPACE, random_regions(rng))
            gallery.catch_up()
            with told:
                print(reference.id, flush=True)
            if number % 5 == 4:
                gallery.maintain(every=1)

    for thread in range(3):
        threading.Thread(target=upload, args=(thread,)).start()
"""


@pytest.fixture
def brand(database):
    return Brands(database).create("Acme")


def test_every_acknowledged_reference_survives_a_kill_amid_concurrent_writes(database_url, database, brand, tmp_path):
    blobs, snapshots = BlobStore((tmp_path / "blobs").as_uri()), tmp_path / "snapshots"
    arguments = [database_url, (tmp_path / "blobs").as_uri(), str(snapshots), brand.id]
    program = [sys.executable, "-c", textwrap.dedent(WRITER), *arguments]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as writer:
        acknowledged = [writer.stdout.readline().strip() for _ in range(60)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.read().split()
    assert writer.returncode == -signal.SIGKILL
    catalog = Catalog(database)
    gallery = Gallery.open(database, SPACE, snapshots)
    for reference_id in acknowledged:
        assert blobs.exists(catalog.get(reference_id).sha256)
    rows = list(every_reference(catalog))
    assert {reference.id for reference in rows} >= set(acknowledged)
    for reference in rows:  # none is named before its picture is on disk
        assert blobs.get(reference.sha256)
    assert gallery.status()["vectors"]["photo"] == 2 * len(rows)
    assert found_again(gallery) == {reference.pk for reference in rows}


def every_reference(catalog):
    """All references, page by page."""
    page = catalog.list(limit=100)
    yield from page.items
    while page.next_cursor:
        page = catalog.list(limit=100, cursor=page.next_cursor)
        yield from page.items


def found_again(gallery):
    """The references whose own vectors, made again as the writers made them, find them."""
    found = set()
    for thread in range(3):
        rng = np.random.default_rng(thread)
        vectors = rng.standard_normal((2_000, SPACE.photo_dim)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        _, candidates = gallery.candidates("photo", vectors, 1)
        found |= {candidate.reference_pk for candidate in candidates if candidate.similarity > 0.999}
    return found


def test_a_full_disk_refuses_the_write_and_keeps_what_was_there(tmp_path):
    program = f"""
        import resource, signal
        import numpy as np
        from indexes.brands import Brands
        from indexes.catalog import Catalog
        from indexes.database import Database
        from indexes.errors import StorageFailed
        from tests.indexes.catalogue import SPACE, new_reference, random_regions
        import service.tables

        database = Database("sqlite:///{tmp_path / "test.db"}")
        database.create_all()
        brand, catalog, rng = Brands(database).create("Acme"), Catalog(database), np.random.default_rng(0)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        size = max(path.stat().st_size for path in database_files)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 60_000, resource.RLIM_INFINITY))
        kept = 0
        try:
            for _ in range(10_000):
                catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
                kept += 1
        except StorageFailed as error:
            print("refused:", error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        print("kept:", catalog.count() == kept > 0)
        catalog.add(new_reference(brand.id), SPACE, random_regions(rng))
        print("goes on:", catalog.count() == kept + 1)
    """.replace("database_files", f"__import__('pathlib').Path({str(tmp_path)!r}).glob('test.db*')")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert "refused: The database could not be written" in done.stdout
    assert "kept: True" in done.stdout
    assert "goes on: True" in done.stdout
