"""Long work: progress, row errors, cancelling, restarts, two processes, and who sees it over HTTP."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from indexes.errors import DatabaseAway, NotFound, StorageFailed
from service.errors import Invalid
from service.job_rows import JobRows
from service.jobs import Jobs


@dataclass(frozen=True)
class Owner:
    key_id: str = "key_1"
    brand_id: str | None = None


def wait_for(condition, what="it"):
    """Wait until `condition()` holds; fails after half a minute."""
    for _ in range(3000):
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited in vain for {what}")


def finished(jobs, job):
    return wait_for(lambda: (found := jobs.get(job.id)).is_finished and found, "the job's end")


@contextmanager
def working(database, handler, **options):
    """Jobs whose kind `count` is done by `handler`."""
    jobs = Jobs(database, poll_seconds=0.02, **options)
    jobs.register("count", handler)
    jobs.open()
    try:
        yield jobs
    finally:
        jobs.close()


def test_a_job_with_row_errors_succeeds(database):
    def handler(context):
        for number in range(1, 6):
            if number % 2:
                context.error(number, f"{number}\x00\ud800.jpg", Invalid("no good"))
            context.advance(number, 5)

    with working(database, handler) as jobs:
        job = finished(jobs, jobs.start("count", Owner(), {"a": 1}))
    assert (job.state, job.done, job.total, job.error_count, job.problem) == ("succeeded", 5, 5, 3, None)
    errors = jobs.errors(job)
    assert [(error.row, error.file) for error in errors] == [(1, "1?.jpg"), (3, "3?.jpg"), (5, "5?.jpg")]
    assert errors[0].problem["detail"] == "no good"
    assert len(jobs.errors(job, 2)) == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [(Invalid("mend it"), "mend it"), (StorageFailed("disk full"), "disk full"), (ZeroDivisionError("x"), "Something")],
)
def test_a_handler_that_raises_fails_its_job(database, error, words):
    def handler(context):
        context.advance(1, 3)
        raise error

    with working(database, handler) as jobs:
        job = finished(jobs, jobs.start("count", None, {}))
        assert (job.state, job.done) == ("failed", 1)
        assert words in job.problem["detail"]


def test_a_job_waits_for_a_database_that_is_away(database):
    """It is taken up again where it was once its lease has run out."""
    seen = []

    def handler(context):
        seen.append(context.done)
        if len(seen) == 1:
            context.advance(1, 2)
            context.flush()
            raise DatabaseAway("gone for a moment")
        context.advance(2, 2)

    with working(database, handler, lease_seconds=1.0) as jobs:
        job = finished(jobs, jobs.start("count", None, {}))
    assert (job.state, seen) == ("succeeded", [0, 1])


def test_a_queued_job_is_cancelled_at_once(database):
    jobs = Jobs(database)
    ended = []
    jobs.register("count", lambda context: None, ended=ended.append)
    job = jobs.start("count", Owner(), {})
    assert jobs.cancel(job.id).state == "cancelled"
    assert [gone.id for gone in ended] == [job.id]


def test_a_running_job_is_cancelled_at_its_next_step(database):
    started = threading.Event()

    def handler(context):
        for number in range(100_000):
            context.advance(number, 100_000)
            started.set()
            time.sleep(0.001)

    with working(database, handler) as jobs:
        job = jobs.start("count", Owner(), {})
        started.wait()
        jobs.cancel(job.id)
        job = finished(jobs, job)
        assert job.state == "cancelled"
        assert jobs.cancel(job.id).state == "cancelled"


def test_another_process_can_cancel(database):
    started = threading.Event()

    def handler(context):
        while True:
            context.checkpoint()
            started.set()
            time.sleep(0.001)

    with working(database, handler, lease_seconds=0.2) as jobs:
        job = jobs.start("count", Owner(), {})
        started.wait()
        Jobs(database).cancel(job.id)
        assert finished(jobs, job).state == "cancelled"


def test_a_stopped_process_hands_its_job_on(database):
    """The next process goes on from the cursor; no row is done or reported twice."""
    seen, resume = [], threading.Event()

    def handler(context):
        for number in range(context.cursor or 0, 10):
            seen.append(number)
            context.error(number, None, "row")
            context.advance(number + 1, 10)
            if number == 4:
                resume.wait()

    with working(database, handler) as jobs:
        job = jobs.start("count", Owner(), {})
        wait_for(lambda: 4 in seen)
        threading.Timer(0.05, resume.set).start()
    assert jobs.get(job.id).state == "queued"
    with working(database, handler) as jobs:
        job = finished(jobs, job)
    assert (job.state, job.done, job.error_count) == ("succeeded", 10, 10)
    assert seen == list(range(10))
    assert [error.row for error in jobs.errors(job)] == list(range(10))


def test_a_dead_process_loses_its_job_and_cannot_write_to_it(database):
    """A process that stops renewing its lease (here: it was never let to) is taken for dead."""
    entered, wake, outcome = threading.Event(), threading.Event(), []

    def stalls(context):
        entered.set()
        wake.wait()
        outcome.append("ran on")
        context.advance(99, 99)

    stalled = Jobs(database, workers=1, poll_seconds=0.02, lease_seconds=0.2)
    stalled.register("count", stalls)
    stalled._keep_leases = lambda: None  # the process is frozen: nobody renews
    stalled.open()
    job = stalled.start("count", Owner(), {})
    entered.wait()
    with working(database, lambda context: context.advance(3, 3), lease_seconds=0.2) as jobs:
        assert finished(jobs, job).done == 3
        wake.set()
        stalled.close()
        assert outcome == ["ran on"]
        assert (jobs.get(job.id).state, jobs.get(job.id).done) == ("succeeded", 3)


def test_two_processes_never_run_one_job(database):
    runs, lock = [], threading.Lock()

    def handler(context):
        with lock:
            runs.append(context.job.id)
        context.advance(1, 1)

    with working(database, handler) as one, working(database, handler) as two:
        started = [one.start("count", None, {}) for _ in range(20)]
        for job in started:
            finished(two, job)
    assert sorted(runs) == sorted(job.id for job in started)


def test_a_job_that_kills_its_process_is_given_up(database):
    """Each claim without progress counts; a handler that got on starts anew."""
    jobs = Jobs(database)
    job = jobs.start("count", None, {})
    from datetime import timedelta

    from service.job_rows import MAX_ATTEMPTS, JobRows

    for _ in range(MAX_ATTEMPTS):
        assert JobRows(database).claim(["count"], "dead", timedelta(seconds=-1)) is not None
    with working(database, lambda context: None) as jobs:
        job = finished(jobs, job)
    assert job.state == "failed"
    assert "given up" in job.problem["detail"]


def test_unknown_jobs(database):
    with pytest.raises(NotFound):
        Jobs(database).get("job_nope")


def test_jobs_are_listed_newest_first(database):
    jobs = Jobs(database)
    mine = [jobs.start("count", Owner("key_a"), {}).id for _ in range(3)]
    brands = jobs.start("count", Owner("key_b", "brd_1"), {}).id
    page = jobs.list(None, 3)
    assert [job.id for job in page.items] == [brands, mine[2], mine[1]]
    assert [job.id for job in jobs.list(None, 3, page.next_cursor).items] == [mine[0]]
    assert [job.id for job in jobs.list(Owner("key_a"), 10).items] == mine[::-1]
    assert [job.id for job in jobs.list(Owner("key_c", "brd_1"), 10).items] == [brands]


def test_jobs_over_http_are_seen_by_their_starter_and_operators(client, runtime):
    made = [client.post("/v1/keys", json={"role": "reviewer", "name": name}).json() for name in "ab"]
    mine, other = ({"Authorization": f"Bearer {key['key']}"} for key in made)
    job = runtime.jobs.start("unknown", Owner(made[0]["id"]), {})
    shown = client.get(f"/v1/jobs/{job.id}", headers=mine)
    assert shown.status_code == 200
    assert shown.json() | {"state": "queued", "done": 0, "total": None, "errors": []} == shown.json()
    assert client.get(f"/v1/jobs/{job.id}").status_code == 200
    hidden, absent = (client.get(f"/v1/jobs/{name}", headers=other) for name in (job.id, "job_nope"))
    assert hidden.status_code == absent.status_code == 404
    assert hidden.json() | {"request_id": 0} == absent.json() | {"request_id": 0}
    assert client.post(f"/v1/jobs/{job.id}/cancel", headers=other).status_code == 404
    assert client.get("/v1/jobs", headers=other).json()["items"] == []
    assert [item["id"] for item in client.get("/v1/jobs", headers=mine).json()["items"]] == [job.id]
    assert client.post(f"/v1/jobs/{job.id}/cancel", headers=mine).json()["state"] == "cancelled"
    assert client.get("/v1/jobs").status_code == 200


def test_a_brand_with_many_jobs_leaves_a_worker_to_the_others(database):
    """Two workers: the second takes another brand's job before a second one of the first brand."""
    rows = JobRows(database)
    flood = [rows.add("count", {}, key_id="key_1", brand_id="brd_flood").id for _ in range(3)]
    other = rows.add("count", {}, key_id="key_2", brand_id="brd_other").id
    operators = rows.add("count", {}, key_id="key_3", brand_id=None).id
    lease = timedelta(seconds=60)
    taken = [rows.claim(("count",), f"run_{number}", lease).id for number in range(5)]
    assert taken == [flood[0], other, operators, flood[1], flood[2]]
    assert rows.claim(("count",), "run_5", lease) is None
