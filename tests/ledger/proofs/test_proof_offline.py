"""A proof stands on its own: JSON, the public key and the verifier; no database, nothing of the library."""

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from commands import Command
from logs import DECLARED, Log
from psycopg import sql

from emoney.ledger.base.errors import EmoneyError, UnknownTransfer
from emoney.ledger.base.ids import new_id
from emoney.ledger.proofs import (
    ProofInvalid,
    PublicKey,
    SigningKey,
    consistency,
    ids_of,
    proofs_of,
    verify,
    verifying,
)
from emoney.ledger.proofs.errors import LogDamaged, NotSealed

HALF, ALL = DECLARED + 301, DECLARED + 602


def live(log: Log) -> None:
    """A log of ALL leaves under two checkpoints, the first of HALF."""
    log.post(300)
    log.seal()
    log.refuse()
    log.post(300)
    log.seal()


@pytest.fixture
def run(command: Command) -> Command:
    return lambda *arguments: command("proof", *arguments)


def proof(log: Log, *ids: Any) -> dict[str, Any]:
    with log.books.database.connection() as connection:
        made: dict[str, Any] = json.loads(json.dumps(proofs_of(connection, ids).to_json()))
    return made


def test_every_leaf_proves(lived: Log) -> None:
    ids = [row for _, row in lived.rows()]
    proved = verify(proof(lived, *ids), lived.key.public)
    assert [each["id"] for each in proved["proved"]] == [str(each) for each in ids]
    assert proved["size"] == ALL
    kinds = {"transfer", "refusal", "ledger.leaf_source", "ledger.receipt"}
    kinds |= {"ledger.receipt_policy", "ledger.clock_policy"}
    assert {each["kind"] for each in proved["proved"]} == kinds


def test_a_proof_is_short_and_reads_little(lived: Log) -> None:
    (leaf,) = proof(lived, lived.ids[5])["leaves"]
    assert len(leaf["path"]) <= 10  # ceil(log2(ALL))


def change(at: list[Any], value: Any) -> Callable[[dict[str, Any]], None]:
    def apply(made: dict[str, Any]) -> None:
        target: Any = made
        for step in at[:-1]:
            target = target[step]
        target[at[-1]] = value(target[at[-1]]) if callable(value) else value

    return apply


LEAF = ["leaves", 0]


@pytest.mark.parametrize(
    "tamper",
    [
        change([*LEAF, "content", "amount"], lambda amount: amount + 1),
        change([*LEAF, "content", "amount"], float),
        change([*LEAF, "content", "amount"], str),
        change([*LEAF, "content", "reference"], "another"),
        change([*LEAF, "content", "id"], str(new_id())),
        change([*LEAF, "content", "posted_at"], "2026-03-10T12:00:00"),
        change([*LEAF, "content", "posted_at"], lambda at: at.replace("+00:00", ".0000001+00:00")),
        change([*LEAF, "content", "posted_at"], lambda at: at.replace("+00:00", "Z")),
        change([*LEAF, "content", "id"], str.upper),
        change([*LEAF, "content"], {}),
        change([*LEAF, "content"], None),
        change([*LEAF, "kind"], "refusal"),
        change([*LEAF, "kind"], []),
        change([*LEAF, "version"], 2),
        change([*LEAF, "version"], True),
        change([*LEAF, "index"], lambda index: index + 1),
        change([*LEAF, "index"], -1),
        change([*LEAF, "index"], True),
        change([*LEAF, "path"], lambda path: path[:-1]),
        change([*LEAF, "path"], lambda path: path[::-1]),
        change([*LEAF, "path"], lambda path: path * 20),
        change([*LEAF, "path", 0], "AAAA"),
        change([*LEAF, "path", 0], "\u00e9"),
        change([*LEAF, "path", 0], 7),
        change(["leaves"], []),
        change(["leaves"], None),
        change(["leaves", 0], None),
        change(["format"], "emoney-inclusion/2"),
        change(["checkpoint"], None),
        change(["checkpoint"], ""),
        change(["checkpoint"], lambda note: note.replace(str(ALL), str(ALL + 1))),
        change(["checkpoint"], lambda note: note.replace("\u2014", "-")),
        change(["checkpoint"], lambda note: note.rstrip("\n")),
        change(["checkpoint"], lambda note: note.split("\n\n")[0] + "\n\n"),
        change(["checkpoint"], lambda note: "x" * 70_000 + note),
        change(["checkpoint"], lambda note: note.replace("wallet", "purse")),
    ],
)
def test_a_proof_that_was_tampered_with_proves_nothing(
    lived: Log, tamper: Callable[[dict[str, Any]], None]
) -> None:
    made = proof(lived, lived.ids[5])
    verify(copy.deepcopy(made), lived.key.public)
    tamper(made)
    with pytest.raises(ProofInvalid):
        verify(made, lived.key.public)


