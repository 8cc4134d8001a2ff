"""Sellers who share near-identical pictures are joined, continuously; stock joins nobody. On both databases."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from indexes.database import Database
from service.listings.store import ListingStore
from service.sellers import Clusters, records
from service.sellers.similar import cluster

DIM = 16
rng = np.random.default_rng(7)
PICTURES = rng.normal(size=(40, DIM))
PICTURES /= np.linalg.norm(PICTURES, axis=1, keepdims=True)


def vectors(number: int, noise: float = 0.0) -> bytes:
    """The whole picture's vector and one region's."""
    whole = PICTURES[number] + noise * np.eye(DIM)[0]
    return np.stack([whole / np.linalg.norm(whole), PICTURES[-1]]).astype(np.float16).tobytes()


class Shop:
    """Stores judged listings, as the pipeline does."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.store = ListingStore(database)

    def list(self, seller, listing_id, *numbers, marketplace="default", noise=0.0, space="spc_1"):
        listing = dict.fromkeys(("title", "url", "gtin", "category", "listed_at", "price_amount", "price_currency"))
        listing |= {"marketplace": marketplace, "listing_id": listing_id, "seller_id": seller, "territories": []}
        listing |= {"decision": "clear", "space": space, "index_generation": 1, "calibration": "c", "nulls": ""}
        listing |= {"elapsed_ms": 1, "judged_at": datetime.now(UTC)}
        images = [
            {
                "position": position,
                "kept": False,
                "width": 10,
                "height": 10,
                "sha256": f"{number:060d}{round(noise * 1000):04d}",
                "photo_vectors": vectors(number, noise),
                "logo_vectors": None,
                "regions": {"photo": [[0, 0, 1, 1], [0, 0, 0.5, 0.5]], "logo": []},
                "problem": None,
            }
            for position, number in enumerate(numbers)
        ]
        self.store.save(listing, images, [])

    def similar(self, seller, *, marketplace="default", everywhere=False, cap=3):
        with self.database.read() as connection:
            found = records.find(connection, marketplace, seller)
            return cluster(connection, found, cap=cap, everywhere=everywhere)

    def names(self, seller, **options):
        return [one.seller.seller_id for one in self.similar(seller, **options)]


@pytest.fixture
def shop(database) -> Shop:
    return Shop(database)


def clusters(database, **options) -> Clusters:
    return Clusters(database, **{"cut": 0.96, "recent": 100, "cap": 3, **options})


def test_the_same_bytes_and_near_identical_pictures_join_sellers(database, shop):
    follower = clusters(database)
    shop.list("ann", "A-1", 1, 2)
    shop.list("bob", "B-1", 1)
    assert follower.follow() == 3
    shop.list("cid", "C-1", 2, noise=0.2)
    shop.list("dan", "D-1", 3)
    assert follower.follow() == 2
    assert follower.follow() == 0
    assert shop.names("ann") == ["bob", "cid"]
    assert shop.names("dan") == []
    near = shop.similar("ann")[1]
    assert near.via.seller_id == "ann"
    ((theirs, its),) = near.evidence
    assert (theirs.listing_id, theirs.image_index, its.listing_id) == ("A-1", 1, "C-1")
    assert 0.96 <= its.similarity < 1.0


def test_a_cluster_reaches_over_those_in_between(database, shop):
    shop.list("ann", "A-1", 1)
    shop.list("bob", "B-1", 1, 2)
    shop.list("cid", "C-1", 2)
    clusters(database).follow()
    found = shop.similar("ann")
    assert [(one.seller.seller_id, one.via.seller_id) for one in found] == [("bob", "ann"), ("cid", "bob")]


def test_a_picture_of_many_sellers_joins_nobody(database, shop):
    follower = clusters(database)
    for number in range(3):
        shop.list(f"s{number}", f"L-{number}", 1)
    follower.follow()
    assert shop.names("s0") == ["s1", "s2"]
    for number in range(3, 30):
        shop.list(f"s{number}", f"L-{number}", 1)
        follower.follow()
    assert shop.names("s0") == []
    with database.read() as connection:
        assert (
            connection.exec_driver_sql("SELECT count(*) FROM seller_pictures").scalar() == 4
        )  # and it grows no further


def test_likeness_does_not_creep_along_a_chain(database, shop):
    follower = clusters(database)
    for number, noise in enumerate((0.0, 0.25, 0.5, 0.75)):
        shop.list(f"s{number}", f"L-{number}", 1, noise=noise)
    follower.follow()
    assert "s3" not in shop.names("s0")


def test_other_marketplaces_are_for_those_who_may_see_everywhere(database, shop):
    shop.list("ann", "A-1", 1)
    shop.list("bob", "B-1", 1, marketplace="elsewhere")
    clusters(database).follow()
    assert shop.names("ann") == []
    (found,) = shop.similar("ann", everywhere=True)
    assert (found.seller.marketplace, found.seller.seller_id) == ("elsewhere", "bob")


def test_an_erased_listing_takes_its_evidence_along(database, shop):
    follower = clusters(database)
    shop.list("ann", "A-1", 1)
    shop.list("bob", "B-1", 1)
    follower.follow()
    shop.store.delete("default", "A-1")
    assert shop.names("bob") == []
    shop.list("cid", "C-1", 1, noise=0.2)
    follower.follow()
    assert follower.follow() == 0


def test_a_listing_judged_again_counts_once_and_may_change_its_picture(database, shop):
    follower = clusters(database)
    shop.list("ann", "A-1", 1)
    shop.list("bob", "B-1", 1)
    shop.list("bob", "B-1", 1)
    follower.follow()
    assert shop.similar("ann")[0].shared == 1
    shop.list("bob", "B-1", 2)
    follower.follow()
    assert shop.names("ann") == []


def test_a_new_process_remembers_and_two_do_no_harm(database, shop):
    first, second = clusters(database), clusters(database)
    shop.list("ann", "A-1", 1)
    first.follow()
    assert second.follow() == 0
    shop.list("bob", "B-1", 1, noise=0.2)
    second.follow()
    shop.list("cid", "C-1", 1, noise=0.21)
    first.follow()
    assert sorted(shop.names("ann")) == ["bob", "cid"]


def test_vectors_of_two_spaces_are_never_compared(database, shop):
    follower = clusters(database)
    shop.list("ann", "A-1", 1)
    shop.list("bob", "B-1", 1, noise=0.2, space="spc_2")
    shop.list("cid", "C-1", 1, space="spc_2")
    follower.follow()
    assert shop.names("ann") == ["cid"]  # the same bytes are the same picture in any space


def test_only_the_last_pictures_are_held(database, shop):
    follower = clusters(database, recent=2)
    for number in range(4):
        shop.list(f"s{number}", f"L-{number}", number)
    follower.follow()
    shop.list("old", "O-1", 0, noise=0.2)
    shop.list("new", "N-1", 3, noise=0.2)
    clusters(database, recent=2).follow()
    assert shop.names("new") == ["s3"]
    assert shop.names("old") == []
