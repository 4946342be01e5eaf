"""The webhook sender against a receiver that answers, refuses, hangs, drops, floods and disappears."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from commands import Command
from hypothesis import given
from hypothesis import strategies as st

from emoney.jobs import schedule, webhooks
from emoney.jobs.installation import Emoney
from emoney.jobs.settings import Settings
from emoney.jobs.signatures import sign, verify
from emoney.jobs.webhooks import Policy, Webhook, deliver, redeliver
from emoney.ledger import AccountKind, Database, Ledger, NewAccount, Operation, Transfer
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import ConfigurationError, InvalidInput
from emoney.ledger.base.ids import new_id
from emoney.ledger.outbox import Consumer, ConsumerMoved, dead_letters

SECRET = b"a-secret-of-the-tests-that-is-long-enough"
NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
QUICK = Policy(
    attempts_max=4, backoff_first_s=0.001, backoff_max_s=0.01, wait_max_s=5, timeout_s=0.5, exchange_s=1.0
)


class Receiver:
    """A local HTTP server. `answer(handler, number)` deals with the request of that number, from 1."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer: Callable[[BaseHTTPRequestHandler, int], None] = lambda handler, _: ok(handler)
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((dict(self.headers), body))
                receiver.answer(self, len(receiver.requests))

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a sender that hangs up is what is being tested

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/events?tenant=7"
        self.webhook = Webhook(self.url, (SECRET,))

    def ids(self) -> list[UUID]:
        """The events received, in order."""
        return [UUID(json.loads(body)["id"]) for _, body in self.requests]

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def ok(handler: BaseHTTPRequestHandler, status: int = 200, body: bytes = b"") -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


@pytest.fixture
def sent(database: Database) -> list[UUID]:
    """A ledger with four events: their ids, in order."""
    bank, ama, kofi = new_id(), new_id(), new_id()
    with database.connection() as connection:
        accounts.open_without_limits(
            connection,
            [
                NewAccount(bank, AccountKind.SAFEGUARDING, "EUR", NOW, "bank"),
                NewAccount(ama, AccountKind.CUSTOMER, "EUR", NOW, "ama"),
                NewAccount(kofi, AccountKind.CUSTOMER, "EUR", NOW, "kofi"),
            ],
        )
    transfers = [
        Transfer(new_id(), bank, ama, 100, "EUR", Operation.LOAD, "slip"),
        Transfer(new_id(), ama, kofi, 10, "EUR", Operation.P2P),
        Transfer(new_id(), kofi, ama, 5, "EUR", Operation.P2P),
        Transfer(new_id(), ama, kofi, 500, "EUR", Operation.P2P),
    ]
    ledger = Ledger(database)
    for transfer in transfers:
        ledger.post([transfer])
    return [transfer.id for transfer in transfers]


def test_each_event_arrives_signed_and_in_order(
    database: Database, receiver: Receiver, sent: list[UUID]
) -> None:
    done = deliver(database, receiver.webhook, policy=QUICK)
    assert (done.delivered, done.dead, done.retry_at) == (4, 0, None)
    assert receiver.ids() == sent
    for headers, body in receiver.requests:
        assert verify(SECRET, headers["Emoney-Signature"], body, datetime.now(UTC))
        event = json.loads(body)
        assert headers["Emoney-Event-Id"] == event["id"]
        assert headers["Content-Type"] == "application/json"
        assert headers["Emoney-Attempt"] == "1"
    assert json.loads(receiver.requests[-1][1])["refusal"]["rule"] == "funds"
    assert deliver(database, receiver.webhook, policy=QUICK).delivered == 0
    assert len(receiver.requests) == 4


def fail_with(status: int) -> Callable[[BaseHTTPRequestHandler, int], None]:
    return lambda handler, _: ok(handler, status)


