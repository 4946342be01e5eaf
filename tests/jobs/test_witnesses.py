"""Witnesses over a real socket: the server, sending checkpoints to it, and what proofs say then."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from commands import Command

from emoney.jobs import schedule
from emoney.jobs.cosigning import Address, cosign
from emoney.jobs.installation import Emoney
from emoney.jobs.settings import Settings
from emoney.jobs.witness_server import WitnessServer
from emoney.ledger import Database
from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.errors import ConfigurationError, InvalidInput
from emoney.ledger.proofs import SigningKey, Witness, checkpoints, cosigned, seal, signing_key
from emoney.ledger.proofs.errors import NotSealed
from emoney.ledger.proofs.verifying import open_checkpoint
from emoney.ledger.proofs.witnesses import BODY_BYTES_MAX

ORIGIN = "wallet.example/ledger"
RUN = "from emoney.jobs.cli import main; main()"


@contextmanager
def served(witness: Witness, **bounds: float) -> Iterator[str]:
    """The witness's URL while it is served."""
    with WitnessServer(witness, "127.0.0.1", 0, **bounds) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def key(database: Database, home: Path) -> SigningKey:
    with database.connection() as connection:
        return signing_key(connection, home, ORIGIN)


@pytest.fixture
def witness(key: SigningKey, tmp_path: Path) -> Witness:
    return Witness.open(tmp_path / "witness", [key.public], name="witness.example")


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    with served(witness) as at:
        yield at


def more(database: Database, owner_url: str, key: SigningKey) -> int:
    """Seal a log that grew by some leaves; its size."""
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "INSERT INTO ledger.event (id, kind, subject, payload, recorded_at)"
            " SELECT gen_random_uuid(), 'test.more', gen_random_uuid(), '{}', now()"
            " FROM generate_series(1, 300)"
        )
    return seal(database, key, clock=system_clock).size


def newest(database: Database) -> checkpoints.Stored:
    with database.connection() as connection:
        found = checkpoints.latest(connection)
    assert found is not None
    return found