@pytest.mark.parametrize("made", [None, [], 3, "x", {}, {"format": {}}])
def test_what_is_no_proof_is_told_so(log: Log, made: Any) -> None:
    with pytest.raises(ProofInvalid):
        verify(made, log.key.public)


def test_the_wrong_key_verifies_nothing(lived: Log) -> None:
    made = proof(lived, lived.ids[5])
    for name in (lived.key.origin, "another.example"):
        with pytest.raises(ProofInvalid, match="not signed by the key"):
            verify(made, SigningKey(name, bytes(32)).public)


@pytest.mark.parametrize("bad", ["", "x", "a+b", "a+00000000+AA==", "a b+00000000+AA==", "+x+y"])
def test_a_key_that_is_none_is_told_so(log: Log, bad: str) -> None:
    for text in (bad, str(log.key.public)[:-1], str(log.key.public).replace("wallet", "purse")):
        with pytest.raises(ProofInvalid):
            PublicKey.parse(text)
    assert PublicKey.parse(f" {log.key.public}\n") == log.key.public


def test_consistency_between_all_checkpoints(lived: Log) -> None:
    lived.post(700)
    lived.seal()
    sizes = (HALF, ALL, ALL + 700)
    for old in sizes:
        for new in sizes:
            if old > new:
                continue
            with lived.books.database.connection() as connection:
                made = consistency(connection, old, new)
            proved = verify(json.loads(json.dumps(made)), lived.key.public)
            assert (proved["old_size"], proved["new_size"]) == (old, new)
            if old < new:
                for other in ({**made, "path": made["path"][1:]}, {**made, "old": made["new"]}):
                    with pytest.raises(ProofInvalid):
                        verify(other, lived.key.public)
    with lived.books.database.connection() as connection, pytest.raises(NotSealed):
        consistency(connection, 309)
    with lived.books.database.connection() as connection, pytest.raises(NotSealed):
        consistency(connection, ALL, HALF)


def test_what_has_no_proof(log: Log) -> None:
    (one,) = log.post(1)
    with log.books.database.connection() as connection:
        with pytest.raises(NotSealed, match="proof seal"):
            proofs_of(connection, [one])
        log.seal()
        with pytest.raises(UnknownTransfer):
            proofs_of(connection, [new_id()])
        with pytest.raises(UnknownTransfer):
            ids_of(connection, "no such reference")
        (late,) = log.post(1)
        found = proofs_of(connection, [one, late, one])
        assert (len(found.leaves), found.unsealed) == (1, [late])


def test_nothing_is_proved_of_a_row_that_was_altered(lived: Log) -> None:
    lived.books.owner(f"UPDATE ledger.transfer SET amount = 9 WHERE id = '{lived.ids[5]}'")
    lived.books.owner(f"UPDATE ledger.transfer SET xact = 1 WHERE id = '{lived.ids[6]}'")
    for each in lived.ids[5:7]:
        with pytest.raises(LogDamaged, match=str(each)):
            proof(lived, each)
    lived.books.owner("DELETE FROM ledger.leaf_block WHERE first = 256")
    with pytest.raises(LogDamaged):
        proof(lived, lived.rows()[270][1])


def test_a_proof_survives_the_loss_of_the_row(lived: Log) -> None:
    """Whatever is erased or retired later, what was handed out still verifies, as do all the others."""
    made, other = proof(lived, lived.ids[5]), lived.ids[6]
    lived.books.owner(f"DELETE FROM ledger.transfer WHERE id = '{lived.ids[5]}'")
    verify(made, lived.key.public)
    verify(proof(lived, other), lived.key.public)


