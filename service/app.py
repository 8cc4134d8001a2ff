"""The application: middleware, routers, error answers and the life of the runtime, put together.

`create_app(settings)` opens its own runtime in the background; `create_app(settings, runtime=…)` serves one that is
already open (tests, benchmarks), `create_app(settings, lifecycle=…)` one that may be opening already (`service.serve`).
No work is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

from service import VERSION, openapi, pages, problems
from service.api import ROUTERS
from service.bodies import BodyLimits
from service.lifecycle import Lifecycle
from service.readiness import Readiness
from service.requests import RequestScope
from service.runtime import Runtime
from service.settings import Settings
from service.shedding import Shedding

_THREADS = 32
"""For what handlers do off the event loop; pictures have threads of their own."""


def create_app(settings: Settings, *, runtime: Runtime | None = None, lifecycle: Lifecycle | None = None) -> FastAPI:
    """The ASGI application. It starts its lifecycle with the server and closes it when the server ends."""
    life = lifecycle or Lifecycle(
        lambda metrics: Runtime.open(settings, metrics=metrics), runtime=runtime, drain_timeout=settings.drain_timeout
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # asyncio's own pool has six threads on two cores: a few slow writes would hold up everybody else.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="edge"))
        life.start()
        yield
        await asyncio.to_thread(life.close)

    app = FastAPI(
        title="Brandwarden",
        version=VERSION,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.lifecycle = life
    app.state.readiness = Readiness(life)
    app.state.settings = settings
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(pages.router)
    openapi.install(app)
    app.add_middleware(BodyLimits, settings=settings, admit=Shedding(life))
    app.add_middleware(RequestScope, lifecycle=life)
    return app