def ask(
    url: str, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()
    finally:
        connection.close()


def test_a_log_that_grows_is_cosigned_as_it_grows(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, url: str
) -> None:
    with pytest.raises(NotSealed):
        cosign(database, [Address(url)])
    for _ in range(3):
        size = more(database, owner_url, key)
        for _ in range(2):  # a second time changes nothing
            (done,) = cosign(database, [Address(url, witness.public)])
            assert (done.size, done.witness, done.failure) == (size, "witness.example", None)
        stored = newest(database)
        assert open_checkpoint(stored.cosigned, key.public, [witness.public], 1).size == size
        assert set(cosigned(stored.cosigned, [witness.public])) == {"witness.example"}
        assert witness.last(ORIGIN).size == size
    with psycopg.connect(owner_url) as owner:
        assert owner.execute("SELECT count(*) FROM ledger.cosignature").fetchone() == (3,)


def test_a_witness_that_cosigned_before_tells_from_where_to_go_on(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, url: str
) -> None:
    more(database, owner_url, key)
    cosign(database, [Address(url)])
    size = more(database, owner_url, key)
    with psycopg.connect(owner_url) as owner:  # the log forgets who cosigned it
        owner.execute("ALTER TABLE ledger.cosignature DISABLE TRIGGER append_only")
        owner.execute("DELETE FROM ledger.cosignature")
    (done,) = cosign(database, [Address(url)])
    assert (done.size, done.failure) == (size, None)


def test_rewritten_history_signed_again_is_told_by_the_witness(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, url: str
) -> None:
    more(database, owner_url, key)
    cosign(database, [Address(url)])
    first = newest(database)
    more(database, owner_url, key)
    with psycopg.connect(owner_url) as owner:
        for table in ("leaf_block", "tree_node", "checkpoint", "cosignature"):
            owner.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER append_only")
        owner.execute("DELETE FROM ledger.cosignature")
        owner.execute("DELETE FROM ledger.checkpoint")
        owner.execute("DELETE FROM ledger.leaf_block")
        owner.execute("DELETE FROM ledger.tree_node")
        owner.execute("ALTER TABLE ledger.event DISABLE TRIGGER ALL")
        owner.execute("UPDATE ledger.event SET payload = '{\"another\": 1}'")
    seal(database, key, clock=system_clock)  # whoever has the signing key can do this
    (done,) = cosign(database, [Address(url)])
    assert done.failure is not None
    assert "history was rewritten, or forked" in done.failure
    assert newest(database).cosignatures == ""
    assert witness.last(ORIGIN).size == first.size


def test_a_log_that_was_cut_off_is_told(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, url: str
) -> None:
    more(database, owner_url, key)
    size = more(database, owner_url, key)
    cosign(database, [Address(url)])
    with psycopg.connect(owner_url) as owner:
        for table in ("checkpoint", "cosignature"):
            owner.execute(f"ALTER TABLE ledger.{table} DISABLE TRIGGER append_only")
        owner.execute("DELETE FROM ledger.cosignature")
        owner.execute("DELETE FROM ledger.checkpoint WHERE size = %s", (size,))
    (done,) = cosign(database, [Address(url)])
    assert f"It cosigned a log of {size} leaves" in str(done.failure)


def test_one_witness_that_fails_holds_up_no_other(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, url: str, tmp_path: Path
) -> None:
    size = more(database, owner_url, key)
    stranger = Witness.open(tmp_path / "stranger", [SigningKey("other.example", bytes(32)).public])
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with served(stranger) as other:
            found = cosign(
                database,
                [
                    Address(nobody),
                    Address(other),
                    Address(url, stranger.public),
                    Address(f"{url}/no"),
                    Address(url),
                ],
            )
    assert [each.size for each in found] == [size] * 5
    assert [bool(each.failure) for each in found] == [True, True, True, True, False]
    assert "not reached" in str(found[0].failure)
    assert "does not know this log" in str(found[1].failure)
    assert "no cosignature of its own" in str(found[2].failure)
    assert "does not say its key" in str(found[3].failure)
    assert set(cosigned(newest(database).cosigned, [witness.public, stranger.public])) == {"witness.example"}


def test_what_a_witness_answers_is_believed_only_as_its_signature(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, tmp_path: Path
) -> None:
    more(database, owner_url, key)
    note = newest(database).note
    shutil.copytree(tmp_path / "witness" / "keys", tmp_path / "twin" / "keys")
    (tmp_path / "twin" / "logs").mkdir(mode=0o700)
    line = Witness.open(tmp_path / "twin", [key.public]).add_checkpoint(0, [], note)
    damaged = line.replace(line[-10], "A" if line[-10] != "A" else "B")
    answers = [b"", b"\xff\xfe", line.encode() * 2, damaged.encode(), line[:-1].encode(), b"x" * 100_000]
    answers.append(f"{line}\u2014 other AAAAAAAA\n".encode())

    class Liar(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[0])

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        at = Address(f"http://127.0.0.1:{server.server_port}", witness.public)
        while answers:
            (done,) = cosign(database, [at])
            assert done.failure, answers[0]
            answers.pop(0)
        server.shutdown()
        thread.join()
    assert newest(database).cosignatures == ""


def test_the_application_can_only_add_what_has_the_form_of_a_cosignature(
    database: Database, owner_url: str, key: SigningKey
) -> None:
    size = more(database, owner_url, key)
    payload = "A" * 101 + "Q=="
    insert = "INSERT INTO ledger.cosignature (size, witness, line, at) VALUES (%s, %s, %s, now())"
    for witness, line in (
        ("w", "x"),
        ("w", f"\u2014 other {payload}\n"),
        ("w", f"\u2014 w {payload}"),
        ("w", f"\u2014 w {payload}\n\n"),
        ("w", f"\u2014 w {'A' * 102}R==\n"),
        ("w x", f"\u2014 w x {payload}\n"),
        ("w\n", f"\u2014 w\n {payload}\n"),
    ):
        with pytest.raises(psycopg.errors.CheckViolation), database.connection() as connection:
            connection.execute(insert, (size, witness, line))
    with database.connection() as connection:
        connection.execute(insert, (size, "w", f"\u2014 w {payload}\n"))
    for change in ("UPDATE ledger.cosignature SET at = now()", "DELETE FROM ledger.cosignature"):
        with pytest.raises(psycopg.Error), database.connection() as connection:
            connection.execute(change)
        with pytest.raises(psycopg.Error), psycopg.connect(owner_url) as owner:
            owner.execute(change)
    assert open_checkpoint(newest(database).cosigned, key.public).size == size


@pytest.mark.parametrize(
    "url",
    [
        "http://witness.example",
        "ftp://127.0.0.1",
        "https://u@w.example",
        "https://w.example#f",
        "w.example",
        "",
    ],
)
def test_a_witness_is_asked_over_tls_or_on_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError, match="A witness's URL"):
        Address.parse(url)