def test_no_holder_and_no_reference_of_an_account_is_in_a_proof(log: Log) -> None:
    with psycopg.connect(log.books.owner_url) as connection:
        holder = new_id()
        connection.execute(
            sql.SQL("UPDATE ledger.account SET holder = {}, external_ref = 'planted' WHERE id = {}").format(
                holder, log.payee
            )
        )
    log.post(2)
    log.seal()
    text = json.dumps(proof(log, *log.ids))
    assert "planted" not in text
    assert str(holder) not in text


# The verifier by itself, and the command line.


def test_the_verifier_runs_alone(lived: Log, tmp_path: Path) -> None:
    shutil.copy(verifying.__file__, tmp_path / "check.py")
    (tmp_path / "proof.json").write_text(json.dumps(proof(lived, lived.ids[5])))
    (tmp_path / "key.txt").write_text(f"{lived.key.public}\n")

    def check(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "check.py", *arguments], cwd=tmp_path, capture_output=True, text=True
        )

    for key in (str(lived.key.public), "key.txt"):
        done = check("proof.json", key)
        assert (done.returncode, json.loads(done.stdout)["size"]) == (0, ALL), done.stderr
    assert check("proof.json").returncode == 2
    (tmp_path / "proof.json").write_text((tmp_path / "proof.json").read_text().replace("p2p", "fee"))
    done = check("proof.json", "key.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert "NOT proved" in done.stderr


def test_the_command_line(log: Log, run: Command, tmp_path: Path) -> None:
    assert run("show", "ref-1")[0] == 1
    ids = log.post(3)
    code, out, _ = run("seal", "--json")
    assert (code, json.loads(out)["added"]) == (0, DECLARED + 4)
    assert run("show", str(new_id()))[0] == 1
    code, out, _ = run("show", "ref-1")
    assert code == 0
    assert str(ids[1]) in out
    code, out, _ = run("show", str(ids[1]), "--json")
    assert code == 0
    file = tmp_path / "proof.json"
    file.write_text(out)
    code, key, _ = run("key")
    assert (code, key.strip()) == (0, str(log.key.public))
    (tmp_path / "key").write_text(key)
    code, note, _ = run("checkpoint")
    (tmp_path / "checkpoint").write_text(note)
    assert code == 0
    assert run("verify", str(file))[0] == 2
    for given in (key.strip(), str(tmp_path / "key")):
        assert run("verify", str(file), "--key", given)[0] == 0
    code, out, _ = run("verify", str(file), "--key", key.strip(), "--json")
    assert json.loads(out)["proved"] == [{"kind": "transfer", "id": str(ids[1])}]
    log.post(2)
    assert run("seal")[0] == 0
    code, out, _ = run("consistency", str(DECLARED + 4))
    (tmp_path / "consistency.json").write_text(out)
    code, out, _ = run("verify", str(tmp_path / "consistency.json"), "--key", key.strip())
    assert (code, "continues" in out) == (0, True)
    code, out, _ = run("verify", "--checkpoint", str(tmp_path / "checkpoint"), "--json")
    assert (code, json.loads(out)["sound"]) == (0, True)
    log.books.owner(f"UPDATE ledger.transfer SET amount = 999 WHERE id = '{ids[1]}'")
    code, out, _ = run("verify", "--key", key.strip())
    assert code == 1
    assert f"transfer {ids[1]}: altered" in out
    code, out, _ = run("verify", "--json")
    assert json.loads(out)["findings"][0]["subject"] == f"transfer {ids[1]}"
    assert run("show", "ref-1")[0] == 1


def test_the_command_line_verifies_offline(
    log: Log, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.post(1)
    log.seal()
    file = tmp_path / "proof.json"
    file.write_text(json.dumps(proof(log, log.ids[0])))
    monkeypatch.setenv("EMONEY_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    assert run("verify", str(file), "--key", str(log.key.public))[0] == 0
    for bad in ("", "[" * 100_000, "\udcff", "{}", file.read_text().replace("p2p", "fee")):
        file.write_text(bad, errors="surrogateescape")
        code, out, err = run("verify", str(file), "--key", str(log.key.public))
        assert (code, out) == (1, "")
        assert "NOT proved" in err
        code, out, _ = run("verify", str(file), "--key", str(log.key.public), "--json")
        assert (code, json.loads(out)["valid"]) == (1, False)
    assert run("verify", str(tmp_path / "none"), "--key", str(log.key.public))[0] == 2


def test_errors_are_the_librarys_own() -> None:
    assert issubclass(LogDamaged, EmoneyError)
    assert issubclass(ProofInvalid, ValueError)
