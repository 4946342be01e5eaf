"""At the door: ids as UUIDs, texts or keys; amounts in minor or major units; wrong types get typed errors."""

import copy
import operator
import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
import uuid_utils
from books import NOON, Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import (
    AccountKind,
    GroupCommit,
    Key,
    Money,
    NewAccount,
    Operation,
    Outcome,
    Transfer,
    account_changes,
    disputes,
    holds,
    reversals,
    transfers,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import (
    AmountTooPrecise,
    CurrencyMismatch,
    IdempotencyConflict,
    InvalidAmount,
    InvalidId,
    InvalidInput,
    InvalidMetadata,
    UnknownCurrency,
)
from emoney.ledger.base.ids import as_id, new_id
from emoney.ledger.holds import Hold
from emoney.ledger.profile_changes import put_under, request_lifting

DAY = timedelta(days=1)

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**16),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.decimals(),
    st.uuids(),
    st.uuids().map(str),
    st.datetimes(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.builds(object),
    st.sampled_from([Key("order-1"), Money(1, "EUR"), Operation.P2P, AccountKind.FEES, Decimal]),
)
"""Whatever a caller may hand in."""


# -- ids and keys -------------------------------------------------------------------------------------------


def test_ids_are_taken_as_texts_and_as_keys() -> None:
    one = new_id()
    for given_ in (str(one), one.hex, str(one).upper(), uuid_utils.UUID(one.hex)):
        assert as_id(given_) == one
        assert type(as_id(given_)) is UUID
    assert as_id(Key("order-4711")) == UUID("acd83bf0-6041-8c85-93ee-69f8e733eda5")  # for good
    for wrong in ("order-4711", f"{{{one}}}", f"urn:uuid:{one}", 7, None, one.bytes, ""):
        with pytest.raises(InvalidId, match="give a UUID or its text"):
            as_id(wrong)
    for text in ("", "x" * 129, "a\0b", 7, None):
        with pytest.raises(InvalidId):
            Key(text)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" a", "ends"),
        ("a\n", "ends"),
        ("\u00a0a", "ends"),
        ("a\tb", "control"),
        ("a\u200bb", "zero-width"),
        ("a\u202eb", "unseen"),
        ("a\u2028b", "unseen"),
        ("cafe\u0301", "NFC"),
    ],
)
def test_a_key_that_looks_like_another_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidId, match=said):
        Key(text)


def test_a_key_is_in_any_script_and_its_case_matters() -> None:
    assert Key("caf\u00e9 \u6771\u4eac-7").text == "caf\u00e9 \u6771\u4eac-7"
    assert Key("order-1").id != Key("Order-1").id


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_the_id_of_a_key_follows_from_it_and_lies_in_no_month(one: str, other: str) -> None:
    with suppress(InvalidId):
        assert (Key(one).id == Key(other).id) == (one == other)
        assert Key(one).id.int >> 127 == 1
        assert Key(one).id.version == 8


def test_a_key_is_told_back_and_read(books: Books) -> None:
    payer, payee = books.funded(100), books.account()

    def send(amount: int = 60, **more: Any) -> Outcome:
        (outcome,) = books.post(
            transfers.send(
                payer=str(payer), payee=str(payee), amount=amount, currency="EUR", key="order-4711", **more
            )
        )
        return outcome

    assert send() == Outcome(Key("order-4711").id, key="order-4711")
    assert send() == Outcome(Key("order-4711").id, replayed=True, key="order-4711")
    with pytest.raises(IdempotencyConflict):
        send(61)
    with pytest.raises(InvalidId, match="not both"):
        send(id=new_id())
    with pytest.raises(IdempotencyConflict):  # the id is the key's
        books.post(Transfer(Key("order-4711").id, payer, payee, 60, "EUR", Operation.P2P))
    (refused,) = books.post(Transfer(Key("order-4712"), payer, payee, 100, "EUR", Operation.P2P))
    assert refused.refusal is not None
    assert refused.key == "order-4712"
    assert books.balance(payee) == 60
    rows = books.dump()["transfer_note"]
    assert sorted(row[0].split(",")[1] for row in rows) == ["order-4711", "order-4712"]


def test_a_key_goes_with_its_id_only() -> None:
    made = Transfer(Key("a"), new_id(), new_id(), 1, "EUR", Operation.P2P)
    assert replace(made, amount=2).key == "a"
    with pytest.raises(InvalidId):
        replace(made, id=new_id())
    paid, fee = transfers.with_fee(made, fees=new_id(), fee=Decimal("0.10"))
    assert (paid.key, fee.key, fee.amount) == ("a", None, 10)