def redirect(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(307)
    handler.send_header("Location", "/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def drop(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def speak_something_else(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n")
    handler.close_connection = True


def hang(receiver: Receiver) -> Callable[[BaseHTTPRequestHandler, int], None]:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        receiver.released.wait()
        handler.close_connection = True

    return answer


def drip(receiver: Receiver) -> Callable[[BaseHTTPRequestHandler, int], None]:
    """A header that never ends, a byte at a time: no single wait is long."""

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.close_connection = True
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not receiver.released.wait(0.05):
            handler.wfile.write(b"x")

    return answer


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (fail_with(500), "answered 500"),
        (fail_with(401), "answered 401"),
        (redirect, "answered 307: redirects are not followed"),
        (drop, "dropped"),
        (speak_something_else, "not HTTP"),
    ],
)
def test_what_fails_is_tried_again_and_holds_back_the_rest(
    database: Database, receiver: Receiver, sent: list[UUID], trouble: Any, reason: str
) -> None:
    place = Consumer(database, webhooks.CONSUMER)
    place.acknowledge(place.read(1)[0])
    receiver.answer = lambda handler, number: trouble(handler, number) if number <= 2 else ok(handler)
    done = deliver(database, receiver.webhook, policy=QUICK)
    assert (done.delivered, done.dead) == (3, 0)
    second, third, fourth = sent[1:]
    assert receiver.ids() == [second, second, second, third, fourth]
    assert [headers["Emoney-Attempt"] for headers, _ in receiver.requests] == ["1", "2", "3", "1", "1"]
    with database.connection() as connection:
        assert dead_letters(connection) == []
    # and what would have been told of it
    receiver.answer = trouble
    line = webhooks.Line(receiver.webhook, QUICK, lambda: NOW)
    failure = line.send(Consumer(database, "other").read(1)[0], 1)
    line.close()
    assert failure is not None
    assert reason in failure.reason


@pytest.mark.parametrize("slow", [hang, drip])
def test_a_receiver_that_takes_for_ever_is_left(
    database: Database, receiver: Receiver, sent: list[UUID], slow: Any
) -> None:
    slowly = slow(receiver)
    receiver.answer = lambda handler, number: slowly(handler, number) if number == 1 else ok(handler)
    policy = replace(QUICK, timeout_s=0.3, exchange_s=0.6)
    assert deliver(database, receiver.webhook, policy=policy).delivered == 4
    assert receiver.ids() == [sent[0], *sent]


def test_a_flood_of_an_answer_is_not_read(database: Database, receiver: Receiver, sent: list[UUID]) -> None:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        while not receiver.released.is_set():  # ends when the sender hangs up
            handler.wfile.write(b"x" * 65_536)

    receiver.answer = answer
    assert deliver(database, receiver.webhook, policy=QUICK).delivered == 4
    assert receiver.ids() == sent


def test_a_connection_kept_too_long_is_no_failure(
    database: Database, receiver: Receiver, sent: list[UUID]
) -> None:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        ok(handler)
        handler.close_connection = True  # without saying so

    receiver.answer = answer
    assert deliver(database, receiver.webhook, policy=replace(QUICK, attempts_max=1)).delivered == 4
    assert receiver.ids() == sent


def test_an_event_that_is_refused_is_given_up_and_may_be_redelivered(
    database: Database, receiver: Receiver, sent: list[UUID]
) -> None:
    poison = str(sent[1])

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        ok(handler, 422 if receiver.requests[-1][0]["Emoney-Event-Id"] == poison else 204)

    receiver.answer = answer
    done = deliver(database, receiver.webhook, policy=replace(QUICK, refused_attempts_max=2))
    assert (done.delivered, done.dead) == (3, 1)
    assert receiver.ids() == [sent[0], sent[1], sent[1], sent[2], sent[3]]
    with database.connection() as connection:
        (letter,) = dead_letters(connection)
    assert (letter.event_id, letter.attempts, letter.reason) == (sent[1], 2, "answered 422")
    failure = redeliver(database, receiver.webhook, letter.id, policy=QUICK)
    assert failure is not None
    receiver.answer = lambda handler, _: ok(handler)
    assert redeliver(database, receiver.webhook, letter.id, policy=QUICK) is None
    assert receiver.requests[-1][1] == receiver.requests[1][1]  # the same event, byte for byte
    with database.connection() as connection:
        assert dead_letters(connection) == []
        assert [each.id for each in dead_letters(connection, redelivered=True)] == [letter.id]
    with pytest.raises(InvalidInput, match="no dead letter"):
        redeliver(database, receiver.webhook, new_id(), policy=QUICK)


def test_attempts_are_counted_across_runs_and_time_is_waited_for(
    database: Database, receiver: Receiver, sent: list[UUID]
) -> None:
    """A receiver that is down: each run ends at once, and does nothing before the next attempt is due."""
    now = NOW
    policy = replace(QUICK, attempts_max=3, backoff_first_s=60, backoff_max_s=90, wait_max_s=1)
    receiver.answer = fail_with(503)

    def run() -> webhooks.Sent:
        return deliver(database, receiver.webhook, policy=policy, clock=lambda: now)

    first = run()
    assert first.retry_at is not None
    assert timedelta(seconds=30) <= first.retry_at - now <= timedelta(seconds=60)
    assert run() == first
    assert len(receiver.requests) == 1
    now = first.retry_at
    second = run()
    assert second.retry_at is not None
    assert timedelta(seconds=45) <= second.retry_at - now <= timedelta(seconds=90)
    now = second.retry_at
    third = run()
    assert (third.dead, len(receiver.requests)) == (1, 4)  # given up, and the next event has failed once
    assert receiver.ids() == [sent[0]] * 3 + [sent[1]]


