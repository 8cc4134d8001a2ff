"""The fetcher against real servers on loopback, some of them hostile."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from service.errors import FetchFailed
from service.fetching import Fetcher

BODY = b"bytes of a picture" * 100


class Handler(BaseHTTPRequestHandler):
    """Answers by path; remembers the headers it got."""

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        path, _, argument = self.path.partition("?")
        getattr(self, path.strip("/").replace("-", "_"), self.fine)(argument)

    def fine(self, _argument):
        self.answer(200, {"Content-Length": str(len(BODY)), "Set-Cookie": "a=b; Path=/"}, BODY)

    def to(self, target):
        self.answer(302, {"Location": target, "Content-Length": "0"})

    def gone(self, _argument):
        self.answer(404, {"Content-Length": "0"})

    def endless(self, _argument):
        self.answer(200, {})
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def large(self, _argument):
        self.answer(200, {"Content-Length": "1000000000"})

    def packed(self, _argument):
        self.answer(200, {"Content-Encoding": "gzip", "Content-Length": "2"}, b"xx")

    def short(self, _argument):
        self.answer(200, {"Content-Length": "100"}, b"less")

    def silent(self, _argument):
        self.server.released.wait(30)

    def trickle(self, _argument):
        self.answer(200, {"Content-Length": "1000"})
        try:
            while not self.server.released.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


class Server(ThreadingHTTPServer):
    """On a free loopback port."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.released = threading.Event()
        self.port = self.server_address[1]

    def handle_error(self, *_arguments):
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    opened = Server()
    thread = threading.Thread(target=opened.serve_forever, args=(0.01,))
    thread.start()
    yield opened
    opened.released.set()
    opened.shutdown()
    thread.join()
    opened.server_close()


@pytest.fixture
def fetch(settings):
    """Fetch with an allow-list and, if wanted, another resolver."""
    opened = []

    def fetch(url, *, allow=(), resolver=None, max_bytes=10_000, timeout=5.0):
        changed = dataclasses.replace(settings, fetch_allow=tuple(allow), fetch_timeout=timeout)
        fetcher = Fetcher(changed) if resolver is None else Fetcher(changed, resolver=resolver)
        opened.append(fetcher)
        return fetcher.fetch(url, max_bytes=max_bytes)

    yield fetch
    for fetcher in opened:
        fetcher.close()


LOOPBACK = ("127.0.0.1",)


def test_an_allowed_host_is_fetched(fetch, server):
    assert fetch(f"http://127.0.0.1:{server.port}/a.jpg", allow=LOOPBACK) == BODY
    assert fetch(f"http://localhost:{server.port}/a.jpg", allow=("localhost",), resolver=lambda h, p: LOOPBACK) == BODY


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "127.0.0.1.",
    ],
)
def test_loopback_in_any_spelling_is_refused(fetch, server, host):
    with pytest.raises(FetchFailed):
        fetch(f"http://{host}:{server.port}/a.jpg")
    with pytest.raises(FetchFailed):
        fetch(f"http://{host}/a.jpg")
    assert server.seen == []


