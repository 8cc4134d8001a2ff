"""Blobs: durable, named by their content, in a folder or a bucket, and clear about a disk that refuses."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import textwrap

import pytest

from indexes.blobs import BlobStore
from indexes.errors import BlobMissing, StorageFailed

DATA = b"the bytes of a picture" * 100
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def bucket():
    """The endpoint of an S3 server on loopback with one bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="s"
    )
    client.create_bucket(Bucket="pictures")
    client.close()
    yield endpoint
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def blobs(request, tmp_path):
    """An empty store, once for each kind."""
    if request.param == "folder":
        return BlobStore((tmp_path / "deep" / "blobs").as_uri())
    endpoint = request.getfixturevalue("bucket")
    return BlobStore(f"s3://pictures/{tmp_path.name}", endpoint_url=endpoint, key="k", secret="s")


def test_bytes_come_back_under_their_hash(blobs):
    assert not blobs.exists(SHA256)
    assert blobs.put(DATA) == SHA256 == blobs.put(DATA)
    assert blobs.get(SHA256) == DATA
    assert blobs.size(SHA256) == len(DATA)
    assert blobs.exists(SHA256)


def test_what_was_deleted_is_missing(blobs):
    blobs.put(DATA)
    blobs.delete(SHA256)
    blobs.delete(SHA256)
    assert not blobs.exists(SHA256)
    for read in (blobs.get, blobs.size):
        with pytest.raises(BlobMissing):
            read(SHA256)


def test_a_name_that_is_no_hash_reaches_no_file(blobs):
    for name in ("../../etc/passwd", SHA256.upper(), SHA256[:-1], ""):
        with pytest.raises(BlobMissing):
            blobs.get(name)


def test_a_damaged_file_is_not_handed_out_and_is_mended_by_the_next_put(tmp_path):
    blobs = BlobStore(tmp_path.as_uri())
    blobs.put(DATA)
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.write_bytes(DATA[:-1])
    with pytest.raises(BlobMissing, match="damaged"):
        blobs.get(SHA256)
    blobs.put(DATA)
    assert blobs.get(SHA256) == DATA
    assert [entry.name for entry in path.parent.iterdir()] == [SHA256]


def test_a_folder_that_became_a_file_is_refused_and_works_again_afterwards(tmp_path):
    root = tmp_path / "blobs"
    blobs = BlobStore(root.as_uri())
    blobs.put(b"first")
    shutil.rmtree(root)
    root.write_bytes(b"in the way")
    with pytest.raises(StorageFailed):
        blobs.put(DATA)
    assert not blobs.exists(SHA256)
    root.unlink()
    assert blobs.get(blobs.put(DATA)) == DATA


def test_a_disk_that_is_full_refuses_and_leaves_nothing(tmp_path):
    program = f"""
        import resource, signal
        from indexes.blobs import BlobStore
        from indexes.errors import StorageFailed

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        blobs = BlobStore({tmp_path.as_uri()!r})
        try:
            blobs.put(b"x" * 5000)
        except StorageFailed as error:
            print("refused:", error)
        print("small:", blobs.get(blobs.put(b"y" * 500)) == b"y" * 500)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True)
    assert "refused: The picture store" in done.stdout
    assert "small: True" in done.stdout
    assert [path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()] == [500]


def test_a_bucket_that_is_not_there_refuses(bucket):
    blobs = BlobStore("s3://nowhere/x", endpoint_url=bucket, key="k", secret="s")
    with pytest.raises(StorageFailed):
        blobs.put(DATA)
