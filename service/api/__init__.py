"""The HTTP interface, one module for each resource; `ROUTERS` is what the application includes."""

from __future__ import annotations

from fastapi import APIRouter

from service.api import (
    authorisations,
    batch,
    brands,
    cases,
    catalogs,
    conflicts,
    docs,
    health,
    jobs,
    keys,
    listings,
    marketplaces,
    negatives,
    policies,
    portal,
    problem_pages,
    proofs,
    references,
    registration,
    rights,
    search,
    spaces,
    verdicts,
    webhooks,
)

ROUTERS: tuple[APIRouter, ...] = (
    brands.router,
    registration.router,
    rights.router,
    authorisations.router,
    conflicts.router,
    negatives.router,
    catalogs.router,
    policies.router,
    marketplaces.router,
    keys.router,
    references.router,
    jobs.router,
    batch.router,
    verdicts.router,
    listings.router,
    cases.router,
    proofs.router,
    search.router,
    webhooks.router,
    spaces.router,
    portal.router,
    health.router,
    docs.router,
    problem_pages.router,
)
"""In the order of the interface's document; a listing's id may hold slashes, so what follows one comes before it."""
