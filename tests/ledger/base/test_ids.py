"""Ids and content hashes are written down for good: these vectors may never change."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emoney.ledger import Operation, Transfer
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import content_id, derived_id, new_id

AT = datetime(2026, 3, 10, 12, 30, 15, 250_000, tzinfo=UTC)
TRANSFER = Transfer(
    UUID(int=1),
    UUID(int=2),
    UUID(int=3),
    1234,
    "EUR",
    Operation.P2P,
    "receipt|7",
    UUID(int=4),
    AT,
)
OTHERS = {
    "debit_account": UUID(int=9),
    "credit_account": UUID(int=9),
    "amount": 1235,
    "currency": "USD",
    "operation": Operation.PAY,
    "reference": "receipt|8",
    "group": UUID(int=9),
    "effective_at": AT + timedelta(microseconds=1),
    "metadata": {"order": "47"},
}


def test_derived_ids_are_the_same_everywhere_and_forever() -> None:
    assert derived_id(AT, "mobile-money", "tx-1") == UUID("019cd7b9-f8d2-75fd-b902-ecd3007f0006")
    assert derived_id(AT, "mobile-money", "tx-2") == UUID("019cd7b9-f8d2-79bd-acd7-0c3b0b4b7bc6")
    assert derived_id(AT) == UUID("019cd7b9-f8d2-7e3b-8311-0a63f070526b")
    assert content_id(b"content") == UUID("ed7002b4-39e9-8c84-9f22-357d822bac14")


def test_ids_say_their_version_and_time() -> None:
    for made in (new_id(), derived_id(AT, "x")):
        assert made.version == 7
        assert made.variant == "specified in RFC 4122"
    assert derived_id(AT, "x").int >> 80 == int(AT.timestamp() * 1000)
    assert content_id(b"x").version == 8


def test_the_zone_in_which_a_time_is_told_does_not_matter_but_one_is_needed() -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    assert derived_id(AT.astimezone(kathmandu), "x") == derived_id(AT, "x")
    with pytest.raises(InvalidInput, match="time zone"):
        derived_id(AT.replace(tzinfo=None), "x")


@given(st.lists(st.text(max_size=5), max_size=4), st.lists(st.text(max_size=5), max_size=4))
def test_parts_do_not_run_together(one: list[str], other: list[str]) -> None:
    assert (derived_id(AT, *one) == derived_id(AT, *other)) == (one == other)


@given(st.integers(0, 10**12), st.integers(1, 10**12), st.text(), st.text())
@example(32_768_000, 125 * 10**9, "", "")  # a millisecond that a float does not hold
def test_derived_ids_sort_by_time(first: int, later_by: int, one: str, other: str) -> None:
    before = datetime.fromtimestamp(first // 1000, UTC)
    after = before + timedelta(milliseconds=1 + later_by % 10**9)
    assert derived_id(before, one) < derived_id(after, other)


def test_new_ids_differ_and_sort_by_time() -> None:
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [i.int >> 80 for i in made] == sorted(i.int >> 80 for i in made)


def test_the_content_hash_is_pinned() -> None:
    assert TRANSFER.content_hash().hex() == "944e85917f3ccd5b926d49b3ac514a3a4394a12e00ea42de1f9ed44fd6b679c0"
    bare = replace(TRANSFER, reference=None, group=None, effective_at=None)
    assert bare.content_hash().hex() == "c121dcf3ab371cf72c123ee91cf4b30e12ff6ac901a204b72bfb33d0860c8e4c"


def test_the_content_hash_covers_every_field_but_the_id() -> None:
    assert {field.name for field in fields(Transfer)} == {"id", "key", *OTHERS}
    assert replace(TRANSFER, id=UUID(int=9)).content_hash() == TRANSFER.content_hash()
    changed = [replace(TRANSFER, **{name: value}) for name, value in OTHERS.items()]  # type: ignore[arg-type]
    missing = [replace(TRANSFER, **{name: None}) for name in ("reference", "group", "effective_at")]  # type: ignore[arg-type]
    hashes = {transfer.content_hash() for transfer in [TRANSFER, *changed, *missing]}
    assert len(hashes) == 1 + len(changed) + len(missing)


def test_the_same_moment_in_another_zone_is_the_same_content() -> None:
    accra = replace(TRANSFER, effective_at=AT.astimezone(timezone(timedelta(hours=-7))))
    assert accra.content_hash() == TRANSFER.content_hash()
