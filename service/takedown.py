"""The parts that carry a match to its end: whose right it is, what a policy asks for, cases and who watches them.

Place in the flow: a base of `service.runtime.Runtime`, opened with the storage, before anything is judged.
"""

from __future__ import annotations

from datetime import timedelta

from indexes.blobs import BlobStore
from indexes.brands import Brands
from indexes.database import Database
from indexes.shelves import Shelves
from service.authorised import Authorised
from service.authorised.negatives import Negatives
from service.authorised.recognition import Recognition
from service.cases import Cases
from service.cases.backing import Backing
from service.cases.lessons import Lessons
from service.describing import kept_photos
from service.desk.grouping import Grouping
from service.desk.queue import Queue
from service.desk.second import Sampling, SecondReviews
from service.keys import Keys
from service.likeness import Comparison
from service.policies import Bounds, Policies
from service.policies.trials import Trials
from service.portal.managers import Managers
from service.rights import Registration, Rights, Verifications
from service.settings import Settings
from service.spaces import Spaces
from service.trust import Trust


class Takedown:
    """What due process needs. The runtime gives the storage and, once it is open, the spaces."""

    settings: Settings
    database: Database
    blobs: BlobStore
    shelves: Shelves
    brands: Brands
    keys: Keys
    spaces: Spaces

    registration: Registration
    rights: Rights
    verifications: Verifications
    authorised: Authorised
    negatives: Negatives
    recognition: Recognition
    trust: Trust
    policies: Policies
    trials: Trials
    cases: Cases
    desk: Queue
    second_reviews: SecondReviews
    managers: Managers

    def _open_takedown(self) -> None:
        database, settings = self.database, self.settings
        self.registration = Registration.hourly(self.brands, self.keys, settings.registrations_per_hour)
        self.rights = Rights(database)
        self.verifications = Verifications(database, self.rights)
        self.authorised = Authorised(database)
        self.negatives = Negatives(database)
        self._comparison = Comparison(self.blobs, lambda: self.spaces.active.model, kept_photos(self.shelves))
        self.recognition = Recognition(self.negatives, self._comparison)
        self.trust = Trust(settings, database, self.rights)
        bounds = Bounds(settings.lowest_hold, settings.lowest_takedown)
        self.policies = Policies(database, self.rights, self.authorised, self.trust.standings, bounds=bounds)
        self.trials = Trials(database, self.policies)
        self._open_cases()
        self.desk = Queue(database)
        self.second_reviews = SecondReviews(database, self.cases)
        self.managers = Managers(database)

    def _open_cases(self) -> None:
        kept, lives = (timedelta(days=days) for days in (self.settings.flagged_days, self.settings.seller_link_days))
        second_looks = Sampling(self.settings.second_review_share)
        watchers = (*self.trust.watchers, Lessons(), Grouping(), second_looks)
        self.cases = Cases(
            self.database,
            lane=self.trust.standings.lane,
            backed=Backing(self.rights).backed,
            watchers=watchers,
            link_lives=lives,
            kept=kept,
        )
        self.trust.join(self.cases)
