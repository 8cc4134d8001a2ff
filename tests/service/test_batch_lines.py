"""Cutting an NDJSON body into bounded lines, however its bytes arrive."""

from __future__ import annotations

import asyncio

import pytest

from service.api.batch_lines import Line, read_lines
from service.errors import BodyTooLarge


def lines(*chunks: bytes, longest: int = 10) -> list[Line]:
    async def stream():
        for chunk in chunks:
            yield chunk

    async def collect():
        return [line async for line in read_lines(stream(), longest)]

    return asyncio.run(collect())


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100])
def test_lines_are_the_same_wherever_the_chunks_are_cut(step):
    body = b"one\r\ntwo\n\n  \nthree"
    chunks = [body[start : start + step] for start in range(0, len(body), step)]
    assert [line.raw for line in lines(*chunks)] == [b"one", b"two", b"three"]


def test_an_empty_body_has_no_lines():
    assert lines() == lines(b"") == lines(b"\n\n") == []


@pytest.mark.parametrize("cut", [5, 10, 11, 12, 20])
def test_a_line_that_is_too_long_is_skipped_and_the_next_is_read(cut):
    body = b"a" * 11 + b"\nok\n" + b"b" * 30
    found = lines(body[:cut], body[cut:])
    assert [line.too_long for line in found] == [True, False, True]
    assert found[1].content() == b"ok"
    with pytest.raises(BodyTooLarge):
        found[0].content()


def test_a_line_of_just_the_limit_is_read():
    assert lines(b"a" * 10 + b"\n")[0].content() == b"a" * 10


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b'{"listing_id": "A"}', "A"), (b'{"listing_id": 7}', None), (b"[1]", None), (b"{", None), (b"\xff", None)],
)
def test_the_id_of_a_bad_line_is_told_where_it_has_one(raw, expected):
    assert Line(raw).listing_id() == expected
