"""Two ways to have pictures judged: by the service in this process, or by one that runs elsewhere.

Place in the flow: between the commands `check`, `scan` and the pipeline or the HTTP interface. Both give the JSON of
the interface. In this process nothing is stored; a running service stores the listings it is sent.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from indexes.database import utc_now
from indexes.errors import IndexesError
from service.api.search import found_json
from service.commands.storage import open_runtime
from service.commands.terminal import EXIT_USAGE, CommandFailed
from service.errors import Invalid, ServiceError
from service.listings.judging import best_matches, refuse_hopeless, rule_on
from service.listings.values import ImageResult, ImageSource, ListingInput
from service.marketplaces import DEFAULT
from service.pipeline import Checked
from service.policies.decisions import strongest
from service.problems import describe
from service.runtime import Runtime
from service.scanning import ScannedListing, ScannedPicture

PATIENCE: Final = 300.0
"""Seconds to wait for room in a busy service before giving up."""


class Checker(Protocol):
    """Judges listings and single pictures. Safe to call from several threads."""

    def judge(self, listing: ScannedListing) -> dict[str, Any]:
        """The listing's result, or `{"listing_id", "problem"}`."""
        ...

    def search(self, data: bytes) -> list[dict[str, Any]]:
        """Matches of one picture by falling score. Raises `VisionError` or `ServiceError`."""
        ...

    def reference_picture(self, match: Mapping[str, Any]) -> bytes | None:
        """The picture of the reference a match names, or None when it cannot be had."""
        ...


@contextlib.contextmanager
def open_checker(data_dir: Path | None, url: str | None, key: str | None) -> Iterator[Checker]:
    """The service at `url` with `key`, or the one in `data_dir`, opened here."""
    if url is None:
        with open_runtime(data_dir) as runtime:
            yield LocalChecker(runtime)
        return
    if not key:
        raise CommandFailed("--url needs --key (or BRANDWARDEN_KEY).", EXIT_USAGE)
    with contextlib.closing(RemoteChecker(url, key)) as checker:
        yield checker


class LocalChecker:
    """Judges with a runtime of this process and stores nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def judge(self, listing: ScannedListing) -> dict[str, Any]:
        """Judge as the service would, by the policies in force."""
        if listing.problem is not None:
            return _refused(listing, Invalid(listing.problem))
        asked = _asked(listing)
        try:
            sources = _settled(self._runtime.listings.collect(asked))
            outcomes = _settled(self._runtime.listings.check(sources, patience=PATIENCE))
            refuse_hopeless(outcomes)
        except ServiceError as error:
            return _refused(listing, error)
        return self._result(listing, asked, outcomes)

    def search(self, data: bytes) -> list[dict[str, Any]]:
        """Every candidate that verification scored."""
        found = self._runtime.pipeline.query(data, patience=PATIENCE).result().result.matches
        return [found_json(match) for match in found]

    def reference_picture(self, match: Mapping[str, Any]) -> bytes | None:
        """From the store."""
        with contextlib.suppress(IndexesError):
            return self._runtime.blobs.get(self._runtime.catalog.get(match["reference_id"]).sha256)
        return None

    def _result(self, listing: ScannedListing, asked: ListingInput, outcomes: list[Any]) -> dict[str, Any]:
        checked = [outcome for outcome in outcomes if isinstance(outcome, Checked)]
        found = best_matches(
            (index, match)
            for index, outcome in enumerate(outcomes)
            if isinstance(outcome, Checked)
            for match in outcome.result.matches
        )
        read_book = self._runtime.policies.read_book
        negatives = self._runtime.recognition.recognise([(outcomes[index], match) for index, match in found])
        rulings = rule_on(asked, [match for _, match in found], read_book, utc_now(), negatives)
        matches = [
            {**found_json(match), "image_index": index, "suppressed_by": ruling.suppressed_by}
            for (index, match), ruling in zip(found, rulings, strict=True)
        ]
        return {
            "listing_id": listing.listing_id,
            "decision": strongest(ruling.decision for ruling in rulings),
            "matches": matches,
            "images": [_image(index, outcome) for index, outcome in enumerate(outcomes)],
            "space": checked[0].space.id,
            "index_generation": min(outcome.result.generation for outcome in checked),
            **listing.fields,
        }


class RemoteChecker:
    """Judges by the HTTP interface of a running service; waits when that is busy."""

    def __init__(self, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False
        )

    def judge(self, listing: ScannedListing) -> dict[str, Any]:
        """Send the listing; the service keeps the result."""
        if listing.problem is not None:
            return _refused(listing, Invalid(listing.problem))
        try:
            images = [_image_json(picture) for picture in listing.pictures]
        except Invalid as error:
            return _refused(listing, error)
        body = {"listing_id": listing.listing_id, "images": images, **listing.fields}
        answer = self._post("/v1/listings", json=body)
        document: dict[str, Any] = answer.json()
        return document if answer.status_code == 200 else {"listing_id": listing.listing_id, "problem": document}

    def search(self, data: bytes) -> list[dict[str, Any]]:
        """`POST /v1/search`."""
        answer = self._post("/v1/search", files={"image": ("picture", data)})
        if answer.status_code != 200:
            raise Invalid(str(answer.json().get("detail")))
        matches: list[dict[str, Any]] = answer.json()["matches"]
        return matches

    def reference_picture(self, match: Mapping[str, Any]) -> bytes | None:
        """Only keys that may read the brand's references get it."""
        path = f"/v1/brands/{match['brand_id']}/references/{match['reference_id']}/image"
        answer = self._http.get(path)
        return answer.content if answer.status_code == 200 else None

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _post(self, path: str, **options: Any) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._http.post(path, **options)
            except httpx.HTTPError as error:
                raise CommandFailed(f"The service at {self._http.base_url} does not answer: {error}.") from error
            if answer.status_code in {401, 403}:
                raise CommandFailed(f"The service refused the key: {answer.json().get('detail')}")
            if answer.status_code not in {429, 503} or time.monotonic() > deadline:
                return answer
            time.sleep(min(float(answer.headers.get("Retry-After", "1")), 10.0))


def _settled(futures: Sequence[Future[Any]]) -> list[Any]:
    """Results, or the exceptions the futures ended with, in order."""
    return [future.exception() or future.result() for future in futures]


def _asked(listing: ScannedListing) -> ListingInput:
    said = listing.fields
    return ListingInput(
        listing.listing_id,
        tuple(_source(picture) for picture in listing.pictures),
        marketplace=said.get("marketplace", DEFAULT),
        seller_id=said.get("seller_id"),
        title=said.get("title"),
        url=said.get("url"),
        gtin=said.get("gtin"),
        category=said.get("category"),
    )


def _source(picture: ScannedPicture) -> ImageSource:
    if picture.url is not None:
        return ImageSource(url=picture.url)
    try:
        return ImageSource(data=picture.read())
    except Invalid as error:
        return ImageSource(error=error)


def _image_json(picture: ScannedPicture) -> dict[str, str]:
    if picture.url is not None:
        return {"url": picture.url}
    return {"data": base64.b64encode(picture.read()).decode("ascii")}


def _image(index: int, outcome: Any) -> dict[str, Any]:
    if isinstance(outcome, Checked):
        picture = outcome.picture
        return ImageResult(index, picture.width, picture.height, picture.sha256).as_json()
    return ImageResult(index, problem=describe(outcome).document()).as_json()


def _refused(listing: ScannedListing, error: Exception) -> dict[str, Any]:
    return {"listing_id": listing.listing_id, "problem": describe(error).document()}
