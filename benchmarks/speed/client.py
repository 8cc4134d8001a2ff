"""The load: a process of its own that posts listings of one new picture over loopback and notes every answer.

Place in the flow: `parts` starts it with a plan as JSON and reads what it wrote. It speaks HTTP over `http.client`,
with bodies put together from bytes, because it shares the cores with the service; its own core seconds are told. It
imports neither an imaging library nor anything of the service.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.speed.mixture import Mixture, Sent

_BOUNDARY = "0f8b2c7d1e6a4953"
_FLAGGED = ("review", "hold", "takedown")
GRACE = 60.0
"""Seconds after the last one was due in which answers are still waited for; then the connection counts as broken."""
_LONGEST_REST = 5.0
"""Seconds at most after which a client that waits for its answers sends again what was refused."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent where. `rate` listings a second at random moments, or 0: as fast as answers come back."""

    url: str
    key: str
    supply: str
    mix: str
    connections: int
    seconds: float
    first: int = 0
    count: int = 0
    """At most so many; 0 for as many as the seconds hold."""
    rate: float = 0.0
    corrupt_every: int = 0
    speaks: str = "listings"
    """`listings` for ours, `embeddings` for a peer that takes pictures as OpenAI's interface would."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One request; times in seconds after the start of the load."""

    number: int
    kind: str
    due: float
    sent: float
    done: float
    status: int
    """0 where the connection broke."""
    retry_after: float = 0.0
    """Seconds that a refusal asked for; 0 where it asked for none."""
    flagged: bool = False
    found: bool = False
    """A copy's own reference is among the matches and the listing is flagged."""
    why: str = ""
    """What broke the connection."""


class Load:
    """Sends a plan over so many connections, a thread each. Without a rate a refused listing is sent again later."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._mixture = Mixture(Path(plan.supply), plan.mix, plan.corrupt_every)
        self._answers: list[Answer] = []
        self._lock = threading.Lock()
        self._turns = self._schedule()
        host, port = plan.url.removeprefix("http://").split(":")
        self._address = host, int(port)
        ours = plan.speaks == "listings"
        self._path = "/v1/listings" if ours else "/embeddings"
        self._body: Callable[[int, bytes], bytes] = _listing if ours else _embedding
        media_type = f"multipart/form-data; boundary={_BOUNDARY}" if ours else "application/json"
        self._headers = {"Authorization": f"Bearer {plan.key}", "Content-Type": media_type}

    def run(self) -> dict[str, Any]:
        """Send everything; the columns, and what the client itself took."""
        worked, self._started = time.process_time(), time.perf_counter()
        with ThreadPoolExecutor(self._plan.connections) as threads:
            for ended in [threads.submit(self._work) for _ in range(self._plan.connections)]:
                ended.result()
        return {
            "seconds": time.perf_counter() - self._started,
            "client_core_seconds": time.process_time() - worked,
            "answers": {one.name: [getattr(row, one.name) for row in self._answers] for one in fields(Answer)},
        }

    def _schedule(self) -> Iterator[tuple[int, float]]:
        """Numbers and when each is due; an open load is a Poisson process, the same every time."""
        plan, gaps, due = self._plan, random.Random(4), 0.0  # noqa: S311 - no secret
        for turn in itertools.count():
            if due >= plan.seconds or (plan.count and turn >= plan.count):
                return
            yield plan.first + turn, due
            due += gaps.expovariate(plan.rate) if plan.rate else 0.0

    def _next(self) -> tuple[int, float] | None:
        with self._lock:
            return next(self._turns, None)

    def _work(self) -> None:
        connection = http.client.HTTPConnection(*self._address)
        while (turn := self._next()) is not None:
            number, due = turn
            sent = self._mixture.sent(number)
            if self._plan.rate:
                time.sleep(max(0.0, due - self._now()))
                self._answers.append(self._post(connection, number, due, sent))
                connection.close()  # until the next one is due the server may have closed it
            elif not self._insist(connection, number, sent):
                break
        connection.close()

    def _insist(self, connection: http.client.HTTPConnection, number: int, sent: Sent) -> bool:
        """Send a listing until it is let in; False when the time is over."""
        while (now := self._now()) < self._plan.seconds:
            self._answers.append(answer := self._post(connection, number, now, sent))
            if not answer.retry_after:
                return True
            connection.close()
            time.sleep(min(answer.retry_after, _LONGEST_REST, max(0.0, self._plan.seconds - self._now())))
        return False

    def _post(self, connection: http.client.HTTPConnection, number: int, due: float, sent: Sent) -> Answer:
        body, started = self._body(number, sent.data), self._now()
        connection.timeout = max(0.01, self._plan.seconds + GRACE - started)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before the body was read
                connection.request("POST", self._path, body, self._headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            why = f"{type(error).__name__}: {error}"
            return Answer(number, sent.kind, due, started, self._now(), 0, why=why)
        done, told = self._now(), json.loads(content) if answer.status == 200 else {}
        flagged = told.get("decision") in _FLAGGED
        found = flagged and bool(sent.copy_of) and sent.copy_of in {one["external_id"] for one in told["matches"]}
        rest = float(answer.getheader("Retry-After") or 0)
        return Answer(number, sent.kind, due, started, done, answer.status, rest, flagged, found)

    def _now(self) -> float:
        return time.perf_counter() - self._started


def _listing(number: int, picture: bytes) -> bytes:
    listing = f'{{"listing_id": "L-{number}", "images": []}}'
    head = (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="listing"\r\n\r\n{listing}\r\n--{_BOUNDARY}\r\n'
        'Content-Disposition: form-data; name="images"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    )
    return b"".join([head.encode(), picture, f"\r\n--{_BOUNDARY}--\r\n".encode()])


def _embedding(_number: int, picture: bytes) -> bytes:
    shown = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    return json.dumps({"model": "clip", "modality": "image", "input": [shown]}).encode()


def main() -> None:
    """`python -m benchmarks.speed.client PLAN OUT`: the plan as a JSON file, the answers into another."""
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text()))
    Path(sys.argv[2]).write_text(json.dumps(Load(plan).run()))


if __name__ == "__main__":
    main()
