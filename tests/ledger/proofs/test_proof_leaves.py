"""Leaves hold the whole row, byte by byte as documented, and nothing about anyone."""

import base64
import hashlib
from typing import Any
from uuid import UUID

import psycopg
import pytest
from logs import Log

from emoney.ledger.posting.tables import RefusalRow, TransferRow
from emoney.ledger.proofs.leaves import Row, Rows
from emoney.ledger.proofs.verifying import LAYOUTS, ProofInvalid, commitment, encode_leaf, leaf_hash

TRANSFER: dict[str, Any] = {
    "id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "debit_account": "01890a5d-ac96-774b-bcce-b302099a8058",
    "credit_account": "01890a5d-ac96-774b-bcce-b302099a8059",
    "amount": 1234,
    "currency": "GHS",
    "operation": "p2p",
    "reference": "T-1\u00e9",
    "group_id": None,
    "effective_at": "2026-03-10T12:00:00+00:00",
    "posted_at": "2026-03-10T12:00:00.000001+00:00",
    "debit_version": 7,
    "debit_balance": -5,
    "credit_version": 1,
    "credit_balance": 1234,
    "xact": 742,
}
REFUSAL: dict[str, Any] = {
    **{name: TRANSFER[name] for name, _ in LAYOUTS["refusal", 1] if name in TRANSFER},
    "reference": None,
    "group_id": "01890a5d-ac96-774b-bcce-b302099a805a",
    "decided_at": "1999-12-31T23:59:59+00:00",
    "rule": "funds",
    "decision": "deny",
    "source": "",
    "numbers": '{"limit": 3}',
}
GOLDEN_TRANSFER = (
    "00000019" + b"emoney/ledger/transfer/v1".hex() + "00000010" + "01890a5dac96774bbcceb302099a8057"
    "0000001001890a5dac96774bbcceb302099a8058"
    "0000001001890a5dac96774bbcceb302099a8059"
    "0000000800000000000004d2"
    "00000003474853"
    "00000003703270"
    "00000005542d31c3a9"
    "ffffffff"
    "000000080002efa907099000"
    "000000080002efa907099001"
    "000000080000000000000007"
    "00000008fffffffffffffffb"
    "000000080000000000000001"
    "0000000800000000000004d2"
    "0000000800000000000002e6"
)
GOLDEN_REFUSAL = (
    "00000018" + b"emoney/ledger/refusal/v1".hex() + "00000010" + "01890a5dac96774bbcceb302099a8057"
    "0000001001890a5dac96774bbcceb302099a8058"
    "0000001001890a5dac96774bbcceb302099a8059"
    "0000000800000000000004d2"
    "00000003474853"
    "00000003703270"
    "ffffffff"
    "0000001001890a5dac96774bbcceb302099a805a"
    "000000080002efa907099000"
    "00000008fffffffffff0bdc0"
    "0000000566756e6473"
    "0000000464656e79"
    "00000000" + "0000000c" + b'{"limit": 3}'.hex() + "0000000800000000000002e6"
)
RECORD: list[dict[str, Any]] = [
    {"field": "salt", "form": "uuid", "value": "01890a5d-ac96-774b-bcce-b302099a805b"},
    {"field": "reason", "form": "text", "value": "\u00e9"},
    {"field": "number", "form": "integer", "value": -2},
    {"field": "at", "form": "time", "value": "2026-03-10T12:00:00.000001+00:00"},
    {"field": "payload", "form": "json", "value": '{"n": 1}'},
    {"field": "wrapped", "form": "bytes", "value": "AP8="},
    {"field": "group", "form": "uuid", "value": None},
]
GOLDEN_CONTENT = (
    "00000025" + b"emoney/record/ledger.event/v3/content".hex() + "00000009" + b"salt uuid".hex()
    + "0000001001890a5dac96774bbcceb302099a805b" + "0000000b" + b"reason text".hex() + "00000002c3a9"
    + "0000000e" + b"number integer".hex() + "00000008fffffffffffffffe" + "00000007" + b"at time".hex()
    + "000000080002efa907099001" + "0000000c" + b"payload json".hex() + "00000008" + b'{"n": 1}'.hex()
    + "0000000d" + b"wrapped bytes".hex() + "0000000200ff" + "0000000a" + b"group uuid".hex() + "ffffffff"
)  # fmt: skip
# What happened is committed to; the place in which an event is delivered is not part of it.
NOT_COMMITTED = {"position"}


