"""Signed acts: what two officers agree on carries their signatures, and nobody else's."""

import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from officer_logins import ACTION, PASSWORD, WHY, Hired, approve, as_officer, ask, now
from psycopg.types.json import Jsonb

from emoney.ledger import officers, two_persons
from emoney.ledger.base.errors import ConfigurationError, InvalidRequest, OfficerRefused
from emoney.ledger.officers import KeyFile, Officer, signing_with
from emoney.ledger.two_persons import WrongSignature


class Two:
    """An officer who asks and one who decides, with a key each."""

    def __init__(self, url: str, maker: Officer, checker: Officer) -> None:
        self.url, self.maker, self.checker = url, maker, checker
        self.keys = {each.name: KeyFile(Ed25519PrivateKey.generate()) for each in (maker, checker)}
        for each in (maker, checker):
            with as_officer(url, each) as connection:
                officers.register_key(connection, self.keys[each.name].public_key, reason="my key")

    def asked(self) -> UUID:
        with signing_with(self.keys[self.maker.name]), as_officer(self.url, self.maker) as connection:
            return ask(connection, self.maker.name)


@pytest.fixture
def two(owner_url: str, hired: Hired) -> Two:
    return Two(owner_url, hired("ama", "maker"), hired("kofi", "checker"))


def test_both_sign_and_an_auditor_checks_it_with_nothing_of_ours(two: Two) -> None:
    request = two.asked()
    with signing_with(two.keys[two.checker.name]), as_officer(two.url, two.checker) as connection:
        approve(connection, request, two.checker.name)
        done = two_persons.agreed(connection, request, ACTION, at=now())
        keys = {each.name: each.key for each in officers.listed(connection)}
    with psycopg.connect(two.url) as owner:
        row = owner.execute(
            "SELECT r.id::text, r.action, r.subject::text, r.details, r.actor, r.reason, r.requested_at,"
            " r.expires_at, r.signature, d.outcome, d.actor, d.reason, d.decided_at, d.signature"
            " FROM ledger.request AS r JOIN ledger.request_decision AS d ON d.request_id = r.id"
        ).fetchone()
    assert row is not None

    def line(kind: str, **said: object) -> bytes:
        return f"emoney {kind} v1\n{json.dumps(said, sort_keys=True, separators=(',', ':'))}".encode()

    def time(at: object) -> str:
        return at.astimezone(now().tzinfo).isoformat(timespec="microseconds")  # type: ignore[attr-defined]

    asked = line(
        "request",
        id=row[0],
        action=row[1],
        about=row[2],
        details=row[3],
        actor=row[4],
        reason=row[5],
        requested_at=time(row[6]),
        expires_at=time(row[7]),
    )
    decided = line(
        "decision",
        request=sha256(asked).hexdigest(),
        outcome=row[9],
        actor=row[10],
        reason=row[11],
        decided_at=time(row[12]),
    )
    for officer, signature, message in ((row[4], row[8], asked), (row[10], row[13], decided)):
        key = keys[officer]
        assert key is not None
        Ed25519PublicKey.from_public_bytes(b64decode(key)).verify(signature, message)
    assert done.decided_by == two.checker.name


def test_whoever_has_a_key_signs(two: Two) -> None:
    request = two.asked()
    with as_officer(two.url, two.checker) as connection:
        with pytest.raises(OfficerRefused, match="signs what takes two persons"):
            approve(connection, request, two.checker.name)
        with pytest.raises(OfficerRefused, match="signs what takes two persons"):
            ask(connection, two.checker.name)


def test_a_signature_with_another_key_decides_nothing(two: Two) -> None:
    request = two.asked()
    other = KeyFile(Ed25519PrivateKey.generate())
    for signer in (other, two.keys[two.maker.name]):
        with signing_with(signer), as_officer(two.url, two.checker) as connection:
            for act in (
                lambda: approve(connection, request, two.checker.name),
                lambda: ask(connection, two.checker.name),
            ):
                with pytest.raises(WrongSignature):
                    act()
    with psycopg.connect(two.url) as owner:
        assert owner.execute("SELECT count(*) FROM ledger.request_decision").fetchone() == (0,)
        assert owner.execute("SELECT count(*) FROM ledger.request").fetchone() == (1,)


