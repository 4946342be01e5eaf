"""Sealing takes every row once, in order, whatever runs beside it and wherever it was killed."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from books import Books, on_database
from hypothesis import given
from hypothesis import strategies as st
from logs import DECLARED, EMPTY, Log
from reader_logins import login_in

from emoney.ledger import Database
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.proofs import SigningKey, checkpoints, proofs_of, seal, sealing, signing_key
from emoney.ledger.proofs.errors import LogDamaged, SigningKeyMissing, SigningKeyWrong
from emoney.ledger.proofs.leaves import Place, Row, Rows
from emoney.ledger.proofs.log import Tiles
from emoney.ledger.proofs.verifying import ProofInvalid, open_checkpoint, verify


def test_the_log_of_an_empty_ledger_says_what_it_will_hold(books: Books, home: Path) -> None:
    sealed = seal(books.database, SigningKey.create(home))
    assert (sealed.added, sealed.size) == (EMPTY, EMPTY)


def test_every_row_becomes_one_leaf(log: Log) -> None:
    log.post(30)
    log.refuse()
    sealed = log.seal()
    assert sealed.added == sealed.size == DECLARED + 32  # and the load
    assert sealed.checkpoint is not None
    assert open_checkpoint(sealed.checkpoint, log.key.public).size == DECLARED + 32
    log.check()
    assert {kind for _, kind, _ in log.sequence()} == {1, 2, 3, 16, 19, 21}


def test_sealing_again_adds_nothing_and_signs_nothing(log: Log) -> None:
    log.post(3)
    first = log.seal()
    again = log.seal()
    assert (again.added, again.size, again.checkpoint) == (0, first.size, first.checkpoint)
    assert log.audit().checkpoints == 1


def test_the_log_grows_across_tiles_and_each_checkpoint_still_holds(log: Log) -> None:
    for count in (200, 55, 1, 300, 513):
        log.post(count)
        log.seal(batch_rows=97)
    log.check()
    audited = log.audit()
    assert audited.checkpoints == 5
    with log.books.database.connection() as connection:
        for stored in checkpoints.every(connection):
            assert Tiles(connection, stored.size).root() == stored.root


def test_a_transaction_larger_than_a_batch_is_sealed_whole(log: Log) -> None:
    log.post(700, batch=700)
    log.seal(batch_rows=64)
    log.check()


def test_a_sealer_killed_within_a_transaction_is_continued(log: Log) -> None:
    """Blocks end within a transaction: a sealer killed there is continued there."""
    before = log.post(40, batch=10)
    large = log.post(600, batch=600)
    log.post(5)
    process = multiprocessing.get_context("spawn").Process(
        target=_killed_after, args=(log.books.owner_url, log.home, DECLARED + 1 + len(before) + 200)
    )
    process.start()
    process.join(240)
    assert process.exitcode == -signal.SIGKILL
    sealed = {row for _, _, row in log.sequence()}
    assert 0 < sum(each in sealed for each in large) < len(large)
    assert log.audit().findings == []  # of a log that ends within a transaction
    log.seal(batch_rows=64)
    log.check()


def test_a_transaction_is_read_once_however_many_batches_it_takes(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.seal()
    log.post(400, batch=400)
    asked: list[Place] = []
    stream = Rows.stream

    def counting(self: Rows, after: Place, last: Place, **how: int) -> Iterator[Row]:
        asked.append(after)
        return stream(self, after, last, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Rows, "stream", counting)
    log.seal(batch_rows=20)
    sealing = len(asked)
    log.audit()
    assert sealing < 10  # of twenty batches
    assert len(asked) - sealing == 1
    log.check()


def test_sealers_meet_within_a_transaction(log: Log) -> None:
    log.post(500, batch=500)
    sealers = [threading.Thread(target=log.seal, kwargs={"batch_rows": 15}) for _ in range(3)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    log.check()


@on_database(10)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 30)), min_size=1, max_size=4))
def test_any_rhythm_of_posting_and_sealing(log: Log, rhythm: list[tuple[int, int]]) -> None:
    for count, batch in rhythm:
        log.post(count, batch=batch)
        log.seal(batch_rows=batch)
    log.check()


def test_a_running_transaction_holds_back_what_came_after_it(log: Log) -> None:
    log.post(2)
    log.seal()
    with psycopg.connect(log.books.owner_url) as long:
        long.execute("SELECT pg_current_xact_id()")
        before = log.books.database
        with before.connection() as connection:
            transfer = log.books.transfer(log.funds, log.payee, 5)
            log.books.ledger.post_in(connection, [transfer])
        assert log.seal().added == 0
        with before.connection() as connection:
            assert proofs_of(connection, [transfer.id]).unsealed == [transfer.id]
    assert log.seal().added == 1
    log.check()


def test_a_transfer_committed_late_is_not_skipped(log: Log) -> None:
    """Its transaction began before others that were posted and could be sealed long before it ends."""
    slow = log.books.transfer(log.books.funded(50), log.books.account(), 5)
    with log.books.database.connection() as connection:
        log.books.ledger.post_in(connection, [slow])
        log.post(20, batch=1)
        log.seal()
        assert str(slow.id) not in {str(row) for _, _, row in log.sequence()}
    log.post(1)
    log.seal()
    log.check()
    assert slow.id in {row for _, _, row in log.sequence()}


def test_posting_and_sealing_at_once_neither_skips_nor_doubles(log: Log) -> None:
    stop, failed = threading.Event(), []

    def post(number: int) -> None:
        try:
            database = log.books.database
            mine, other = log.books.funded(100_000), log.books.account()
            while not stop.is_set():
                with database.connection() as connection:
                    batch = [log.books.transfer(mine, other, 1) for _ in range(7)]
                    log.books.ledger.post_in(connection, batch)
                    if number == 0:
                        time.sleep(0.05)  # a transaction that stays open while others end
        except Exception as error:
            failed.append(error)

    def sealer() -> None:
        try:
            while not stop.is_set():
                log.seal(batch_rows=50)
        except Exception as error:
            failed.append(error)

    workers = [threading.Thread(target=post, args=(number,)) for number in range(3)]
    workers += [threading.Thread(target=sealer) for _ in range(2)]
    for worker in workers:
        worker.start()
    time.sleep(3)
    stop.set()
    for worker in workers:
        worker.join()
    assert failed == []
    log.seal()
    log.check()
    assert log.audit().checkpoints > 1


def _killed_after(url: str, home: Path, leaves: int) -> None:
    def kill(_phase: str, added: int, _of: int | None) -> None:
        if added >= leaves:
            os.kill(os.getpid(), signal.SIGKILL)

    seal(Database(url), SigningKey.load(home), batch_rows=10, progress=kill)


def test_a_killed_sealer_is_continued(log: Log) -> None:
    log.post(300, batch=30)
    spawn = multiprocessing.get_context("spawn")
    for leaves in (20, 50, 1):
        process = spawn.Process(target=_killed_after, args=(log.books.owner_url, log.home, leaves))
        process.start()
        process.join(240)
        assert process.exitcode == -signal.SIGKILL
    begun = len(log.sequence())
    assert 71 <= begun < DECLARED + 301
    sealed = log.seal()
    assert sealed.added == DECLARED + 301 - begun
    log.check()


def test_two_sealers_take_turns(log: Log) -> None:
    log.post(400)
    sealers = [threading.Thread(target=log.seal, kwargs={"batch_rows": 20}) for _ in range(3)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    log.check()


def test_posting_does_not_wait_for_a_sealer(log: Log) -> None:
    with psycopg.connect(log.books.owner_url) as sealing:
        sealing.execute("SELECT pg_advisory_xact_lock(hashtextextended('ledger.seal', 0))")
        log.post(1)


def test_a_log_that_was_changed_is_not_continued(log: Log) -> None:
    log.post(5)
    log.seal()
    log.books.owner("UPDATE ledger.leaf_block SET hashes = overlay(hashes placing '\\x00'::bytea from 3)")
    log.post(1)
    with pytest.raises(LogDamaged, match=f"checkpoint of {DECLARED + 6} leaves"):
        log.seal()


def test_a_database_restored_under_younger_transactions_is_told(log: Log) -> None:
    log.post(5)
    log.seal()
    log.books.owner("UPDATE ledger.leaf_block SET last_xact = 1000000000")
    with pytest.raises(LogDamaged, match="restored from a dump"):
        log.seal()


def test_the_application_can_only_append_to_the_log(log: Log) -> None:
    log.post(5)
    log.seal()
    for table in ("leaf_block", "tree_node", "checkpoint"):
        for change in (f"DELETE FROM ledger.{table}", f"TRUNCATE ledger.{table}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), log.books.database.connection() as c:
                c.execute(change)
            with (
                pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="append-only"),
                psycopg.connect(log.books.owner_url) as owner,
            ):
                owner.execute(change + " CASCADE" if "TRUNC" in change else change)


@pytest.mark.parametrize(("first", "stop"), [(0, 3), (12, 14), (14, 16), (13, 13), (250, 260)])
def test_the_database_keeps_the_log_dense(log: Log, first: int, stop: int) -> None:
    log.post(5)
    log.seal()
    count = stop - first
    with pytest.raises(psycopg.IntegrityError), log.books.database.connection() as connection:
        connection.execute(
            "INSERT INTO ledger.leaf_block VALUES (%s, %s, nullif(%s, 0), %s, %s, %s, 9999, %s, 1, now())",
            (first, stop, first, bytes(count), bytes(16 * count), bytes(32 * count), log.ids[0]),
        )


def test_a_batch_has_rows(log: Log) -> None:
    with pytest.raises(InvalidInput):
        log.seal(batch_rows=0)


# The key.


def test_the_key_is_made_once_and_signs_in_its_own_name(books: Books, home: Path) -> None:
    with books.database.connection() as connection:
        made = signing_key(connection, home, "wallet.example/ledger")
        assert str(signing_key(connection, home).public) == str(made.public)
        with pytest.raises(SigningKeyWrong, match="once"):
            signing_key(connection, home, "another.example")
    path = home / "keys" / "log-signing.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert str(made.public).startswith("wallet.example/ledger+")
    assert "PRIVATE" in path.read_text()
    secret = path.read_text().strip().rsplit("+", 1)[1]
    assert secret not in repr(made) + str(made.public)


def test_a_log_is_not_continued_with_another_key_or_none(log: Log, tmp_path: Path) -> None:
    log.post(1)
    log.seal()
    with log.books.database.connection() as connection, pytest.raises(SigningKeyMissing):
        signing_key(connection, tmp_path / "nowhere")
    (tmp_path / "other").mkdir()
    SigningKey.create(tmp_path / "other", "wallet.example/ledger")
    with log.books.database.connection() as connection, pytest.raises(SigningKeyWrong, match="Put back"):
        signing_key(connection, tmp_path / "other")


def test_many_making_the_key_at_once_make_one(home: Path) -> None:
    made: list[str] = []
    makers = [
        threading.Thread(target=lambda: made.append(str(SigningKey.create(home).public))) for _ in range(8)
    ]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(made) == 8
    assert len(set(made)) == 1
    assert [path.name for path in (home / "keys").iterdir()] == ["log-signing.key"]


def test_a_key_that_others_could_read_or_that_is_damaged_is_refused(home: Path) -> None:
    SigningKey.create(home)
    path = home / "keys" / "log-signing.key"
    path.chmod(0o640)
    with pytest.raises(Exception, match="0640 and must have 0600"):
        SigningKey.load(home)
    path.chmod(0o600)
    good = path.read_text()
    for bad in ("", "PRIVATE+KEY+", good[:-9], good.replace("emoney", "Emoney"), "x" + good, "\udce9"):
        path.write_text(bad, errors="surrogateescape")
        with pytest.raises(SigningKeyWrong, match="damaged") as error:
            SigningKey.load(home)
        assert error.value.__cause__ is None
    path.unlink()
    path.symlink_to("/etc/passwd")
    with pytest.raises(Exception, match="cannot be opened"):
        SigningKey.load(home)


@pytest.mark.parametrize("name", ["a b", "a+b", "a\nb", "x" * 256])
def test_a_name_fits_on_the_first_line_of_a_checkpoint(home: Path, name: str) -> None:
    with pytest.raises(InvalidInput):
        SigningKey.create(home, name)


# Against checkpoints made by the standard's own text.


def test_a_signed_note_is_as_the_standard_writes_it() -> None:
    """RFC 8032's first test key signs; the note is split as C2SP signed-note says."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = SigningKey("example.com/log", seed)
    assert key.public.key.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    note = key.sign(3, bytes(range(32)))
    text, signature = note.split("\n\n")
    assert text == "example.com/log\n3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert signature.startswith("\u2014 example.com/log ")
    assert signature.endswith("\n")
    assert open_checkpoint(note, key.public).size == 3


