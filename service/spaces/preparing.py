"""The job that makes a space ready: every active reference embedded with the new model, and an index built of it.

Place in the flow: `Life.start` queues it; any process that shares the database may work on it, and another goes on
where one was killed, for what is embedded is committed. The space that judges is not touched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from indexes.blobs import BlobStore
from indexes.catalog import Catalog
from service.errors import ServiceError
from service.job_context import JobContext
from service.jobs import Job, Jobs
from service.reembedding import Reembedding
from service.spaces.records import SpaceRecords
from service.spaces.spaces import Spaces

KIND: Final = "space"


class Preparing:
    """The handler of jobs of its kind."""

    def __init__(
        self, spaces: Spaces, catalog: Catalog, blobs: BlobStore, jobs: Jobs, give_way: Callable[[], None]
    ) -> None:
        self._spaces, self._catalog, self._blobs, self._jobs = spaces, catalog, blobs, jobs
        self._give_way = give_way
        jobs.register(KIND, self.run, ended=self._ended)

    @property
    def records(self) -> SpaceRecords:
        """The rows of the spaces."""
        return self._spaces.records

    def run(self, context: JobContext) -> None:
        """Embed, index, and say that it is ready."""
        space = self.records.get(context.params["space_id"])
        model = self._spaces.model_of(space)
        lacking = self._catalog.lacking(model.space)
        context.advance(context.done, context.done + lacking)
        for stretch in Reembedding(self._catalog, self._blobs, model.embedder, self._give_way).stretches():
            for reference, error in stretch.failed:
                context.error(None, reference.id, error)
            context.advance(context.done + stretch.tried)
        loaded = self._spaces.add(model)
        loaded.gallery.catch_up()
        self.records.move(space.id, "ready", since={"preparing"}, by="service", reason=_told(context.error_count))

    def _ended(self, job: Job) -> None:
        """A job that came to no good end leaves a space that has failed."""
        now = self._jobs.get(job.id)
        if now.state not in ("failed", "cancelled"):
            return
        problem = now.problem or {"detail": "The job was cancelled."}
        reason = str(problem.get("detail", "The job failed."))
        try:
            self.records.move(
                job.params["space_id"], "failed", since={"preparing"}, by="service", reason=reason, problem=problem
            )
        except ServiceError:
            return  # it was moved on meanwhile


def _told(failed: int) -> str | None:
    return f"{failed} references could not be embedded and are not matched" if failed else None
