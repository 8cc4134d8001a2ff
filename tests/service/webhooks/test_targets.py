"""What deliveries reach, at every attempt: never an inner address, whatever a name said before."""

from __future__ import annotations

import dataclasses
import socket

import pytest

from service.addresses import AllowList
from service.errors import Invalid
from service.guarding import Guard
from service.webhooks.targets import Targets
from tests.service.webhooks.conftest import until

PUBLIC = "93.184.215.14"


@pytest.fixture
def targets():
    """Targets with an allow-list and a resolver of one's own."""
    opened = []

    def targets(*answers: list[str], allow: tuple[str, ...] = (), timeout: float = 5.0) -> Targets:
        left = list(answers)

        def resolver(_host, _port):
            if not left:
                raise socket.gaierror("unknown")
            return left.pop(0) if len(left) > 1 else left[0]

        made = Targets(Guard(AllowList.parse(allow), resolver=resolver), timeout=timeout)
        opened.append(made)
        return made

    yield targets
    for made in opened:
        made.close()


def test_a_name_that_turns_inside_after_it_was_taken_is_not_followed(targets, receiver):
    rebinding = targets([PUBLIC], ["127.0.0.1"])
    assert rebinding.check("https://hooks.example/in") == "https://hooks.example/in"
    answer = rebinding.post("https://hooks.example/in", {}, b"{}")
    assert answer.status is None
    assert "private" in answer.error
    assert receiver.requests == []


@pytest.mark.parametrize("inner", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_a_name_that_leads_inside_is_refused_when_it_is_made(targets, inner):
    for answers in ([inner], [PUBLIC, inner]):
        with pytest.raises(Invalid, match="private"):
            targets(answers).check("https://hooks.example/")


def test_a_name_that_is_not_known_yet_is_taken(targets):
    assert targets().check("https://later.example/hook") == "https://later.example/hook"
    assert targets().post("https://later.example/hook", {}, b"{}").error == "The host of the URL is not known."


def test_plain_http_goes_to_allowed_hosts_alone_even_after_they_were(targets, receiver):
    host = f"127.0.0.1:{receiver.server_address[1]}"
    allowing = targets(["127.0.0.1"], allow=(host,))
    assert allowing.post(allowing.check(receiver.url), {}, b"{}").status == 204
    assert targets(["127.0.0.1"]).post(receiver.url, {}, b"{}").status is None
    with pytest.raises(Invalid, match="https"):
        targets([PUBLIC]).check("http://hooks.example/")


def test_an_answer_that_never_comes_ends_in_time(targets, receiver):
    receiver.answer = lambda _request: 200 if receiver.released.wait(8) else 500
    answer = targets(["127.0.0.1"], allow=("127.0.0.0/8",), timeout=0.3).post(receiver.url, {}, b"{}")
    assert answer.error == "no answer within 0.3 s"
    receiver.released.set()


def test_nobody_listening_is_said(targets):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answer = targets(["127.0.0.1"], allow=("127.0.0.1",)).post(f"http://127.0.0.1:{port}/", {}, b"{}")
    assert answer.error == "the connection failed (ConnectError)"


def test_no_delivery_leaves_when_the_allow_list_shrinks(make, allowing, receiver, tell):
    hook, _secret = make().create(receiver.url, ["listing.decided"])
    strict = make(settings=dataclasses.replace(allowing, fetch_allow=()))
    strict.start()
    tell(strict)
    (delivery,) = until(lambda: [one for one in strict.deliveries(hook.id).items if one.last_error])
    assert delivery.response_status is None
    assert receiver.requests == []