def test_nobody_listening(database: Database, sent: list[UUID]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    webhook = Webhook(f"http://127.0.0.1:{port}/", (SECRET,))
    done = deliver(database, webhook, policy=replace(QUICK, backoff_first_s=60, backoff_max_s=60))
    assert (done.delivered, done.dead) == (0, 0)
    assert done.retry_at is not None
    failing = Consumer(database, webhooks.CONSUMER).failing
    assert failing is not None
    assert failing.reason == "could not connect or stay connected (ConnectionRefusedError)"


SENDER = """
import os, sys
from emoney.jobs.settings import Settings
from emoney.jobs.webhooks import deliver
from emoney.ledger import Database
deliver(Database(sys.argv[1]), Settings().webhook.target(sys.argv[2]))
"""


def test_a_sender_killed_before_it_acknowledges_delivers_again(
    database: Database, owner_url: str, receiver: Receiver, sent: list[UUID]
) -> None:
    environment = os.environ | {"EMONEY_WEBHOOK_SECRET": SECRET.decode()}
    process: list[subprocess.Popen[bytes]] = []
    started = threading.Event()

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number == 2:
            started.wait()
            process[0].send_signal(signal.SIGKILL)
            process[0].wait()
        ok(handler)

    receiver.answer = answer
    with subprocess.Popen([sys.executable, "-c", SENDER, owner_url, receiver.url], env=environment) as child:
        process.append(child)
        started.set()
        assert child.wait(timeout=240) == -signal.SIGKILL
    assert receiver.ids() == sent[:2]
    for _ in range(1_200):  # until the server has seen that the sender is gone
        try:
            deliver(database, receiver.webhook, policy=QUICK)
            break
        except ConsumerMoved:
            threading.Event().wait(0.1)
    assert receiver.ids() == [sent[0], sent[1], *sent[1:]]


def test_one_sender_at_a_time(database: Database, receiver: Receiver, sent: list[UUID]) -> None:
    refused: list[ConsumerMoved] = []

    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number == 1:
            try:
                deliver(database, receiver.webhook, policy=QUICK)
            except ConsumerMoved as error:
                refused.append(error)
        ok(handler)

    receiver.answer = answer
    assert (
        deliver(database, receiver.webhook, policy=replace(QUICK, timeout_s=10, exchange_s=20)).delivered == 4
    )
    assert len(refused) == 1
    assert receiver.ids() == sent


# Configuration


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/events",
        "ftp://example.org/",
        "https://user:password@example.org/",
        "https:///events",
        "https://example.org/#part",
        "https://example.org/a b",
        "https://example.org:99999/",
        "http://127.0.0.1.example.org/",
        "http://[::1/",
        "https://exämple.org/",
        "",
    ],
)
def test_unsafe_urls_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Webhook(url, (SECRET,))
    assert "password" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://localhost:1/", "http://127.9.9.9/", "http://[::1]:8/"]
)
def test_https_or_this_machine(url: str) -> None:
    assert SECRET.decode() not in repr(Webhook(url, (SECRET,)))


@pytest.mark.parametrize("secrets", [(), (b"short",), (SECRET, b"short"), (SECRET, SECRET, SECRET)])
def test_weak_or_missing_secrets_are_refused(secrets: tuple[bytes, ...]) -> None:
    with pytest.raises(ConfigurationError, match="secret"):
        Webhook("https://example.org/", secrets)


def test_the_secret_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMONEY_WEBHOOK_URL", "https://example.org/")
    monkeypatch.delenv("EMONEY_WEBHOOK_SECRET", raising=False)
    place = tmp_path / "secret"
    monkeypatch.setenv("EMONEY_WEBHOOK_SECRET_FILE", str(place))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Settings().webhook.target()
    place.write_bytes(SECRET + b"\n" + SECRET[::-1] + b"\n")
    assert Settings().webhook.target().secrets == (SECRET, SECRET[::-1])
    monkeypatch.setenv("EMONEY_WEBHOOK_SECRET", SECRET.decode())
    assert Settings().webhook.target("https://example.net/").secrets == (SECRET,)
    monkeypatch.delenv("EMONEY_WEBHOOK_URL")
    with pytest.raises(ConfigurationError, match="No webhook"):
        Settings().webhook.target()


