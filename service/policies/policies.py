"""The way in to policies: the versions of each brand's, the bounds it keeps to, and the rulebook of a listing.

Place in the flow: the HTTP interface puts and reads policies, `service.listings` asks for the rulebook of the brands
it found something of. Nothing is kept in memory: a policy is in force with the answer that says so, in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from indexes.brands import BRANDS
from indexes.database import Database, utc_now
from indexes.errors import NotFound
from service.authorised import Authorised
from service.marketplaces import MARKETPLACES
from service.policies.ruling import BrandRules, Rulebook
from service.policies.tables import POLICIES, POLICY_BOUNDS
from service.policies.values import Bounds, Draft, Policy, ProofRule, Rule
from service.policies.vetting import vet
from service.rights import Rights
from service.standing import Lane, Standings


class Policies:
    """The tables of policies, and what a ruling needs of other tables. `bounds` are the installation's."""

    def __init__(
        self,
        database: Database,
        rights: Rights,
        authorised: Authorised,
        standings: Standings,
        *,
        bounds: Bounds | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._database, self._bounds, self._clock = database, bounds or Bounds(), clock
        self._rights, self._authorised, self._standings = rights, authorised, standings

    def current(self, connection: sa.Connection, brand_id: str) -> Policy:
        """The policy in force; version 0 where the brand never had one."""
        return self._currents(connection, [brand_id])[brand_id]

    def _currents(self, connection: sa.Connection, brand_ids: Collection[str]) -> dict[str, Policy]:
        newer = POLICIES.alias()
        newest = sa.select(sa.func.max(newer.c.version)).where(newer.c.brand_id == POLICIES.c.brand_id)
        query = sa.select(POLICIES).where(POLICIES.c.brand_id.in_(brand_ids))
        rows = connection.execute(query.where(POLICIES.c.version == newest.scalar_subquery()))
        return {brand_id: Policy(brand_id) for brand_id in brand_ids} | {row.brand_id: _policy(row) for row in rows}

    def get(self, brand_id: str, version: int | None = None) -> Policy:
        """The policy in force, or an older version; `NotFound` for a brand or a version there is not."""
        with self._database.read() as connection:
            if connection.scalar(sa.select(BRANDS.c.pk).where(BRANDS.c.id == brand_id)) is None:
                raise NotFound("There is no such brand.")
            if version is None:
                return self.current(connection, brand_id)
            asked = sa.select(POLICIES).where(POLICIES.c.brand_id == brand_id, POLICIES.c.version == version)
            row = connection.execute(asked).first()
        if row is None:
            raise NotFound("There is no such version.")
        return _policy(row)

    def vet(self, brand_id: str, draft: Draft, *, bound: bool) -> None:
        """Raise `Invalid` for a draft that cannot be a policy, or, where `bound`, is beyond the brand's bounds."""
        with self._database.read() as connection:
            known = frozenset(connection.scalars(sa.select(MARKETPLACES.c.slug)))
        vet(draft, known, self.bounds(brand_id) if bound else None)

    def put(self, brand_id: str, draft: Draft, *, by: str) -> Policy:
        """`draft` as the brand's next version, in force when this returns; `NotFound` without the brand."""
        with self._database.write() as connection:
            _hold_brand(connection, brand_id)
            version = self.current(connection, brand_id).version + 1
            made = Policy(brand_id, version, draft.rules, draft.proof_required, by, self._clock())
            connection.execute(sa.insert(POLICIES).values(_row(made)))
        return made

    def bounds(self, brand_id: str) -> Bounds:
        """What a brand keeps to: its own bounds, where an operator set some, else the installation's."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(POLICY_BOUNDS).where(POLICY_BOUNDS.c.brand_id == brand_id)).first()
        if row is None:
            return self._bounds
        hold = self._bounds.hold if row.hold is None else row.hold
        return Bounds(hold, self._bounds.takedown if row.takedown is None else row.takedown)

    def set_bounds(self, brand_id: str, *, hold: float | None, takedown: float | None, by: str) -> Bounds:
        """Set what a brand keeps to from now on, None for the installation's; its policy stays; `NotFound`."""
        values = {"hold": hold, "takedown": takedown, "set_by": by, "set_at": self._clock()}
        with self._database.write() as connection:
            _hold_brand(connection, brand_id)
            connection.execute(sa.delete(POLICY_BOUNDS).where(POLICY_BOUNDS.c.brand_id == brand_id))
            connection.execute(sa.insert(POLICY_BOUNDS).values(brand_id=brand_id, **values))
        return self.bounds(brand_id)

    def read_book(self, brand_ids: frozenset[str], marketplace: str) -> Rulebook:
        """All that a ruling on matches of these brands at `marketplace` depends on, as it is now."""
        with self._database.read() as connection:
            return self.book(connection, brand_ids, marketplace)

    def book(
        self,
        connection: sa.Connection,
        brand_ids: Collection[str],
        marketplace: str | None = None,
        *,
        proposed: Policy | None = None,
    ) -> Rulebook:
        """The rulebook, read on `connection`; of every marketplace where none is named.

        `proposed` stands in for the policy of its brand.
        """
        query = sa.select(BRANDS.c.id, BRANDS.c.status).where(BRANDS.c.id.in_(brand_ids))
        policies = self._currents(connection, brand_ids)
        if proposed is not None:
            policies[proposed.brand_id] = proposed
        rights = self._rights.of_brands(connection, brand_ids)
        authorisations = self._authorised.of_brands(connection, brand_ids)
        brands = {
            row.id: BrandRules(
                row.status,
                policies[row.id],
                tuple(rights[row.id]),
                tuple(authorisations[row.id]),
                self._lanes(connection, policies[row.id]),
            )
            for row in connection.execute(query).all()
        }
        places = sa.select(MARKETPLACES.c.slug, MARKETPLACES.c.territories)
        if marketplace is not None:
            places = places.where(MARKETPLACES.c.slug == marketplace)
        return Rulebook(brands, {row.slug: tuple(row.territories) for row in connection.execute(places)})

    def _lanes(self, connection: sa.Connection, policy: Policy) -> dict[str, Lane]:
        """Asked for the kinds alone that the policy would take down."""
        kinds = {one.kind for one in policy.rules if one.takedown is not None}
        return {kind: self._standings.lane(connection, policy.brand_id, kind) for kind in sorted(kinds)}


def _hold_brand(connection: sa.Connection, brand_id: str) -> None:
    """Make sure the brand is there, and let versions of one brand be made one after the other."""
    held = sa.select(BRANDS.c.pk).where(BRANDS.c.id == brand_id).with_for_update(key_share=True)
    if connection.scalar(held) is None:
        raise NotFound("There is no such brand.")


def _row(policy: Policy) -> dict[str, Any]:
    return {
        "brand_id": policy.brand_id,
        "version": policy.version,
        "rules": [one.as_json() for one in policy.rules],
        "proof_required": [one.as_json() for one in policy.proof_required],
        "made_by": policy.made_by,
        "created_at": policy.created_at,
    }


def _policy(row: Any) -> Policy:
    rules = tuple(Rule(**one) for one in row.rules)
    proof = tuple(_proof_rule(one) for one in row.proof_required)
    return Policy(row.brand_id, row.version, rules, proof, row.made_by, row.created_at)


def _proof_rule(stored: dict[str, Any]) -> ProofRule:
    price = stored.get("min_price")
    amount, currency = (price["amount"], price["currency"]) if isinstance(price, dict) else (price, None)
    return ProofRule(stored.get("category"), None if amount is None else Decimal(amount), currency)