def test_holds_and_what_gives_back_take_keys(books: Books) -> None:
    payer, shop = books.funded(100), books.account(AccountKind.MERCHANT)
    hold = Hold(Key("hold-1"), str(payer), str(shop), Decimal("0.50"), "EUR", Operation.PAY, NOON + DAY)
    assert hold.amount == 50
    for replayed in (False, True):
        assert holds.place(books.ledger, hold) == Outcome(Key("hold-1").id, None, replayed, "hold-1")
        captured = holds.capture(books.ledger, Key("hold-1"), Key("capture-1"), Money("0.40", "EUR"))
        assert captured == Outcome(Key("capture-1").id, None, replayed, "capture-1")
        refund = reversals.refund(books.ledger, Key("capture-1"), Key("refund-1"), 10, reason="returned")
        assert refund == Outcome(Key("refund-1").id, None, replayed, "refund-1")
        opened = {"reason_code": "1", "expires_at": NOON + DAY, "actor": "a"}
        dispute = disputes.open_dispute(books.ledger, Key("capture-1"), Key("dispute-1"), 20, **opened)
        assert dispute == Outcome(Key("dispute-1").id, None, replayed, "dispute-1")
        said = {"actor": "a", "reason": "r"}
        upheld = disputes.uphold(books.ledger, Key("dispute-1"), Key("upheld-1"), **said)
        assert upheld == Outcome(Key("upheld-1").id, None, replayed, "upheld-1")
    with books.database.connection() as connection:
        assert holds.find(connection, Key("hold-1")).hold.key == "hold-1"
    with pytest.raises(IdempotencyConflict):
        books.post(Transfer(Key("hold-1"), payer, shop, 1, "EUR", Operation.PAY))
    with pytest.raises(CurrencyMismatch):
        holds.capture(books.ledger, Key("hold-1"), Key("capture-2"), Money("0.40", "GHS"))
    books.check()


@pytest.mark.parametrize("optimistic", [True, False])
def test_keys_and_metadata_are_kept_on_every_way(books: Books, optimistic: bool) -> None:
    payer, payee = books.funded(10_000), books.account()
    number = 3 if optimistic else 40
    batch = [
        transfers.send(
            payer=payer, payee=payee, amount=1, currency="EUR", key=f"k{n}", metadata={"n": n, "to": ["a"]}
        )
        for n in range(number)
    ]
    assert [outcome.key for outcome in books.post(*batch)] == [f"k{n}" for n in range(number)]
    with GroupCommit(books.ledger) as commits:
        one = replace(batch[0], id=Key("shared"), key=None)
        assert commits.post(one) == Outcome(Key("shared").id, key="shared")
    list(books.ledger.post_all([[replace(batch[0], id=new_id(), key=None)]]))
    assert len(books.dump()["transfer_note"]) == number + 2
    assert all(outcome.replayed for outcome in books.post(*batch))
    with pytest.raises(IdempotencyConflict):
        books.post(replace(batch[1], metadata={"n": 9}))
    with pytest.raises(IdempotencyConflict):
        books.post(replace(batch[1], metadata=None))
    books.check()


# -- amounts ------------------------------------------------------------------------------------------------


def test_amounts_may_be_major_units() -> None:
    sides = {"payer": new_id(), "payee": new_id()}
    assert transfers.send(**sides, amount=Money(Decimal("47.10"), "GHS")).amount == 4710
    assert transfers.send(**sides, amount=Money("47.10", "GHS"), currency="GHS").currency == "GHS"
    assert transfers.send(**sides, amount=Decimal("47"), currency="UGX").amount == 47
    assert Transfer(new_id(), *sides.values(), Decimal("1.5"), "KWD", Operation.P2P).amount == 1500
    with pytest.raises(AmountTooPrecise):
        transfers.send(**sides, amount=Decimal("47.101"), currency="GHS")
    with pytest.raises(AmountTooPrecise):
        Money("0.5", "UGX")
    with pytest.raises(CurrencyMismatch):
        transfers.send(**sides, amount=Money(1, "GHS"), currency="EUR")
    with pytest.raises(UnknownCurrency, match="name the currency"):
        transfers.send(**sides, amount=1)
    with pytest.raises(InvalidAmount, match="not a float"):
        transfers.send(**sides, amount=47.1, currency="GHS")  # type: ignore[arg-type]
    assert str(Money(1234, "GHS")) == "1,234.00 GHS"
    assert Money("47.1", "GHS") == Money(Decimal("47.10"), "GHS")


# -- metadata -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        [],
        "x",
        {"A": 1},
        {"a": 1.5},
        {"a": 2**53},
        {"a": ""},
        {"a": "x" * 129},
        {"a": "\0"},
        {"a": "\ud800"},
        {"a": "\x07"},
        {"a": "\u202e"},
        {"a": ["x\u200b"]},
        {"a": {"b": {"c": {}}}},
        {f"n{n}": 1 for n in range(33)},
        {f"n{n}": "x" * 128 for n in range(20)},
        {"a": {1: 2}},
        {"a": object()},
    ],
)
def test_metadata_is_small_and_plain(metadata: Any) -> None:
    with pytest.raises(InvalidMetadata):
        transfers.send(payer=new_id(), payee=new_id(), amount=1, currency="EUR", metadata=metadata)


def test_metadata_is_copied() -> None:
    mine = {"tags": ["a"]}
    made = transfers.send(payer=new_id(), payee=new_id(), amount=1, currency="EUR", metadata=mine)
    mine["tags"].append("b")
    assert made.metadata == {"tags": ["a"]}
    assert isinstance(hash(made), int)


