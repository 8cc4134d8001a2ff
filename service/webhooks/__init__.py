"""Webhooks: endpoints, the transactional outbox, and the sender that empties it.

Place in the flow: beside everything. Whoever changes a listing, a case or a reference calls `Outbox.put` in its own
transaction; the sender signs and delivers. Knows nothing of what the events mean.
"""

from __future__ import annotations

from service.webhooks.outbox import Message, Outbox, Payload
from service.webhooks.values import Delivery, DeliveryState, Webhook
from service.webhooks.webhooks import Webhooks

__all__ = ["Delivery", "DeliveryState", "Message", "Outbox", "Payload", "Webhook", "Webhooks"]