@pytest.mark.parametrize(
    ("kind", "content", "golden"),
    [("transfer", TRANSFER, GOLDEN_TRANSFER), ("refusal", REFUSAL, GOLDEN_REFUSAL)],
)
def test_golden_vectors(kind: str, content: dict[str, Any], golden: str) -> None:
    leaf = encode_leaf(kind, 1, content)
    assert leaf.hex() == golden
    assert leaf_hash(leaf) == hashlib.sha256(b"\x00" + bytes.fromhex(golden)).digest()


def test_golden_vector_of_a_record() -> None:
    committed = hashlib.sha256(bytes.fromhex(GOLDEN_CONTENT)).digest()
    assert commitment("ledger.event", 3, RECORD) == committed
    content = {"id": TRANSFER["id"], "commitment": base64.b64encode(committed).decode(), "xact": 742}
    golden = (
        "0000001d" + b"emoney/record/ledger.event/v3".hex() + "00000010" + "01890a5dac96774bbcceb302099a8057"
        "00000020" + committed.hex() + "0000000800000000000002e6"
    )
    assert encode_leaf("ledger.event", 3, content).hex() == golden


def test_a_leaf_decodes_to_what_it_was_made_of(log: Log) -> None:
    with log.books.database.connection() as connection:
        rows = Rows(connection)
    for kind, (name, content) in {1: ("transfer", TRANSFER), 2: ("refusal", REFUSAL)}.items():
        leaf = encode_leaf(name, 1, content)
        decoded = rows.decode(Row(742, UUID(TRANSFER["id"]).bytes, kind, leaf))
        assert decoded == {"kind": name, "version": 1, "content": content}


@pytest.mark.parametrize(
    ("table", "kind", "renamed"),
    [(TransferRow, "transfer", {}), (RefusalRow, "refusal", {"transfer_id": "id"})],
)
def test_every_column_is_committed_to(table: Any, kind: str, renamed: dict[str, str]) -> None:
    columns = {renamed.get(column.name, column.name) for column in table.__table__.columns}
    assert columns - NOT_COMMITTED == {name for name, _ in LAYOUTS[kind, 1]}


def test_the_database_encodes_as_the_verifier_does(log: Log) -> None:
    """Every value odd: text beyond ASCII, empty fields, negative balances, times before the epoch."""
    with psycopg.connect(log.books.owner_url) as connection:
        connection.execute("SET session_replication_role = replica")
        for content, table, key in ((TRANSFER, "transfer", "id"), (REFUSAL, "refusal", "transfer_id")):
            named = {key if name == "id" else name: value for name, value in content.items()}
            named.pop("xact")
            connection.execute(
                f"INSERT INTO ledger.{table} ({', '.join(named)}, xact)"
                f" VALUES ({', '.join(['%s'] * len(named))}, 742)",
                list(named.values()),
            )
        rows = Rows(connection).of([UUID(TRANSFER["id"])])
        assert {row.kind: row.leaf.hex() for row in rows} == {1: GOLDEN_TRANSFER, 2: GOLDEN_REFUSAL}


def test_posted_rows_encode_as_the_verifier_does(log: Log) -> None:
    ids = [*log.post(3), log.refuse()]
    with log.books.database.connection() as connection:
        rows = Rows(connection)
        for row in rows.of(ids):
            leaf = rows.decode(row)
            assert encode_leaf(leaf["kind"], leaf["version"], leaf["content"]) == row.leaf
            assert leaf["content"]["id"] in {str(each) for each in ids}


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1235},
        {"amount": True},
        {"amount": "1234"},
        {"amount": 1 << 63},
        {"reference": None},
        {"reference": "\ud800"},
        {"group_id": ""},
        {"effective_at": "2026-03-10T12:00:00"},
        {"extra": 1},
        {"id": 5},
    ],
)
def test_other_content_is_another_leaf_or_none(change: dict[str, Any]) -> None:
    try:
        other = encode_leaf("transfer", 1, {**TRANSFER, **change})
    except ProofInvalid:
        return
    assert other != encode_leaf("transfer", 1, TRANSFER)


def test_no_other_version_is_guessed() -> None:
    with pytest.raises(ProofInvalid, match="not known"):
        encode_leaf("transfer", 2, TRANSFER)


def test_no_leaf_names_a_person() -> None:
    """A proof survives an erasure: nothing in a leaf is a person's, not even the holder's id."""
    fields = {name for layout in LAYOUTS.values() for name, _ in layout}
    assert not fields & {"holder", "external_ref", "name", "phone", "birth_date", "address", "id_number"}