def test_metadata_is_not_changed_after_it_was_checked() -> None:
    made = transfers.send(
        payer=new_id(), payee=new_id(), amount=1, currency="EUR", metadata={"tags": ["a"], "of": {"n": 1}}
    )
    metadata: Any = made.metadata
    for change in (
        lambda: metadata.update(z="\0"),
        lambda: metadata.pop("of"),
        lambda: metadata["of"].clear(),
        lambda: metadata["tags"].append("b"),
        lambda: operator.setitem(metadata, "z", "\0"),
        lambda: operator.setitem(metadata["tags"], 0, "\0"),
        lambda: operator.ior(metadata, {"z": 1}),
        lambda: operator.iadd(metadata["tags"], ["b"]),
    ):
        with pytest.raises(TypeError, match="not changed"):
            change()
    assert made.metadata == {"tags": ["a"], "of": {"n": 1}}
    for copied in (copy.deepcopy(made), pickle.loads(pickle.dumps(made)), replace(made, amount=1)):
        assert copied == made
        with pytest.raises(TypeError):
            copied.metadata["tags"].append("b")


# -- wrong types --------------------------------------------------------------------------------------------

EVERYDAY: dict[str, Sequence[str]] = {
    "issue": ("funds", "wallet", "receipt"),
    "redeem": ("wallet", "funds"),
    "send": ("payer", "payee"),
    "pay": ("payer", "merchant"),
    "bill": ("payer", "biller"),
    "cash_in": ("agent", "customer"),
    "cash_out": ("customer", "agent"),
    "fee": ("payer", "fees"),
    "exchange": ("wallet", "into", "liquidity", "liquidity_into", "currency_into", "rate"),
}


@given(st.sampled_from(sorted(EVERYDAY)), st.data())
def test_everyday_operations_refuse_wrong_types_by_name(operation: str, data: st.DataObject) -> None:
    names = [*EVERYDAY[operation], "amount", "currency"]
    optional = (
        ["id", "key", "effective_at"] if operation == "exchange" else ["id", "key", "group", "metadata"]
    )
    given_ = {name: data.draw(anything, name) for name in names}
    given_ |= {name: data.draw(anything, name) for name in data.draw(st.sets(st.sampled_from(optional)))}
    with suppress(InvalidInput):
        made = getattr(transfers, operation)(**given_)
        for each in made if isinstance(made, list) else [made]:
            assert isinstance(each.id, UUID)
            each.check()


@given(st.lists(anything, min_size=6, max_size=11))
def test_a_transfer_refuses_wrong_types_by_name(values: list[Any]) -> None:
    with suppress(InvalidInput):
        Transfer(*values).check()


@on_database(150)
@given(st.data())
def test_the_ledger_refuses_wrong_types_by_name(shared_books: Books, data: st.DataObject) -> None:
    books, ledger = shared_books, shared_books.ledger
    any_, id_ = (lambda: data.draw(anything)), uuid4()
    with books.database.connection() as connection:
        calls: list[Callable[[], Any]] = [
            lambda: ledger.post(any_()),
            lambda: ledger.post([any_()]),
            lambda: ledger.post_in(connection, [any_()]),
            lambda: ledger.open_account(any_(), any_(), any_()),
            lambda: accounts.get(connection, any_()),
            lambda: accounts.open_accounts(connection, [NewAccount(any_(), any_(), any_(), any_(), any_())]),
            lambda: holds.place(ledger, any_()),
            lambda: holds.place(ledger, Hold(any_(), any_(), any_(), any_(), any_(), any_(), any_())),
            lambda: holds.capture(ledger, any_(), any_(), any_()),
            lambda: holds.void(ledger, any_()),
            lambda: reversals.refund(ledger, any_(), any_(), any_(), reason=any_(), reference=any_()),
            lambda: reversals.reverse(ledger, id_, id_, any_(), reason=any_()),
            lambda: disputes.open_dispute(
                ledger, any_(), any_(), any_(), reason_code=any_(), expires_at=any_(), actor=any_()
            ),
            lambda: disputes.uphold(ledger, any_(), any_(), any_(), actor=any_(), reason=any_()),
            lambda: disputes.reject(ledger, any_(), actor=any_(), reason=any_()),
            lambda: account_changes.freeze(ledger, any_(), actor=any_(), reason=any_()),
            lambda: account_changes.close(ledger, any_(), actor=any_(), reason=any_()),
            lambda: account_changes.move(ledger, any_(), any_(), actor=any_(), reason=any_()),
            lambda: account_changes.set_bounds(
                ledger, any_(), floor=any_(), ceiling=any_(), actor=any_(), reason=any_()
            ),
            lambda: accounts.set_metadata(connection, any_(), any_(), at=NOON),
            lambda: put_under(connection, {id_: any_()}, actor=any_(), reason=any_(), at=any_()),
            lambda: request_lifting(connection, any_(), any_(), actor=any_(), reason=any_(), at=NOON),
        ]
        with suppress(InvalidInput):
            data.draw(st.sampled_from(calls))()
        connection.rollback()
