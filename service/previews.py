"""Pictures made small or plain for people to look at, two at a time.

A picture of a few kilobytes can take 150 MB to decode, and a page asks for two dozen at once: so this has threads of
its own, apart from those that judge listings. Place in the flow: behind the pages, beside the pipeline.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from indexes.blobs import BlobStore
from service.pipeline.admission import Admission
from vision.images import VETTED, DecodeLimits, decode, encode_jpeg, fit

_THREADS = 2
_WAITING = 256
_SIDE = 480
_QUALITY = 95  # high enough that the picture shown is judged as the original would be


class Previews:
    """Futures of JPEGs; `Overloaded` when too many wait. `close` it."""

    def __init__(self, blobs: BlobStore, *, limits: DecodeLimits) -> None:
        self._blobs, self._limits = blobs, limits
        self._door = Admission(_WAITING)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="preview")

    def thumbnail(self, sha256: str) -> Future[bytes]:
        """A stored picture, its longest side at most 480; ends with `BlobMissing` where it is gone."""

        def make() -> bytes:
            picture = decode(self._blobs.get(sha256), limits=VETTED, side=_SIDE)
            return encode_jpeg(fit(picture.pixels, _SIDE), quality=85)

        return self._submit(make)

    def plain(self, data: bytes) -> Future[bytes]:
        """A stranger's picture as the pixels that would be judged; ends with an `ImageError` where it is none."""
        return self._submit(lambda: encode_jpeg(decode(data, limits=self._limits).pixels, quality=_QUALITY))

    def close(self) -> None:
        """Finish what is under way, drop what waits."""
        self._door.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _submit(self, make: Callable[[], bytes]) -> Future[bytes]:
        self._door.admit(1)
        return self._door.submit(self._threads, make)