def test_a_witness_may_sign_below() -> None:
    key, witness = SigningKey("example.com/log", bytes(32)), SigningKey("witness.example", bytes([1]) * 32)
    note = key.sign(3, bytes(32))
    other = witness.sign(3, bytes(32)).split("\n\n")[1]
    assert open_checkpoint(note + other, key.public).size == 3
    with pytest.raises(ProofInvalid, match="not signed by"):
        open_checkpoint(note, witness.public)


def test_a_proof_is_of_the_last_checkpoint(log: Log) -> None:
    (one,) = log.post(1)
    log.seal()
    log.post(600)
    log.seal()
    with log.books.database.connection() as connection:
        assert verify(proofs_of(connection, [one]).to_json(), log.key.public)["size"] == DECLARED + 602


def test_what_a_readers_long_transaction_holds_up_is_told(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "PATIENCE_S", 0.0)
    log.post(2)
    assert log.seal().behind is None
    with (
        login_in(log.books.owner_url, "sleeper", ["emoney_analyst"]) as url,
        psycopg.connect(url) as reader,
    ):
        reader.execute("SELECT pg_current_xact_id()")
        assert log.seal().behind is None  # nothing waits
        log.post(3)
        sealed = log.seal()
        assert (sealed.added, sealed.behind) == (
            0,
            sealing.Behind(3, reader.info.user, reader.info.backend_pid),
        )
        assert sealed.behind is not None
        assert f"3 rows are not sealed: a transaction of the login {reader.info.user}" in sealed.behind.told
        reader.rollback()
        again = log.seal()
        assert (again.added, again.behind) == (3, None)
    log.check()
