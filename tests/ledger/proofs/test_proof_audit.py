"""Whoever tampers with everything but the key is found, and what they touched is named."""

from collections.abc import Callable
from uuid import UUID

import psycopg
import pytest
from logs import DECLARED, Log

from emoney.ledger.base.ids import new_id
from emoney.ledger.proofs import SigningKey
from emoney.ledger.proofs.leaves import Rows
from emoney.ledger.proofs.verifying import leaf_hash

HALF, ALL = DECLARED + 501, DECLARED + 902

COLUMNS = (
    "debit_account, credit_account, amount, currency, operation, reference, group_id, effective_at,"
    " posted_at, debit_version, debit_balance, credit_version, credit_balance, xact"
)


def live(log: Log) -> None:
    """A log of ALL leaves and two checkpoints, the first of HALF, with a refusal."""
    log.post(500, batch=50)
    log.seal()
    log.refuse()
    log.post(400, batch=50)
    log.seal()
    log.check()


def found(log: Log, *kept: str) -> set[tuple[str, str]]:
    return {(finding.what, finding.subject) for finding in log.audit(*kept).findings}


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1",
        "reference = 'another'",
        "reference = NULL",
        "group_id = gen_random_uuid()",
        "posted_at = posted_at + interval '1 microsecond'",
        "effective_at = effective_at - interval '1 day'",
        "debit_account = credit_account, credit_account = debit_account",
        "credit_balance = credit_balance + 1",
        "debit_version = debit_version + 1",
        "operation = 'fee'",
        "currency = 'GHS'",
        "xact = xact + 1",
        "xact = 1",
        "xact = 4000000000",
    ],
)
def test_an_altered_transfer_is_named(lived: Log, change: str) -> None:
    victim = lived.ids[321]
    lived.books.owner(f"UPDATE ledger.transfer SET {change} WHERE id = '{victim}'")
    assert ("altered", f"transfer {victim}") in found(lived)
    assert {subject for _, subject in found(lived)} == {f"transfer {victim}"}


@pytest.mark.parametrize("column", ["amount", "xact", "operation"])
def test_a_transfer_that_was_emptied_of_something_is_named(lived: Log, column: str) -> None:
    victim = lived.ids[321]
    with psycopg.connect(lived.books.owner_url) as connection:
        connection.execute(f"ALTER TABLE ledger.transfer ALTER {column} DROP NOT NULL")
    lived.books.owner(f"UPDATE ledger.transfer SET {column} = NULL WHERE id = '{victim}'")
    assert found(lived) == {("altered", f"transfer {victim}")}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger.entry SET amount = amount + 1",
        "UPDATE ledger.entry SET amount = -amount",
        "UPDATE ledger.entry SET amount = 0",
        "UPDATE ledger.entry SET balance_after = balance_after + 1",
        "UPDATE ledger.entry SET posted_at = posted_at + interval '1 second'",
        "UPDATE ledger.entry SET version = version + 100000",
        "DELETE FROM ledger.entry",
    ],
)
def test_an_entry_that_was_altered_or_removed_is_named_by_its_transfer(lived: Log, change: str) -> None:
    victim = lived.ids[321]
    lived.books.owner(f"{change} WHERE transfer_id = '{victim}' AND amount > 0")
    assert found(lived) == {("entries", f"transfer {victim}")}


def test_an_added_entry_is_named(lived: Log) -> None:
    lived.books.owner(
        "INSERT INTO ledger.entry"
        " (account_id, version, transfer_id, amount, balance_after, posted_at)"
        f" SELECT account_id, 100000, '{new_id()}', amount, balance_after, posted_at FROM ledger.entry"
        f" WHERE transfer_id = '{lived.ids[321]}' AND amount > 0"
    )
    assert found(lived) == {("entries", f"entry 100000 of account {lived.funds}")}


def test_an_altered_refusal_is_named(lived: Log) -> None:
    with psycopg.connect(lived.books.owner_url) as connection:
        ((victim,),) = connection.execute("SELECT transfer_id FROM ledger.refusal").fetchall()
    lived.books.owner("UPDATE ledger.refusal SET numbers = numbers || '{\"limit\": 1}', rule = 'other'")
    assert found(lived) == {("altered", f"refusal {victim}")}


def test_removed_transfers_are_named(lived: Log) -> None:
    gone = [lived.ids[0], lived.ids[499], lived.ids[-1]]
    for each in gone:
        lived.books.owner(f"DELETE FROM ledger.transfer WHERE id = '{each}'")
    assert found(lived) == {("removed", f"transfer {each}") for each in gone}


