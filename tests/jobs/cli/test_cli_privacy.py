"""`emoney privacy rotate`, keys and their end, algorithms, indexes and purposes on the command line."""

import json

import psycopg
import pytest
from commands import Command

from emoney.jobs.installation import Emoney
from emoney.privacy import EXPORT_ROOT, KeyKind, Purpose
from emoney.privacy.vault import purposes

PERSON = {
    "external_ref": "ama",
    "currency": "GHS",
    "name": "Ama Planted-Name",
    "birth_date": "1990-04-05",
    "phone": "+233201234567",
    "id_kind": "national_id",
    "id_number": "GHA-PLANTED-1",
}


@pytest.fixture
def run(command: Command) -> Command:
    """Runs `emoney privacy ...` on an installation with one person."""
    with Emoney.open() as emoney:
        emoney.kyc.enrol(dict(PERSON))

    return lambda *arguments: command("privacy", *arguments)


@pytest.mark.parametrize(
    ("what", "kind", "keys", "fields", "tables"),
    [
        ("wraps", "rewrap", 4, 0, {"privacy.subject_key", "privacy.index_key"}),
        ("fields", "re-encrypt", 1, 5, {"privacy.subject_key", "kyc.person"}),
        (
            "indexes",
            "re-index",
            3,
            4,  # a name of three words has two spellings
            {f"kyc.person.{name}" for name in ("id_number", "tax_number", "phone", "name_birth_date")},
        ),
    ],
)
def test_rotate_says_what_it_did_and_that_nothing_is_left(
    run: Command, what: str, kind: str, keys: int, fields: int, tables: set[str]
) -> None:
    code, out, _ = run("rotate", what, "--actor", "ops-1", "--json")
    told = json.loads(out)
    assert (code, told["kind"], told["keys"], told["fields"], told["resumed"]) == (
        0,
        kind,
        keys,
        fields,
        False,
    )
    assert set(told["left"]) >= tables
    assert set(told["left"].values()) == {0}
    code, out, _ = run("rotate", what, "--actor", "ops-1")
    assert code == 0
    assert "left under old keys: 0 in" in out


def test_rotate_wants_to_know_who_and_what(run: Command) -> None:
    assert run("rotate")[0] == 2
    assert run("rotate", "everything", "--actor", "ops-1")[0] == 2
    code, _, told = run("rotate", "--actor", "a\tb")
    assert code == 1
    assert "actor" in told


def test_the_key_inventory(run: Command, owner_url: str) -> None:
    assert run("rotate", "wraps", "--actor", "ops-1")[0] == 0
    code, out, _ = run("keys", "--json")
    told = json.loads(out)
    keks = {(each["use"], each["state"]): each["wraps"] for each in told["key_encryption_keys"]}
    assert code == 0
    assert keks == {
        ("wrap subject keys", "decrypt-only"): 0,
        ("wrap subject keys", "active"): 1,
        ("wrap index keys", "decrypt-only"): 0,
        ("wrap index keys", "active"): 3,
    }
    assert told["keys"] == [
        {"kind": "index key", "state": "active", "keys": 3, "due": 0},
        {"kind": "subject key", "state": "active", "keys": 1, "due": 0},
    ]
    with psycopg.connect(owner_url) as owner:
        wrapped = owner.execute("SELECT encode(wrapped, 'hex') FROM privacy.subject_key").fetchall()
    assert not any(each[0] in out for each in wrapped)
    code, out, _ = run("keys")
    assert (code, "Key-encryption keys" in out, "subject key" in out) == (0, True, True)


def retired_kek(run: Command) -> str:
    """A key-encryption key that nothing is under any more."""
    assert run("rotate", "wraps", "--actor", "ops-1")[0] == 0
    told = json.loads(run("keys", "--json")[1])["key_encryption_keys"]
    return next(str(each["id"]) for each in told if each["state"] == "decrypt-only" and not each["wraps"])


def asked_for(run: Command, *about: str) -> str:
    """The request of dpo-1 to destroy a key."""
    ended = run("keys", "destroy", "request", *about, "--actor", "dpo-1", "--reason", "old", "--json")
    assert ended.code == 0, ended.err
    return str(json.loads(ended.out)["request"])


def test_a_key_is_destroyed_by_two_persons_in_three_steps(run: Command) -> None:
    kek = retired_kek(run)
    asked = asked_for(run, "kek", kek)
    assert f"{asked}  destroy key: kek {kek}: waits for a second person" in run("keys").out
    code, _, told = run("keys", "destroy", "execute", asked)
    assert (code, "nobody else has approved" in told) == (1, True)
    agree = ("keys", "destroy", "approve", asked, "--reason", "seen")
    for same in ("dpo-1", "DPO-1"):
        code, _, told = run(*agree, "--actor", same)
        assert (code, "second person" in told) == (1, True)
    assert run(*agree, "--actor", "\u0501po-1").code == 1
    code, out, _ = run(*agree, "--actor", "dpo-2")
    assert (code, f"kek {kek}" in out, f"keys destroy execute {asked}" in out) == (0, True, True)
    told = json.loads(run("keys", "--json").out)
    assert {each["id"]: each["state"] for each in told["key_encryption_keys"]}[kek] == "decrypt-only"
    code, out, _ = run("keys", "destroy", "execute", asked, "--json")
    assert (code, json.loads(out)) == (0, {"request": asked, "keys": 1})
    told = json.loads(run("keys", "--json").out)
    assert {each["id"]: each["state"] for each in told["key_encryption_keys"]}[kek] == "destroyed"
    assert told["requests"] == []
    assert "already" in run("keys", "destroy", "execute", asked).err


