"""`brandwarden-train promote` and `rollback`: a model's way into a running service, and back.

Place in the flow: after the gate. Talks to the service's HTTP interface alone: the model is embedded beside the one
that serves, the gate's report is handed over, live listings are judged in shadow for a while, and then the models are
exchanged. What stops half way leaves the service as it was, and the same command goes on from there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import httpx
import typer

from training.evaluation.progress import showing

POLL_SECONDS: Final = 0.5
_AGAIN: Final = (429, 503)
_TRIES: Final = 8

Url = Annotated[str, typer.Option("--service", help="Address of the service, such as https://host.")]
Key = Annotated[
    str,
    typer.Option(
        "--key", envvar="BRANDWARDEN_KEY", help="An operator's key; better in the environment.", show_default=False
    ),
]


class Refused(Exception):
    """The service refused a step; the message is its own."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem.get("detail", problem)))
        self.problem = problem

    @property
    def slug(self) -> str:
        """The end of the problem's type."""
        return str(self.problem.get("type", "")).rpartition("/")[2]


class Service:
    """A running service, asked as an operator. Tells nobody the key."""

    def __init__(self, url: str, key: str, *, transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"}
        self._http = httpx.Client(base_url=url, headers=headers, timeout=600, trust_env=False, transport=transport)

    def spaces(self) -> list[dict[str, Any]]:
        """Every space, the newest first."""
        found: list[dict[str, Any]] = self._ask("GET", "/v1/spaces")["items"]
        return found

    def active(self) -> dict[str, Any]:
        """The space that serves."""
        return next(space for space in self.spaces() if space["status"] == "active")

    def space(self, space_id: str) -> dict[str, Any]:
        """One, with gate, shadow and history."""
        return self._ask("GET", f"/v1/spaces/{space_id}")

    def begin(self, model: str) -> dict[str, Any]:
        """Load a model and start the job that embeds every reference: `job_id` and `space_id`."""
        return self._ask("POST", "/v1/spaces", {"model": model})

    def step(self, space_id: str, name: str, **body: Any) -> dict[str, Any]:
        """`shadow`, `promote` or `rollback`; the space as it is then."""
        return self._ask("POST", f"/v1/spaces/{space_id}/{name}", {k: v for k, v in body.items() if v is not None})

    def job(self, job_id: str) -> dict[str, Any]:
        """A job."""
        return self._ask("GET", f"/v1/jobs/{job_id}")

    def close(self) -> None:
        """Give back the connection."""
        self._http.close()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        for _ in range(_TRIES):
            answer = self._http.request(method, path, json=body)
            if answer.status_code not in _AGAIN:
                break
            time.sleep(min(10.0, float(answer.headers.get("retry-after", 1))))
        document: dict[str, Any] = answer.json()
        if answer.is_error:
            raise Refused(document)
        return document


def promote(  # noqa: PLR0917 - each is a named option of the command
    service: Url,
    model: Annotated[str, typer.Option(help="Model as the service's machines load it.")],
    key: Key,
    gate: Annotated[Path | None, typer.Option(help="Report of `brandwarden-train gate`.")] = None,
    shadow_minutes: Annotated[float, typer.Option(help="Judge live listings in shadow for so long.", min=0)] = 0.0,
    share: Annotated[float | None, typer.Option(help="Share of the listings to judge in shadow.", min=0, max=1)] = None,
    reason: Annotated[str | None, typer.Option(help="Why, where no gate was passed; kept in the history.")] = None,
    flip: Annotated[bool, typer.Option(help="Let it serve at the end, or stop once the shadow is read.")] = True,
) -> None:
    """Embed a model beside the one that serves, judge in shadow, and let it serve."""
    report = None if gate is None else json.loads(gate.read_text(encoding="utf-8"))
    with _asked(service, key) as client:
        run_promotion(
            client, model, report, minutes=shadow_minutes, share=share, reason=reason, flip=flip, say=typer.echo
        )


def rollback(
    service: Url,
    key: Key,
    reason: Annotated[str | None, typer.Option(help="Why; kept in the history.")] = None,
) -> None:
    """Let the model serve again that served before."""
    with _asked(service, key) as client:
        left = client.active()
        back = client.step(left["id"], "rollback", reason=reason)
        typer.echo(f"{back['model']} ({back['id']}) serves again, {left['model']} ({left['id']}) no longer.")


@contextmanager
def _asked(url: str, key: str) -> Iterator[Service]:
    """A service for one command; what it refuses, or that it cannot be reached, ends the command with 1."""
    client = Service(url, key)
    try:
        yield client
    except (Refused, httpx.HTTPError) as error:
        typer.echo(f"brandwarden-train: {error}", err=True)
        raise typer.Exit(1) from error
    finally:
        client.close()


def run_promotion(
    client: Service,
    model: str,
    gate: dict[str, Any] | None,
    *,
    minutes: float,
    share: float | None,
    reason: str | None,
    flip: bool,
    say: Callable[[str], object],
) -> dict[str, Any]:
    """The whole way; the space as it is at the end. A space of this model that is ready already is gone on with."""
    space = _prepared(client, model, say)
    if gate is not None or minutes > 0:
        space = client.step(space["id"], "shadow", gate=gate, share=share)
        _watch(client, space["id"], minutes)
        say(shadow_told(client.space(space["id"])["shadow"]))
    if not flip:
        say(f"{space['model']} ({space['id']}) is {space['status']} and does not serve yet.")
        return space
    space = client.step(space["id"], "promote", reason=reason)
    say(f"{space['model']} ({space['id']}) serves; `brandwarden-train rollback` returns to {space['previous']}.")
    return space


def _prepared(client: Service, model: str, say: Callable[[str], object]) -> dict[str, Any]:
    """The model's space, once it is ready."""
    known = [space for space in client.spaces() if space["model"] == model]
    tried = next((space for space in known if space["status"] in ("preparing", "ready", "shadow")), None)
    begun = {"space_id": tried["id"], "job_id": tried["job_id"]} if tried else client.begin(model)
    if tried is None or tried["status"] == "preparing":
        job = _wait(client, begun["job_id"])
        if job["state"] != "succeeded":
            raise Refused(job["problem"] or {"detail": f"The job {job['id']} was {job['state']}."})
        say(f"{job['done']} references embedded, {job['error_count']} could not be.")
    return client.space(begun["space_id"])


def _wait(client: Service, job_id: str) -> dict[str, Any]:
    with showing("references") as progress:
        while True:
            job = client.job(job_id)
            progress(job["done"], job["total"] or 0)
            if job["state"] not in ("queued", "running"):
                return job
            time.sleep(POLL_SECONDS)


def _watch(client: Service, space_id: str, minutes: float) -> None:
    until, seconds = time.monotonic() + 60 * minutes, max(1, round(60 * minutes))
    with showing("seconds in shadow") as progress:
        while (left := until - time.monotonic()) > 0:
            progress(round(seconds - left), seconds)
            time.sleep(min(POLL_SECONDS, left))
            client.space(space_id)


def shadow_told(figures: dict[str, Any] | None) -> str:
    """What a shadow found, for people."""
    if figures is None or not figures["listings"]:
        return "In shadow no listing came by: nothing is known of live traffic."
    judged = f"{figures['listings']} listings ({figures['shed']} shed, {figures['failed']} failed)"
    cost = f"{figures['candidate_ms']:.1f} ms a picture instead of {figures['current_ms']:.1f}"
    lines = [f"In shadow it judged {judged}: {figures['agreement']:.1%} of the decisions agree; it searches {cost}."]
    lines += [f"  {one['from']} -> {one['to']}: {one['listings']} listings" for one in figures["changes"]]
    lines += [
        f"  {one['brand']}: {one['both']} matches of both, {one['only_current']} lost, {one['only_candidate']} new"
        for one in figures["brands"][:20]
        if one["only_current"] or one["only_candidate"]
    ]
    lines += [f"  look at {one['marketplace']}/{one['listing_id']}" for one in figures["examples"][:5]]
    return "\n".join(lines)
