"""Every module that owns a table, imported so that `METADATA` is whole wherever the schema is made or compared."""

from __future__ import annotations

from indexes import brands, changes, embeddings, references
from indexes.database import METADATA
from service import idempotency, job_rows, keys, marketplaces, sessions, sign_in_links
from service.authorised import tables as authorised
from service.cases import tables as cases
from service.conflicts import tables as conflicts
from service.desk import tables as desk
from service.listings import tables as listings
from service.notices import tables as notices
from service.nulls import tables as nulls
from service.packets import tables as packets
from service.policies import tables as policies
from service.portal import tables as portal
from service.proofs import tables as proofs
from service.rights import tables as rights
from service.sellers import tables as sellers
from service.spaces import tables as spaces
from service.standing import tables as standing
from service.statements import tables as statements
from service.webhooks import tables as webhooks

OWNERS = (
    brands,
    references,
    embeddings,
    changes,
    keys,
    marketplaces,
    sessions,
    sign_in_links,
    idempotency,
    job_rows,
    listings,
    spaces,
    nulls,
    policies,
    standing,
    cases,
    rights,
    authorised,
    conflicts,
    proofs,
    packets,
    sellers,
    statements,
    notices,
    webhooks,
    desk,
    portal,
)
"""The modules, in the order their tables depend on one another."""

__all__ = ["METADATA", "OWNERS"]