@pytest.mark.parametrize(
    "host",
    ["10.0.0.1", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "198.18.0.1", "0.0.0.0", "224.0.0.1",
     "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "[fd00:ec2::254]", "[fe80::1]", "[::127.0.0.1]", "[::ffff:0:7f00:1]"],
)  # fmt: skip
def test_private_and_metadata_addresses_are_refused(fetch, host):
    with pytest.raises(FetchFailed, match="private or reserved") as refused:
        fetch(f"http://{host}/latest/meta-data/")
    assert host.strip("[]") not in refused.value.detail


@pytest.mark.parametrize(
    "url",
    ["ftp://pictures.example/a", "file:///etc/passwd", "gopher://x/", "//pictures.example/a", "pictures.example/a", "",
     "http://", "http:///a", "http://user:secret@pictures.example/a", "http://user@pictures.example/", "javascript:1",
     "data:image/png;base64,AAAA", "http://[::1", "http://a b/", "https://" + "a" * 5000, "http://x:99999/", "\x00"],
)  # fmt: skip
def test_urls_that_are_not_plain_http_are_refused(fetch, url):
    with pytest.raises(FetchFailed) as refused:
        fetch(url, resolver=lambda host, port: LOOPBACK, allow=LOOPBACK)
    assert "secret" not in refused.value.detail


def test_a_name_that_points_inside_is_refused(fetch, server):
    for answers in (["127.0.0.1"], ["1.1.1.1", "127.0.0.1"], ["169.254.169.254"], ["::1"]):
        with pytest.raises(FetchFailed, match="private or reserved"):
            fetch("http://pictures.example/a.jpg", resolver=lambda host, port, answers=answers: answers)
    assert server.seen == []


def test_dns_that_changes_its_answer_gains_nothing(fetch, server):
    """The name is looked up once: the second, hostile answer is never asked for."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    asked = []

    def resolver(host, port):
        asked.append(host)
        return next(answers)

    url = f"http://pictures.example:{server.port}/a.jpg"
    assert fetch(url, resolver=resolver, allow=("127.0.0.1",)) == BODY
    assert asked == ["pictures.example"]
    assert server.seen[0][1]["Host"] == f"pictures.example:{server.port}"


def test_a_redirect_is_vetted_anew(fetch, server):
    """The first hop is allowed by its name and port; where it sends us to is not."""
    allow = (f"pictures.example:{server.port}",)
    inside = (
        f"http://127.0.0.1:{server.port}/secret",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "file:///etc/passwd",
    )
    for target in inside:
        url = f"http://pictures.example:{server.port}/to?{target}"
        with pytest.raises(FetchFailed):
            fetch(url, allow=allow, resolver=lambda host, port: [host.strip("[]")] if host[0] in "1[:" else LOOPBACK)
    assert not [path for path, _ in server.seen if not path.startswith("/to?")]


def test_a_name_that_turns_hostile_between_redirects_is_refused(fetch, server):
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    url = f"http://pictures.example:{server.port}/to?/a.jpg"
    with pytest.raises(FetchFailed, match="private or reserved"):
        fetch(url, allow=("127.0.0.1",), resolver=lambda host, port: next(answers))


def test_redirects_are_followed_three_times(fetch, server):
    hops = "/to?" * 3 + "/a.jpg"
    assert fetch(f"http://127.0.0.1:{server.port}{hops}", allow=LOOPBACK) == BODY
    assert "Cookie" not in server.seen[-1][1]
    with pytest.raises(FetchFailed, match="more than 3"):
        fetch(f"http://127.0.0.1:{server.port}/to?{hops}", allow=LOOPBACK)


@pytest.mark.parametrize(
    ("path", "words"),
    [("/gone", "status 404"), ("/endless", "more than 10,000"), ("/large", "more than 10,000"),
     ("/packed", "compressed"), ("/short", "connection"), ("/to", "redirects")],
)  # fmt: skip
def test_answers_that_are_of_no_use(fetch, server, path, words):
    with pytest.raises(FetchFailed, match=words):
        fetch(f"http://127.0.0.1:{server.port}{path}", allow=LOOPBACK)


@pytest.mark.parametrize("path", ["/silent", "/trickle"])
def test_a_slow_server_is_given_up(fetch, server, path):
    with pytest.raises(FetchFailed, match="did not answer"):
        fetch(f"http://127.0.0.1:{server.port}{path}", allow=LOOPBACK, timeout=0.3)


def test_a_resolver_that_hangs_is_given_up(fetch):
    released = threading.Event()

    def resolver(host, port):
        released.wait(30)
        return []

    with pytest.raises(FetchFailed, match="in time"):
        fetch("http://pictures.example/", resolver=resolver, timeout=0.2)
    released.set()


@pytest.mark.parametrize("answer", [OSError("no such host"), UnicodeError("label too long"), [], ["nonsense"]])
def test_an_unknown_host_is_told(fetch, answer):
    def resolver(host, port):
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.raises(FetchFailed, match="not known"):
        fetch("http://pictures.example/", resolver=resolver)


def test_nobody_listening_is_told(fetch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(FetchFailed, match="connection"):
            fetch(f"http://127.0.0.1:{taken.getsockname()[1]}/", allow=LOOPBACK)


def test_proxies_of_the_environment_are_ignored(fetch, server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert fetch(f"http://127.0.0.1:{server.port}/a.jpg", allow=LOOPBACK) == BODY


def test_public_hosts_on_odd_ports_are_refused(fetch):
    with pytest.raises(FetchFailed, match="ports 80 and 443"):
        fetch("http://pictures.example:6379/", resolver=lambda host, port: ["1.1.1.1"])
