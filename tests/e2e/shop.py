"""Pictures for the page tests: what a brand owns, what a shop makes of it, and the shop's picture host."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image
from skimage import data as photographs


def encoded(pixels, format_, **options) -> bytes:
    """The bytes of a picture file."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB").save(buffer, format_, **options)
    return buffer.getvalue()


def jpeg(pixels, quality=90) -> bytes:
    """The bytes of a JPEG."""
    return encoded(pixels, "JPEG", quality=quality)


def cropped(pixels):
    """A seller's copy: the middle of the photograph, recompressed."""
    height, width = pixels.shape[:2]
    return pixels[height // 10 : -height // 10, width // 10 : -width // 10]


def upload(name: str, data: bytes, media_type: str = "image/jpeg") -> dict[str, object]:
    """A file as Playwright puts it into a file chooser."""
    return {"name": name, "mimeType": media_type, "buffer": data}


def archive(files: Mapping[str, bytes]) -> bytes:
    """A zip of `files`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, data in files.items():
            target.writestr(name, data)
    return buffer.getvalue()


COFFEE = photographs.coffee()
CAT = photographs.chelsea()
ROCKET = photographs.rocket()


class PictureHost:
    """Serves `pictures` on a loopback port and counts the requests."""

    def __init__(self, pictures: Mapping[str, bytes]) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                data = pictures.get(self.path)
                self.send_response(200 if data else 404)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