@pytest.mark.parametrize("place", [0, 250, 899])
def test_an_added_transfer_is_named(lived: Log, place: int) -> None:
    added = new_id()
    if place == 899:
        added = UUID(int=0)  # in the last transaction, before its other rows
    lived.books.owner(
        f"INSERT INTO ledger.transfer (id, {COLUMNS}) SELECT '{added}', {COLUMNS} FROM ledger.transfer"
        f" WHERE id = '{lived.ids[place]}'"
    )
    assert found(lived) == {("added", f"transfer {added}")}


def test_a_transfer_that_says_it_is_of_the_future_is_named(lived: Log) -> None:
    added = new_id()
    lived.books.owner(
        f"INSERT INTO ledger.transfer (id, {COLUMNS}) SELECT '{added}',"
        f" {COLUMNS.replace('xact', '1 << 40')} FROM ledger.transfer WHERE id = '{lived.ids[0]}'"
    )
    assert found(lived) == {("added", f"transfer {added}")}


def put(log: Log, index: int, row: UUID, hashed: bytes) -> None:
    """Make leaf `index` of the log one of `row` with this hash."""
    with psycopg.connect(log.books.owner_url) as connection:
        ((first,),) = connection.execute(
            "SELECT max(first) FROM ledger.leaf_block WHERE first <= %s", (index,)
        ).fetchall()
    at = index - first
    log.books.owner(
        "UPDATE ledger.leaf_block SET"
        f" row_ids = overlay(row_ids PLACING '\\x{row.hex}' FROM {16 * at + 1}),"
        f" hashes = overlay(hashes PLACING '\\x{hashed.hex()}' FROM {32 * at + 1})"
        f" WHERE first = {first}"
    )


def stored(log: Log) -> list[tuple[UUID, bytes]]:
    """Row and hash of every leaf."""
    with psycopg.connect(log.books.owner_url) as connection:
        return connection.execute("SELECT row_id, hash FROM ledger.leaf ORDER BY sequence").fetchall()


@pytest.mark.parametrize(("one", "other"), [(DECLARED + 6, DECLARED + 16), (DECLARED + 6, 300)])
def test_swapped_leaves_are_named(lived: Log, one: int, other: int) -> None:
    was = stored(lived)
    put(lived, one, *was[other])
    put(lived, other, *was[one])
    assert {
        ("reordered", f"transfer {was[one][0]}"),
        ("reordered", f"transfer {was[other][0]}"),
        ("log", "leaves 0 to 255"),
        ("checkpoint", f"checkpoint of {HALF} leaves"),
    } <= found(lived)


def test_a_row_rewritten_with_its_leaf_is_narrowed_down(lived: Log) -> None:
    """The leaf follows the row, so neither is odd by itself; the tree above them is."""
    victim = lived.rows()[300][1]
    lived.books.owner(f"UPDATE ledger.transfer SET amount = amount + 1 WHERE id = '{victim}'")
    with lived.books.database.connection() as connection:
        (row,) = Rows(connection).of([victim])
    lived.books.owner(
        "UPDATE ledger.leaf_block SET hashes ="
        f" overlay(hashes PLACING '\\x{leaf_hash(row.leaf).hex()}' FROM {32 * 44 + 1}) WHERE first = 256"
    )
    assert found(lived) == {
        ("checkpoint", f"checkpoint of {HALF} leaves"),
        ("checkpoint", f"checkpoint of {ALL} leaves"),
        ("log", "leaves 256 to 511"),
        ("entries", f"transfer {victim}"),
    }
    assert any(f"among leaves 0 to {HALF - 1}" in finding.detail for finding in lived.audit().findings)


def cut(log: Log, size: int) -> None:
    """Remove every leaf and row from `size` on, and the checkpoints that tell."""
    late = ", ".join(f"'{row}'" for _, row in log.rows()[size:])
    log.books.owner(
        f"DELETE FROM ledger.leaf_block WHERE first >= {size}",
        f"DELETE FROM ledger.transfer WHERE id IN ({late})",
        f"DELETE FROM ledger.entry WHERE transfer_id IN ({late})",
        f"DELETE FROM ledger.tree_node WHERE height = 8 AND (position + 1) * 256 > {size}",
    )


