"""The load client of the HTTP benchmark: a process of its own that posts one-picture listings over loopback.

Prints one JSON document: latencies, statuses and its own CPU seconds, since it shares the cores with the service.
"""

from __future__ import annotations

import argparse
import json
import resource
import threading
import time
from collections import Counter
from queue import Empty, SimpleQueue

import httpx

from benchmarks.pictures import jpegs, listings

REFERENCE_SEED = 7
_FLAGGED = ("review", "hold", "takedown")


def send_all(url: str, key: str, pictures: list[tuple[bytes, bool]], clients: int, prefix: str) -> dict[str, object]:
    """Post every picture once over `clients` kept-alive connections; seconds of each request and of the whole.

    `flagged` counts the decisions of `review` and above among copies and among the others.
    """
    queue: SimpleQueue[tuple[int, tuple[bytes, bool]]] = SimpleQueue()
    for numbered in enumerate(pictures):
        queue.put(numbered)
    latencies: list[float] = []
    statuses: Counter[int] = Counter()
    flagged: Counter[str] = Counter()

    def work() -> None:
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
            while True:
                try:
                    number, (picture, is_copy) = queue.get_nowait()
                except Empty:
                    return
                listing = json.dumps({"listing_id": f"{prefix}-{number}", "images": []})
                started = time.perf_counter()
                answer = client.post(
                    "/v1/listings", data={"listing": listing}, files={"images": ("a.jpg", picture, "image/jpeg")}
                )
                latencies.append(time.perf_counter() - started)
                statuses[answer.status_code] += 1
                if answer.json().get("decision") in _FLAGGED:
                    flagged["copies" if is_copy else "others"] += 1

    threads = [threading.Thread(target=work) for _ in range(clients)]
    before, started = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": time.perf_counter() - started,
        "client_cpu_seconds": time.process_time() - before,
        "latencies": latencies,
        "flagged": dict(flagged),
        "copies": sum(is_copy for _, is_copy in pictures),
        "statuses": {str(status): count for status, count in statuses.items()},
        "client_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def main() -> None:
    """Command line of the load process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--references", type=int, default=0, help="how many the catalogue holds, to copy from")
    parser.add_argument("--side", type=int, default=800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    references = list(jpegs("references", options.references, options.side, REFERENCE_SEED))
    pictures = list(listings(options.count, options.side, options.seed, references))
    print(json.dumps(send_all(options.url, options.key, pictures, options.clients, f"load-{options.seed}")))


if __name__ == "__main__":
    main()