def test_a_key_that_others_are_under_is_destroyed_only_where_that_was_asked_for(run: Command) -> None:
    [kek] = [
        each["id"]
        for each in json.loads(run("keys", "--json").out)["key_encryption_keys"]
        if each["use"] == "wrap subject keys"
    ]
    for options, code, left in (((), 1, "active"), (("--shred",), 0, "destroyed")):
        asked = asked_for(run, "kek", kek, *options)
        agreed = run("keys", "destroy", "approve", asked, "--actor", "dpo-2", "--reason", "seen")
        assert agreed.code == 0
        assert run("keys", "destroy", "execute", asked).code == code
        states = json.loads(run("keys", "--json").out)["keys"]
        assert [each["state"] for each in states if each["kind"] == "subject key"] == [left]


def test_what_is_refused_stays_and_another_request_is_not_taken_for_it(run: Command, owner_url: str) -> None:
    asked = asked_for(run, "kek", retired_kek(run))
    assert run("keys", "destroy", "reject", asked, "--actor", "dpo-2", "--reason", "not yet").code == 0
    assert run("keys", "destroy", "approve", asked, "--actor", "dpo-2", "--reason", "seen").code == 1
    with Emoney.open() as emoney, emoney.database.connection() as connection:
        export = emoney.vault.control.request(
            connection,
            EXPORT_ROOT,
            KeyKind.ROOT,
            "root",
            actor="dpo-1",
            reason="backup",
            shares=3,
            threshold=2,
        )
    for answer in ("approve", "reject"):
        ended = run("keys", "destroy", answer, str(export), "--actor", "dpo-2", "--reason", "seen")
        assert (ended.code, "there is no request" in ended.err) == (1, True)
    for wrong, code in ((("root", "root"), 2), (("kek", "local-0"), 1), (("subject", "ama"), 1)):
        ended = run("keys", "destroy", "request", *wrong, "--actor", "dpo-1", "--reason", "old")
        assert ended.code == code
    with psycopg.connect(owner_url) as owner:
        [(waiting,)] = owner.execute(
            "SELECT count(*) FROM ledger.request AS r WHERE NOT EXISTS "
            "(SELECT FROM ledger.request_decision AS d WHERE d.request_id = r.id)"
        ).fetchall()
    assert waiting == 1


def test_every_algorithm_names_its_reference(run: Command) -> None:
    code, out, _ = run("algorithms", "--json")
    told = json.loads(out)
    assert code == 0
    assert {each["state"] for each in told} == {"allowed", "legacy", "denied"}
    assert all(each["references"] for each in told)
    assert "AES-256-GCM" in run("algorithms")[1]


def test_indexes_tell_what_they_leak_once_measured(run: Command) -> None:
    code, out, _ = run("indexes", "--json")
    assert (code, {each["rank_matched"] for each in json.loads(out)}) == (0, {None})
    code, out, _ = run("indexes", "--measure", "--json")
    told = {each["index"]: each for each in json.loads(out)}
    assert told["kyc.person.phone"]["entries"] == 1
    assert told["kyc.person.tax_number"]["entries"] == 0
    assert "in use" in run("indexes")[1]


def test_purposes_in_force(run: Command, owner_url: str) -> None:
    code, out, _ = run("purposes", "--json")
    assert (code, set(json.loads(out)["purposes"])) == (0, {each.value for each in Purpose})
    with psycopg.connect(owner_url) as owner:
        purposes.approve(owner, [Purpose.SCREENING], assessment="a" * 64, actor="dpo-1")
    assert json.loads(run("purposes", "--json")[1])["purposes"] == ["screening"]
    assert "approved by dpo-1" in run("purposes")[1]


def test_keys_that_were_written_over_are_put_back(run: Command, owner_url: str) -> None:
    run("rotate", "--actor", "ops-1")
    code, out, _ = run("keys", "verify", "--all", "--json")
    assert (code, json.loads(out)) == (0, {"keys": 4, "put_back": [], "unknown": [], "dropped": 0})
    with psycopg.connect(owner_url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "UPDATE privacy.index_key SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)"
        )
    code, out, _ = run("keys", "verify", "--all")
    assert code == 1
    assert out.count("put back: index key kyc.person.") == 3
    assert run("keys", "verify", "--all")[0] == 0
    assert "let go: 0" in run("keys", "verify")[1]
