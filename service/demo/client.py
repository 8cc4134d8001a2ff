"""The demo's way through the HTTP interface: brands, keys, catalogues, listings and reference pictures.

Place in the flow: between `service.demo.run` and a running service. It uses nothing but the documented interface.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

import httpx

from service.demo.scenario import DemoListing
from service.errors import ServiceError


class DemoCallFailed(ServiceError):
    """A call that the demo needs was refused; the message carries the answer."""

    slug, title = "demo-call-failed", "A call of the demo failed"


class DemoClient:
    """Calls as the operator, and as a brand or a marketplace where a key is given."""

    def __init__(self, url: str, operator_key: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=120, trust_env=False)
        self._operator = operator_key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def create_brand(self, name: str) -> str:
        """A new brand's id."""
        return str(self._json("POST", "/v1/brands", json={"name": name})["id"])

    def create_key(self, role: str, name: str, **scope: str) -> str:
        """The secret of a new key."""
        return str(self._json("POST", "/v1/keys", json={"role": role, "name": name, **scope})["key"])

    def import_catalogue(
        self, brand_id: str, key: str, archive: bytes, progress: Callable[[int, int], None]
    ) -> dict[str, Any]:
        """Upload a zip and follow its job to the end; `progress` gets done and total."""
        job = self._json(
            "POST", f"/v1/brands/{brand_id}/catalogs", key=key, files={"archive": ("catalogue.zip", archive)}
        )
        while True:
            state = self._json("GET", f"/v1/jobs/{job['job_id']}", key=key)
            progress(state["done"] or 0, state["total"] or 0)
            if state["state"] not in {"queued", "running"}:
                return state
            time.sleep(0.1)

    def send_listing(self, listing: DemoListing, key: str) -> tuple[int, dict[str, Any]]:
        """Status and answer for a listing: JSON for one picture, multipart for several."""
        body: dict[str, Any] = {"listing_id": listing.listing_id, "title": listing.title, "seller_id": "demo"}
        if len(listing.pictures) == 1:
            body["images"] = [{"data": base64.b64encode(listing.pictures[0]).decode("ascii")}]
            answer = self._call("POST", "/v1/listings", key=key, json=body)
        else:
            files = [("images", (f"{n}.jpg", data)) for n, data in enumerate(listing.pictures)]
            answer = self._call("POST", "/v1/listings", key=key, data={"listing": json.dumps(body)}, files=files)
        return answer.status_code, answer.json()

    def reference_picture(self, match: Mapping[str, Any]) -> bytes | None:
        """The picture of the reference a match names."""
        answer = self._call("GET", f"/v1/brands/{match['brand_id']}/references/{match['reference_id']}/image")
        return answer.content if answer.status_code == 200 else None

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        answer = self._call(method, path, **options)
        if answer.status_code >= 400:
            raise DemoCallFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        result: dict[str, Any] = answer.json()
        return result

    def _call(self, method: str, path: str, *, key: str | None = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self._operator}"}
        return self._http.request(method, path, headers=headers, **options)
