"""What holds brands and sellers to what they did, opened together: standings, strikes, sellers, statements, notices.

Place in the flow: part of the runtime, around the cases. Some of it watches cases, notices also act on them.
"""

from __future__ import annotations

from datetime import timedelta

from indexes.database import Database, utc_now
from service.brakes import Brake
from service.cases import Cases, Watcher
from service.notices import Notices
from service.rights import Rights
from service.sellers import Clusters, Sellers, Strikes
from service.settings import Settings
from service.standing import Standings, Terms
from service.statements import Statements
from service.statements.gathering import Gathering

_HOUR = 3600.0


class Trust:
    """The parts. `watchers` go into the cases, which `join` needs before notices can be taken."""

    notices: Notices

    def __init__(self, settings: Settings, database: Database, rights: Rights) -> None:
        self._settings, self._database, self._rights = settings, database, rights
        self.standings = Standings(database, Terms.of(settings))
        self.statements = Statements(database, Gathering(rights))
        self.strikes = Strikes(database, on_restricted=self.statements.restricted)
        self.sellers = Sellers(database, self.strikes, cap=settings.stock_sellers)
        self.clusters = Clusters.of(database, settings)
        self.notice_brake = Brake(limit=settings.notices_per_hour, window=_HOUR)

    @property
    def watchers(self) -> tuple[Watcher, ...]:
        """Who is told of every move of a case, in this order."""
        return (self.standings, self.strikes, self.statements)

    def join(self, cases: Cases) -> None:
        """Let notices act on `cases`, and cases decide notices."""
        trusted = self._settings.trusted_flaggers
        self.notices = Notices(self._database, cases, self.standings, self._rights, trusted=trusted)
        cases.watch(self.notices)

    def mind(self) -> None:
        """Look for sellers who share pictures; every second."""
        self.clusters.follow()

    def weigh(self) -> None:
        """Let time change what brands and sellers are at, and go on with what a process left; every minute."""
        self.standings.tick()
        self.strikes.tick()
        self.notices.pursue_left()

    def forget(self) -> None:
        """Erase who sent the notices whose time is over."""
        self.notices.forget(utc_now() - timedelta(days=self._settings.flagged_days))
