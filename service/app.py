"""The application: middleware, routers, error answers and the life of the runtime, put together.

`create_app(settings)` opens its own runtime in the background; `create_app(settings, runtime=…)` serves one that is
already open (tests, benchmarks). No work is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI

from service import VERSION, openapi, pages, problems
from service.api import ROUTERS
from service.bodies import BodyLimits
from service.lifecycle import Lifecycle
from service.metrics import Metrics
from service.readiness import Readiness
from service.requests import RequestScope
from service.runtime import Runtime
from service.settings import Settings
from service.shedding import Shedding

_THREADS = 32
"""For what handlers do off the event loop; pictures have threads of their own."""


def create_app(
    settings: Settings, *, runtime: Runtime | None = None, on_open: Callable[[Runtime], None] | None = None
) -> FastAPI:
    """The ASGI application. `on_open` is called in the opening thread, once the runtime is open."""

    def open_runtime(metrics: Metrics) -> Runtime:
        opened = Runtime.open(settings, metrics=metrics)
        if on_open is not None:
            on_open(opened)
        return opened

    lifecycle = Lifecycle(open_runtime, runtime=runtime, drain_timeout=settings.drain_timeout)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        # asyncio's own pool has six threads on two cores: a few slow writes would hold up everybody else.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="edge"))
        lifecycle.start()
        yield
        await asyncio.to_thread(lifecycle.close)

    app = FastAPI(
        title="Brandwarden",
        version=VERSION,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.lifecycle = lifecycle
    app.state.readiness = Readiness(lifecycle)
    app.state.settings = settings
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(pages.router)
    openapi.install(app)
    app.add_middleware(BodyLimits, settings=settings, admit=Shedding(lifecycle))
    app.add_middleware(RequestScope, lifecycle=lifecycle)
    return app