def test_an_address_has_no_query() -> None:
    with pytest.raises(InvalidInput):
        Address.parse("https://w.example/?a=1")
    assert Address.parse(" https://w.example/log/ ").url == "https://w.example/log"


def test_the_schedule_asks_the_witnesses_that_are_set(
    owner_url: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = schedule.find("cosign")
    with Emoney.open(owner_url, home) as emoney:
        assert not job.wanted(emoney.settings)
        with emoney.database.connection() as connection:
            key = signing_key(connection, home, ORIGIN)
        more(emoney.database, owner_url, key)
    witness = Witness.open(tmp_path / "witness", [key.public])
    with served(witness) as url:
        monkeypatch.setenv("EMONEY_PROOF_WITNESSES", f"{url} {witness.public}, {url}/no")
        with Emoney.open(owner_url, home) as emoney:
            assert job.wanted(emoney.settings)
            assert job.run(emoney, lambda *_: None) == {"cosigned": 1, "witnesses failed": 1}
            assert cosigned(newest(emoney.database).cosigned, [witness.public])
    for wrong in ("http://w.example", f"{url} no-key", f"{url}?a=1"):
        monkeypatch.setenv("EMONEY_PROOF_WITNESSES", wrong)
        with pytest.raises(ConfigurationError, match=r"proof\.witnesses"):
            Settings()


# The server


def test_the_server_answers_as_c2sp_has_it(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, url: str
) -> None:
    assert ask(url, "GET", "/") == (200, "text/plain; charset=utf-8", f"{witness.public}\n".encode())
    more(database, owner_url, key)
    note = newest(database).note.encode()
    status, kind, body = ask(url, "POST", "/add-checkpoint", b"old 0\n\n" + note)
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert cosigned((note + body).decode(), [witness.public])
    size = witness.last(ORIGIN).size
    assert ask(url, "POST", "/add-checkpoint", b"old 0\n\n" + note) == (
        409,
        "text/x.tlog.size",
        f"{size}\n".encode(),
    )
    same = f"old {size}\n".encode()
    hashed = b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    forged = SigningKey(ORIGIN, bytes(32)).sign(size, bytes(32)).encode()
    other = SigningKey("other.example", bytes(32)).sign(size, bytes(32)).encode()
    assert ask(url, "POST", "/add-checkpoint", same + b"\n" + note)[0] == 200
    assert ask(url, "POST", "/add-checkpoint", same + hashed + b"\n" + note)[0] == 422
    assert ask(url, "POST", "/add-checkpoint", same + b"\n" + key.sign(size, bytes(32)).encode())[0] == 422
    assert ask(url, "POST", "/add-checkpoint", same + b"\n" + forged)[0] == 403
    assert ask(url, "POST", "/add-checkpoint", same + b"\n" + other)[0] == 404
    assert ask(url, "POST", "/add-checkpoint", f"old {size + 1}\n\n".encode() + note)[0] == 400
    assert ask(url, "POST", "/add-checkpoint", b"what is this")[0] == 400
    assert ask(url, "POST", "/")[0] == ask(url, "GET", "/add-checkpoint")[0] == 404
    assert ask(url, "PUT", "/add-checkpoint", b"")[0] == 501
    assert witness.last(ORIGIN).size == size


def test_bodies_have_a_bound_and_a_length(url: str) -> None:
    assert ask(url, "POST", "/add-checkpoint", b"x" * (BODY_BYTES_MAX + 1))[0] == 413
    assert ask(url, "POST", "/add-checkpoint", None, **{"Content-Length": "9" * 30})[0] == 413
    for length in ("-1", "x", "\u00b2"):
        assert ask(url, "POST", "/add-checkpoint", None, **{"Content-Length": length})[0] == 411
    chunked = {"Transfer-Encoding": "chunked"}
    assert ask(url, "POST", "/add-checkpoint", b"0\r\n\r\n", **chunked)[0] == 411


def test_who_is_slow_or_hangs_up_stops_no_one(witness: Witness) -> None:
    with served(witness, exchange_s=0.3, timeout_s=5) as url:
        host, _, port = url.removeprefix("http://").rpartition(":")
        for sent in (
            b"",
            b"POST /add-checkpoint HTTP/1.1\r\n",
            b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\nold",
        ):
            with socket.create_connection((host, int(port)), timeout=20) as slow:
                slow.sendall(sent)
                assert slow.recv(100) == b""  # hung up on before the time for a single wait was over
        with socket.create_connection((host, int(port))) as gone:
            gone.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
        assert ask(url, "GET", "/")[0] == 200


def test_a_witness_that_lost_its_memory_answers_that_it_cannot(
    database: Database, owner_url: str, key: SigningKey, witness: Witness, url: str, tmp_path: Path
) -> None:
    more(database, owner_url, key)
    cosign(database, [Address(url)])
    (file,) = (tmp_path / "witness" / "logs").iterdir()
    file.write_text("")
    note = newest(database).note.encode()
    assert ask(url, "POST", "/add-checkpoint", b"old 0\n\n" + note)[0] == 500


# The command line


def test_the_command_line_from_the_key_to_the_verifier(
    command: Command, owner_url: str, tmp_path: Path
) -> None:
    assert command("proof", "seal", "--origin", ORIGIN)[0] == 0
    log_key = command("proof", "key").out.strip()
    (tmp_path / "log.key").write_text(log_key)
    home = tmp_path / "w"
    witness_key = command(
        "proof", "witness", "key", "--home", str(home), "--name", "witness.example"
    ).out.strip()
    assert witness_key.startswith("witness.example+")
    assert command("proof", "witness", "key", "--home", str(home)).out.strip() == witness_key
    serve = ("proof", "witness", "serve", "--home", str(home))
    assert command(*serve, "--log", "no key")[0] == 2
    assert command(*serve, "--log", log_key, "--listen", "nowhere")[0] == 2
    with subprocess.Popen(
        [sys.executable, "-c", RUN, *serve, "--log", str(tmp_path / "log.key"), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.fullmatch(r"witness\.example listens at (http://127\.0\.0\.1:[0-9]+)\n", line)
            assert found, line
            url = found[1]
            code, out, err = command("proof", "cosign", "--witness", url, "--witness", f"{url} {witness_key}")
            assert (code, out.count("witness.example: cosigned")) == (0, 2), err
            code, out, _ = command("proof", "cosign", "--witness", url, "--witness", f"{url}/no", "--json")
            assert (code, [bool(each["failure"]) for each in json.loads(out)]) == (1, [False, True])
            assert command("proof", "cosign", "--witness", f"{url} no-key")[0] == 2
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 128 + signal.SIGTERM
    note = command("proof", "checkpoint").out
    assert note.count("\n\u2014 ") == 2
    with psycopg.connect(owner_url) as owner:
        (source,) = owner.execute("SELECT id FROM ledger.leaf_source LIMIT 1").fetchone() or (None,)
    assert "\u2014 witness.example" in command("proof", "show", str(source)).out
    proof = tmp_path / "proof.json"
    proof.write_text(command("proof", "show", str(source), "--json").out)
    (tmp_path / "w.key").write_text(witness_key)
    verify = ("proof", "verify", str(proof), "--key", log_key)
    code, out, _ = command(*verify, "--witness", str(tmp_path / "w.key"))
    assert (code, "cosigned by witness.example at" in out) == (0, True)
    stranger = command(
        "proof", "witness", "key", "--home", str(tmp_path / "x"), "--name", "x.example"
    ).out.strip()
    both = ("--witness", witness_key, "--witness", stranger)
    assert command(*verify, *both, "--quorum", "1")[0] == 0
    code, out, err = command(*verify, *both)
    assert (code, out) == (1, "")
    assert "cosigned by 1 of the witnesses, and 2 are demanded" in err
    code, out, _ = command(*verify, "--witness", stranger, "--json")
    assert (code, json.loads(out)["valid"]) == (1, False)
    assert command(*verify, "--witness", witness_key, "--quorum", "2")[0] == 2
    assert command(*verify, "--quorum", "1")[0] == 2
    assert command("proof", "verify", "--witness", witness_key)[0] == 2
    assert command("proof", "verify")[0] == 0  # the database, cosignatures and all
