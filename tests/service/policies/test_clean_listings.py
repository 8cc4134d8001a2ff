"""A listing in which nothing is found asks no table of policies."""

from __future__ import annotations

import base64

import sqlalchemy as sa

from tests.photographs import jpeg


def test_clean_listings_do_not_read_the_rules(client, brand, runtime):
    client.post(f"/v1/brands/{brand}/references", data={"kind": "photo"}, files={"image": jpeg("coffee")})
    asked: list[str] = []

    def listen(_connection, _cursor, statement, *_rest):
        asked.append(statement)

    def judge(name: str) -> str:
        asked.clear()
        body = {"listing_id": name, "images": [{"data": base64.b64encode(jpeg(name, 70)).decode()}]}
        return client.post("/v1/listings", json=body).json()["decision"]

    runtime.upkeep.close()  # which looks after brands and pictures of its own accord
    tables = ("policies", "brand_rights", "authorisations")
    sa.event.listen(runtime.database.engine, "before_cursor_execute", listen)
    try:
        assert judge("astronaut") == "clear"
        assert [table for table in tables if any(table in statement for statement in asked)] == []
        assert judge("coffee") == "review"
        assert [table for table in tables if any(table in statement for statement in asked)] == list(tables)
    finally:
        sa.event.remove(runtime.database.engine, "before_cursor_execute", listen)