def test_a_tail_that_was_cut_off_is_told_by_the_checkpoint(lived: Log) -> None:
    kept = lived.seal().checkpoint
    assert kept is not None
    cut(lived, HALF)
    assert found(lived) == {("checkpoint", f"checkpoint of {ALL} leaves")}
    lived.books.owner(f"DELETE FROM ledger.checkpoint WHERE size = {ALL}", "DELETE FROM ledger.refusal")
    assert found(lived) == set()
    assert found(lived, kept) == {("checkpoint", f"checkpoint of {ALL} leaves, kept elsewhere")}


def test_another_history_under_the_same_key_is_told_by_a_checkpoint_kept_elsewhere(lived: Log) -> None:
    kept = lived.seal().checkpoint
    assert kept is not None
    lived.books.owner(
        f"UPDATE ledger.transfer SET amount = 9 WHERE id = '{lived.ids[700]}'",
        f"UPDATE ledger.entry SET amount = 9 * sign(amount) WHERE transfer_id = '{lived.ids[700]}'",
        "DELETE FROM ledger.leaf_block",
        "DELETE FROM ledger.tree_node",
        "DELETE FROM ledger.checkpoint",
    )
    lived.seal()
    assert found(lived) == set()
    assert found(lived, kept) == {("checkpoint", f"checkpoint of {ALL} leaves, kept elsewhere")}
    assert found(lived, "no note") == {("checkpoint", "checkpoint kept elsewhere")}


def test_a_block_that_is_gone_is_named(lived: Log) -> None:
    lived.books.owner("DELETE FROM ledger.leaf_block WHERE first = 256")
    assert ("log", "leaves 256 to 306") in found(lived)


def test_a_repeated_leaf_is_named(lived: Log) -> None:
    was = stored(lived)
    put(lived, DECLARED + 8, *was[DECLARED + 6])
    first, third = (f"transfer {was[n][0]}" for n in (DECLARED + 6, DECLARED + 8))
    assert {("log", first), ("added", third)} <= found(lived)


def test_altered_missing_and_surplus_nodes_are_named(lived: Log) -> None:
    lived.books.owner("UPDATE ledger.tree_node SET hash = sha256(hash) WHERE position = 1")
    assert found(lived) == {("log", "leaves 256 to 511")}
    lived.books.owner("DELETE FROM ledger.tree_node WHERE position = 1")
    assert found(lived) == {("log", "leaves 256 to 511")}
    lived.books.owner(
        "INSERT INTO ledger.tree_node SELECT 16, 0, hash FROM ledger.tree_node WHERE position = 0"
    )
    lived.books.owner(
        "INSERT INTO ledger.tree_node SELECT 8, 1, hash FROM ledger.tree_node WHERE height = 16"
    )
    assert found(lived) == {("log", "leaves 256 to 511")}


def forge(log: Log, key: SigningKey) -> str:
    with psycopg.connect(log.books.owner_url) as connection:
        ((root,),) = connection.execute(
            "SELECT root FROM ledger.checkpoint WHERE size = %s", (ALL,)
        ).fetchall()
    return key.sign(ALL, bytes(root))


@pytest.mark.parametrize(
    "change",
    [
        lambda log: f"note = replace(note, '{ALL}', '{ALL - 1}')",
        lambda log: "root = sha256(root)",
        lambda log: f"note = '{log.key.sign(ALL, bytes(32))}'",
        lambda log: f"note = '{forge(log, SigningKey(log.key.origin, bytes(32)))}'",
        lambda log: "note = 'nonsense'",
    ],
)
def test_a_replaced_checkpoint_is_named(lived: Log, change: Callable[[Log], str]) -> None:
    lived.books.owner(f"UPDATE ledger.checkpoint SET {change(lived)} WHERE size = {ALL}")
    assert found(lived) == {("checkpoint", f"checkpoint of {ALL} leaves")}


def test_a_log_under_another_key_is_told(lived: Log) -> None:
    audited = lived.audit(key=SigningKey(lived.key.origin, bytes(32)))
    assert {finding.subject for finding in audited.findings} == {
        f"checkpoint of {HALF} leaves",
        f"checkpoint of {ALL} leaves",
    }
    assert all("not signed by the key" in finding.detail for finding in audited.findings)


def test_rows_after_the_log_are_counted_and_not_blamed(lived: Log) -> None:
    lived.post(3)
    audited = lived.audit()
    assert (audited.sound, audited.unsealed) == (True, 3)


def test_an_unsealed_ledger_is_sound(log: Log) -> None:
    log.post(2)
    audited = log.audit()
    assert (audited.sound, audited.size, audited.unsealed) == (True, 0, DECLARED + 3)