@pytest.mark.parametrize("lent", [False, True])
def test_what_sql_wrote_beside_a_decision_is_not_carried_out(two: Two, lent: bool) -> None:
    """A login without its key: with noise for a signature, or that of another decision."""
    request = two.asked()
    signature = bytes(64)
    if lent:
        other = two.asked()
        with signing_with(two.keys[two.checker.name]), as_officer(two.url, two.checker) as connection:
            approve(connection, other, two.checker.name)
        with psycopg.connect(two.url) as owner:
            row = owner.execute("SELECT signature FROM ledger.request_decision").fetchone()
            assert row is not None
            signature = row[0]
    with as_officer(two.url, two.checker) as connection:
        connection.execute(
            "INSERT INTO ledger.request_decision (request_id, action, subject, asked_by, requested_at,"
            " expires_at, kept, outcome, actor, reason, decided_at, signature)"
            " SELECT id, action, subject, actor, requested_at, expires_at, kept, 'approved', %s, 'x',"
            " clock_timestamp(), %s FROM ledger.request WHERE id = %s",
            (two.checker.name, signature, request),
        )
        with pytest.raises(WrongSignature):
            two_persons.agreed(connection, request, ACTION, at=now())


def test_a_request_that_was_not_signed_by_its_officer_is_not_approved(two: Two) -> None:
    with as_officer(two.url, two.maker) as connection:
        connection.execute(
            "INSERT INTO ledger.request (id, action, subject, details, actor, reason, requested_at,"
            " expires_at, signature) VALUES (%s, %s, %s, %s, %s, 'x', now(), now() + interval '1 day', %s)",
            (request := uuid4(), ACTION, uuid4(), Jsonb({}), two.maker.name, bytes(64)),
        )
    with signing_with(two.keys[two.checker.name]), as_officer(two.url, two.checker) as connection:
        with pytest.raises(WrongSignature):
            approve(connection, request, two.checker.name)
        assert two_persons.find(connection, request, [ACTION]).outcome is None


def test_a_key_that_was_replaced_signs_nothing_new_and_proves_what_it_signed(two: Two) -> None:
    before, old = two.asked(), two.keys[two.maker.name]
    with (
        as_officer(two.url, two.maker) as connection,
        pytest.raises(OfficerRefused, match="the owner of the database registers another"),
    ):
        officers.register_key(connection, bytes(32), reason="a second one")
    new = KeyFile(Ed25519PrivateKey.generate())
    officers.replace_key(two.url, two.maker.name, new.public_key, **WHY)
    with signing_with(old), as_officer(two.url, two.maker) as connection, pytest.raises(WrongSignature):
        ask(connection, two.maker.name)
    two.keys[two.maker.name] = new
    after = two.asked()
    with signing_with(two.keys[two.checker.name]), as_officer(two.url, two.checker) as connection:
        for request in (before, after):
            approve(connection, request, two.checker.name)


def test_an_operator_may_demand_that_all_sign(owner_url: str, hired: Hired) -> None:
    ama = hired("ama", "maker")
    with as_officer(owner_url, ama) as connection:
        ask(connection, ama.name)
    officers.demand_signatures(owner_url, True, **WHY)
    with as_officer(owner_url, ama) as connection:
        assert officers.signatures_demanded(connection)
        with pytest.raises(OfficerRefused, match="signs"):
            ask(connection, ama.name)
    officers.demand_signatures(owner_url, False, **WHY)
    with as_officer(owner_url, ama) as connection:
        ask(connection, ama.name)


def test_a_key_file_is_its_officers_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = tmp_path / "ama.key"
    made = KeyFile.make(path, PASSWORD)
    assert KeyFile.load(path, PASSWORD).public_key == made.public_key
    with pytest.raises(ConfigurationError, match="is there already"):
        KeyFile.make(path, PASSWORD)
    with pytest.raises(InvalidRequest, match="a passphrase has"):
        KeyFile.make(tmp_path / "other.key", "short")
    for passphrase in (None, "another passphrase"):
        with pytest.raises(ConfigurationError, match="no Ed25519 key"):
            KeyFile.load(path, passphrase)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="0600"):
        KeyFile.load(path, PASSWORD)
