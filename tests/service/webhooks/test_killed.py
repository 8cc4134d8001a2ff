"""A process that is killed amid a delivery: the next one sends the message again, with its id."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from service.sealing import Sealer
from service.webhooks import Webhooks
from tests.service.webhooks.conftest import EVENTS, until

ROOT = Path(__file__).resolve().parents[3]
DOOMED = f"""
import sys, time
from pathlib import Path
from indexes.database import Database
from service.sealing import Sealer
from service.settings import Settings
from service.webhooks import Webhooks
database = Database(sys.argv[1])
settings = Settings(data_dir=Path("unused"), fetch_allow=("127.0.0.1",))
webhooks = Webhooks(settings, database, Sealer(b"of the tests"), events={EVENTS!r})
webhooks.start()
with database.write() as connection:
    webhooks.outbox.put(connection, "case.held", "default", {{"id": "case_1"}})
time.sleep(60)
"""


def test_what_was_committed_arrives_though_the_process_is_killed(database, database_url, allowing, receiver, clock):
    survivor = Webhooks(allowing, database, Sealer(b"of the tests"), events=EVENTS, clock=clock)
    try:
        hook, secret = survivor.create(receiver.url, ["case.*"])
        receiver.answer = lambda _request: 200 if receiver.released.wait(15) else 500
        doomed = subprocess.Popen([sys.executable, "-c", DOOMED, database_url], cwd=ROOT)
        (begun,) = receiver.wait(1)
        doomed.kill()
        doomed.wait()
        receiver.released.set()
        (held,) = survivor.deliveries(hook.id).items
        assert held.state == "pending"
        clock.ahead = timedelta(seconds=31)  # the lease of the dead is over
        survivor.start()
        until(lambda: survivor.deliveries(hook.id, state="delivered").items)
        again = receiver.wait(2)[1]
        assert again.id == begun.id
        assert again.body == begun.body
        assert begun.verified(secret)["data"] == {"id": "case_1"}
    finally:
        survivor.close()
