"""The facade: endpoints and their deliveries, as the interface and the operator's page ask for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from indexes.database import Database, utc_now
from indexes.ids import new_id
from indexes.paging import Page
from service.addresses import AllowList
from service.errors import Invalid, StateConflict
from service.guarding import Guard, Resolver, resolve
from service.sealing import Sealer
from service.settings import Settings
from service.webhooks.deliveries import DeliveryRows
from service.webhooks.outbox import Outbox
from service.webhooks.rows import WebhookRows
from service.webhooks.sender import MAX_ENDPOINTS, PLACES, OnOutcome, Sender
from service.webhooks.signing import new_secret, show
from service.webhooks.targets import Targets
from service.webhooks.values import Delivery, DeliveryState, Webhook, with_wildcards

LISTING_EVENT = "listing.decided"


class Webhooks:
    """Who is told of what. `events` are the names there are; `outbox` is for those to whom something happens."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        sealer: Sealer,
        *,
        events: Collection[str],
        on_outcome: OnOutcome = lambda _state: None,
        resolver: Resolver = resolve,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._sealer, self._clock, self._days = sealer, clock, settings.webhook_days
        self.events = with_wildcards(events)
        self._rows, self._deliveries = WebhookRows(database), DeliveryRows(database)
        allow = AllowList.parse(settings.fetch_allow)
        self._targets = Targets(Guard(allow, resolver=resolver, lookups=MAX_ENDPOINTS * PLACES))
        self._sender = Sender(self._rows, self._deliveries, sealer, self._targets, on_outcome=on_outcome, clock=clock)
        self.outbox = Outbox(sealer, on_put=self._sender.wake, clock=clock)

    def start(self) -> None:
        """Begin to send."""
        self._sender.start()

    def close(self) -> None:
        """Stop sending; what is under way is finished."""
        self._sender.close()
        self._targets.close()

    def create(
        self,
        url: str,
        events: Sequence[str],
        *,
        marketplace: str | None = None,
        decisions: Sequence[str] | None = None,
    ) -> tuple[Webhook, str]:
        """A new endpoint and its secret, which nobody is shown again. `Invalid` says what does not fit."""
        events = sorted(set(events))
        self._check(events, marketplace, decisions)
        webhook_id, secret = new_id("whk"), new_secret()
        values = {
            "id": webhook_id,
            "url": self._targets.check(url),
            "events": events,
            "marketplace": marketplace,
            "decisions": None if decisions is None else sorted(set(decisions)),
            "secret": self._sealer.seal(secret, webhook_id),
            "created_at": self._clock(),
        }
        made = self._rows.add(values, most=MAX_ENDPOINTS)
        if made is None:
            raise StateConflict(f"There are {MAX_ENDPOINTS} webhooks already; delete one that is not needed.")
        return made, show(secret)

    def get(self, webhook_id: str) -> Webhook:
        """`NotFound` when there is none."""
        return self._rows.get(webhook_id)

    def list(self, *, limit: int = 50, cursor: str | None = None) -> Page[Webhook]:
        """Newest first, disabled ones too."""
        return self._rows.list(limit=limit, cursor=cursor)

    def delete(self, webhook_id: str) -> None:
        """Tell it nothing more, and forget its deliveries; `NotFound`."""
        self._rows.delete(webhook_id)

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Delivery]:
        """What was sent to an endpoint or is to be, newest first; `NotFound`."""
        return self._deliveries.list(self.get(webhook_id).pk, state=state, limit=limit, cursor=cursor)

    def retry(self, webhook_id: str, delivery_id: str) -> Delivery:
        """Send a message again now, with its id; `NotFound`, `StateConflict` where the endpoint is disabled."""
        webhook = self.get(webhook_id)
        if webhook.disabled_at is not None:
            raise StateConflict(f"This webhook is disabled: {webhook.disabled_because} Make a new one.")
        delivery = self._deliveries.retry(webhook.pk, delivery_id, self._clock())
        self._sender.wake()
        return delivery

    def purge(self) -> int:
        """Forget what was delivered or given up long ago; how many."""
        return self._deliveries.purge(self._clock() - timedelta(days=self._days))

    def counts(self) -> dict[str, int]:
        """How many deliveries are pending, delivered and dead."""
        return {"pending": 0, "delivered": 0, "dead": 0, **self._deliveries.counts()}

    def lag(self) -> float:
        """Seconds that the oldest message waits which is still to be delivered; 0 when none does."""
        oldest = self._deliveries.oldest_pending()
        return 0.0 if oldest is None else max(0.0, (self._clock() - oldest).total_seconds())

    def _check(self, events: Sequence[str], marketplace: str | None, decisions: Sequence[str] | None) -> None:
        wrong = [
            {"loc": ["body", "events"], "msg": f"there is no event {event[:64]!r}"}
            for event in events
            if event not in self.events
        ]
        if marketplace is not None and any(event.startswith("reference.") for event in events):
            wrong.append({"loc": ["body", "marketplace"], "msg": "reference events belong to no marketplace"})
        if decisions is not None and LISTING_EVENT not in events and "listing.*" not in events:
            wrong.append({"loc": ["body", "decisions"], "msg": f"goes with the event {LISTING_EVENT}"})
        if wrong or not events:
            raise Invalid(f"Name events out of: {', '.join(sorted(self.events))}.", errors=wrong)