def test_waits_double_up_to_the_longest_and_differ() -> None:
    policy = Policy()
    waits = [policy.wait(attempts, random.Random(attempts)).total_seconds() for attempts in range(1, 17)]
    for number, wait in enumerate(waits):
        longest = min(3600, 2**number)
        assert longest / 2 <= wait <= longest
    assert policy.wait(10_000, random.Random(1)).total_seconds() <= 3600
    assert len({policy.wait(5, random.Random(seed)) for seed in range(20)}) == 20


# Signatures


def test_a_golden_signature() -> None:
    """`printf '1773144000.{}' | openssl dgst -sha256 -hmac SECRET` says the same."""
    assert sign([SECRET], b"{}", NOW) == f"t=1773144000,v1={GOLDEN}"


GOLDEN = "a1e3873a399e4d77e33b5f62cacec5bd68f1b0e6a49b7893642e4f0ec27d1d97"


@given(st.binary(max_size=50), st.binary(max_size=50), st.integers(-600, 600))
def test_a_signature_holds_for_its_bytes_its_secret_and_its_time(body: bytes, other: bytes, age: int) -> None:
    header = sign([SECRET], body, NOW)
    assert verify(SECRET, header, body, NOW + timedelta(seconds=age)) is (abs(age) <= 300)
    assert verify(SECRET, header, other, NOW) is (body == other)
    assert not verify(SECRET[::-1], header, body, NOW)


def test_both_secrets_hold_while_one_replaces_the_other() -> None:
    header = sign([SECRET, SECRET[::-1]], b"body", NOW)
    assert verify(SECRET, header, b"body", NOW)
    assert verify(SECRET[::-1], header, b"body", NOW)


@pytest.mark.parametrize(
    "header",
    ["", "t=1", "v1=00", "t=1773144000,v1=", "t=x,v1=00", "t=1,t=1773144000,v1=00", "t=²,v1=00", "," * 2000],
)
def test_nonsense_is_no_signature(header: str) -> None:
    assert not verify(SECRET, header, b"", NOW)


# The command line and the schedule


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, home: Path, owner_url: str, receiver: Receiver) -> None:
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    monkeypatch.setenv("EMONEY_WEBHOOK_URL", receiver.url)
    monkeypatch.setenv("EMONEY_WEBHOOK_SECRET", SECRET.decode())


@pytest.fixture
def events(configured: None, command: Command) -> Command:
    """Runs `emoney events …`."""
    return lambda *arguments: command("events", *arguments)


def test_the_command_line(receiver: Receiver, sent: list[UUID], events: Command) -> None:
    followed = events("follow", "--consumer", "script", "--json", "--limit", "3")
    assert [UUID(json.loads(line)["id"]) for line in followed.out.splitlines()] == sent[:3]
    followed = events("follow", "--consumer", "script", "--once")
    assert "transfer.refused p2p 5.00 EUR ama -> kofi (funds)" in followed.out
    assert events("follow", "--consumer", "script", "--once").out == ""

    receiver.answer = lambda handler, number: ok(handler, 422 if number <= 3 else 200)
    done = events("send", "--json")
    assert done.code == 1
    assert json.loads(done.out) == {"delivered": 3, "dead_letters": 1, "retry_at": None}
    (letter,) = json.loads(events("dead-letters", "--json").out)
    assert letter["event"] == str(sent[0])
    assert events("redeliver", letter["id"]).code == 0
    assert json.loads(events("dead-letters", "--json").out) == []
    assert receiver.ids()[-1] == sent[0]
    states = json.loads(events("consumers", "--json").out)
    assert [(each["name"], each["failing"], each["attempts"]) for each in states] == [
        ("script", None, 0),
        ("webhook", None, 0),
    ]
    assert "script" in events("consumers").out
    refused = events("send", "--url", "http://example.org/")
    assert (refused.code, "must be https" in refused.err) == (1, True)
    assert SECRET.decode() not in done.out + done.err + refused.err


@pytest.mark.usefixtures("configured")
def test_the_schedule_delivers_if_a_webhook_is_configured(
    receiver: Receiver, sent: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = schedule.find("deliver")
    with Emoney.open() as emoney:
        assert job.wanted(emoney.settings)
        assert job.run(emoney, lambda *_: None) == {"delivered": 4, "dead letters": 0, "waiting": 0}
    assert receiver.ids() == sent
    monkeypatch.delenv("EMONEY_WEBHOOK_URL")
    assert not job.wanted(Settings())
