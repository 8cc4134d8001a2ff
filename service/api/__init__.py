"""The HTTP interface, one module for each resource; `ROUTERS` is what the application includes."""

from __future__ import annotations

from fastapi import APIRouter

from service.api import brands, catalogs, docs, health, jobs, keys, marketplaces

ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    brands.router,
    catalogs.router,
    marketplaces.router,
    keys.router,
    jobs.router,
    docs.router,
)
"""In the order of the interface's document."""
