"""Claims lie by month; those of months long past are retired, and no id of theirs is ever taken again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from books import Books, partition_of

from emoney.ledger import Operation, Transfer, disputes, holds, reversals
from emoney.ledger.acts import Hold
from emoney.ledger.base.errors import ConfigurationError, IdRetired, InvalidInput
from emoney.ledger.base.ids import Key, derived_id, new_id
from emoney.ledger.group_commit.commit import GroupCommit
from emoney.ledger.posting import partitions
from emoney.ledger.reports.trial_balance import trial_balance


def month(back: int, day: int = 1) -> datetime:
    """A day of the month so many before this one."""
    today = datetime.now(UTC)
    index = today.year * 12 + today.month - 1 - back
    return datetime(index // 12, index % 12 + 1, day, tzinfo=UTC)


def begin(books: Books, back: int) -> None:
    """Make the ledger's claims as if it had begun so many months ago."""
    first = month(back)
    with psycopg.connect(books.owner_url) as owner:
        owner.execute("ALTER TABLE ledger.claim DETACH PARTITION ledger.claim_before")
        owner.execute("UPDATE ledger.partition_start SET until = %s WHERE name = 'claim'", (first,))
        owner.execute("SELECT ledger.make_partitions_v1(%s, %s)", (first, back))
        owner.execute(
            "ALTER TABLE ledger.claim ATTACH PARTITION ledger.claim_before FOR VALUES FROM (MINVALUE)"
            f" TO (ledger.first_id('{first.isoformat()}'))"
        )


def told(back: int, name: str) -> UUID:
    """An id of the middle of a month so many before this one."""
    return derived_id(month(back, 15), name)


def random_in(back: int) -> UUID:
    """An id of version 4 that happens to lie in a month."""
    return UUID(int=told(back, "random").int & ~(0xF << 76) | (0x4 << 76))


@pytest.fixture
def old(books: Books) -> Books:
    """A ledger of six months, with transfers sent in each."""
    begin(books, 6)
    return books


def sent(books: Books, *ids: UUID, amount: int = 1, group: UUID | None = None) -> list[Transfer]:
    """Transfers under these ids."""
    payer, payee = books.funded(100), books.account()
    return [replace(books.transfer(payer, payee, amount, group=group), id=each) for each in ids]


def counts(books: Books) -> list[int]:
    with psycopg.connect(books.owner_url) as owner:
        return [
            owner.execute(f"SELECT count(*) FROM ledger.{table}").fetchone()[0]  # type: ignore[index]
            for table in ("claim", "transfer", "entry", "refusal", "hold", "dispute")
        ]


def test_claims_lie_in_the_month_that_their_ids_tell_and_are_replayed_there(old: Books) -> None:
    transfers = sent(old, told(5, "a"), told(1, "b"), told(9, "c"), new_id(), Key("order").id)
    old.posted(*transfers)
    assert [partition_of(old, "claim", "id", each.id) for each in transfers] == [
        f"ledger.claim_{month(5):%Y_%m}",
        f"ledger.claim_{month(1):%Y_%m}",
        "ledger.claim_before",
        f"ledger.claim_{month(0):%Y_%m}",
        "ledger.claim_other",
    ]
    assert all(outcome.replayed for outcome in old.post(*transfers))
    with old.database.connection() as connection:
        names = [each.name for each in partitions.partitions(connection) if each.table == "claim"]
    assert names[0] == "claim_before"
    assert names[1:7] == [f"claim_{month(back):%Y_%m}" for back in range(6, 0, -1)]
    assert names[-2:] == ["claim_ahead", "claim_other"]
    old.check()


def test_an_id_of_a_month_that_was_retired_is_refused_whether_it_was_sent_or_not(old: Books) -> None:
    gone, kept = told(6, "a"), told(4, "b")
    (early, late), (random, keyed) = sent(old, gone, kept), sent(old, random_in(6), Key("order").id)
    history = sent(old, told(20, "import"))
    old.posted(early, late, random, keyed, *history)
    assert partitions.retire_claims(old.owner_url, month(4)) == [
        f"claim_{month(6):%Y_%m}",
        f"claim_{month(5):%Y_%m}",
        f"claim_until_{month(6):%Y_%m}",
    ]
    assert all(outcome.replayed for outcome in old.post(late, random, keyed))
    before = counts(old)
    for transfer in (early, *history, replace(early, id=told(5, "never sent"))):
        with pytest.raises(IdRetired):
            old.post(transfer)
        with pytest.raises(IdRetired):
            old.post(late, transfer, *sent(old, new_id()))
    assert counts(old)[:1] != before[:1]  # what funds the accounts of new ones
    old.posted(*sent(old, new_id(), told(4, "new"), UUID(int=random_in(5).int + 1)))
    old.check()
    with old.database.connection() as connection:
        assert trial_balance(connection).balanced


def ways(books: Books) -> dict[str, Callable[[UUID], object]]:
    """Every way to send an id, each on accounts of its own."""
    payer, payee = books.funded(1000), books.account()
    original = books.transfer(payer, payee, 100)
    hold = Hold(new_id(), payer, payee, 50, "EUR", Operation.P2P, books.now + timedelta(days=1))
    books.posted(original)
    assert holds.place(books.ledger, hold).posted

    def transfer(each: UUID) -> Transfer:
        return replace(books.transfer(payer, payee, 1), id=each)

    def committed(each: UUID) -> None:
        with GroupCommit(books.ledger) as commits:
            fine, refused = commits.post(books.transfer(payer, payee, 1)), None
            try:
                commits.post(transfer(each))
            except IdRetired as error:
                refused = error
            assert fine.posted
        if refused:
            raise refused

    def grouped(each: UUID) -> object:
        return books.post(*(replace(books.transfer(payer, payee, 1), group=each) for _ in range(2)))

    def in_mine(each: UUID) -> object:
        with books.database.connection() as connection:
            return books.ledger.post_in(connection, [transfer(each)])

    return {
        "single": lambda each: books.post(transfer(each)),
        "batch": lambda each: books.post(books.transfer(payer, payee, 1), transfer(each)),
        "caller's transaction": in_mine,
        "batches in a row": lambda each: list(books.ledger.post_all([[transfer(each)]])),
        "group of linked ones": grouped,
        "group commit": committed,
        "hold": lambda each: holds.place(books.ledger, replace_hold(hold, each)),
        "capture": lambda each: holds.capture(books.ledger, hold.id, each, 1, release_rest=False),
        "refund": lambda each: reversals.refund(books.ledger, original.id, each, 1, reason="wrong"),
        "dispute": lambda each: disputes.open_dispute(
            books.ledger,
            original.id,
            each,
            1,
            reason_code="10.4",
            expires_at=books.now + timedelta(days=1),
            actor="agent-7",
        ),
    }


def replace_hold(hold: Hold, hold_id: UUID) -> Hold:
    return Hold(hold_id, hold.debit_account, hold.credit_account, 1, "EUR", hold.operation, hold.expires_at)


def test_every_way_of_sending_a_retired_id_is_refused_and_leaves_nothing(old: Books) -> None:
    by = ways(old)
    for way, send in by.items():
        send(told(6, way))
    partitions.retire_claims(old.owner_url, month(3))
    for way, send in by.items():
        for each in (told(6, way), told(6, f"{way}, never sent")):
            before = counts(old)
            with pytest.raises(IdRetired):
                send(each)
            after = counts(old)
            if way == "group commit":  # the one beside it was posted
                after = [n - m for n, m in zip(after, (1, 1, 2, 0, 0, 0), strict=True)]
            assert after == before, way
    old.check()


def test_retiring_again_goes_on_from_there_and_keeps_what_is_no_time(old: Books) -> None:
    transfers = sent(old, random_in(6), random_in(5), told(5, "a"))
    old.posted(*transfers)
    assert len(partitions.retire_claims(old.owner_url, month(5))) == 2
    assert partitions.retire_claims(old.owner_url, month(5)) == []
    assert partitions.retire_claims(old.owner_url, month(6)) == []
    assert all(outcome.replayed for outcome in old.post(*transfers))
    assert partitions.retire_claims(old.owner_url, month(3)) == [
        f"claim_{month(5):%Y_%m}",
        f"claim_{month(4):%Y_%m}",
    ]
    assert all(outcome.replayed for outcome in old.post(*transfers[:2]))
    with pytest.raises(IdRetired):
        old.post(transfers[2])
    with old.database.connection() as connection:
        assert partitions.make(connection, month(6), 6) == 0
    for verb in ("DELETE FROM", "TRUNCATE"):
        with (
            pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
            psycopg.connect(old.owner_url) as owner,
        ):
            owner.execute(f"{verb} ledger.claim_before")


def test_an_interrupted_search_is_begun_anew(old: Books) -> None:
    old.posted(*sent(old, random_in(6)))
    name = f"claim_{month(6):%Y_%m}"
    old.owner(
        f"CREATE INDEX {name}_kept ON ledger.{name} (id) WHERE NOT ledger.tells_time(id)",
    )
    with psycopg.connect(old.owner_url) as owner:
        owner.execute(
            "CREATE INDEX claim_before_kept ON ledger.claim_before (id) WHERE NOT ledger.tells_time(id)"
        )
    assert len(partitions.retire_claims(old.owner_url, month(5))) == 2


def test_only_the_owner_retires_and_only_what_is_long_past(old: Books) -> None:
    for before in (month(2), month(0), month(-1), month(4).replace(tzinfo=None)):
        with pytest.raises(InvalidInput):
            partitions.retire_claims(old.owner_url, before)
    with old.database.connection() as connection:
        for verb in ("SELECT ledger.retire_claims_v1('2020-01-01')",):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(verb)
        names = [each.name for each in partitions.partitions(connection)]
    assert f"claim_{month(6):%Y_%m}" in names


def test_what_was_sent_before_its_month_had_come_moves_to_the_month(books: Books) -> None:
    """Ids whose time is far ahead, or none: they do not lie in the way of the month's partitions."""
    ahead, random = told(-20, "fast clock"), random_in(-20)
    transfers = sent(books, ahead, random)
    books.posted(*transfers)
    assert partition_of(books, "transfer", "id", ahead) == "ledger.transfer_ahead"
    assert partition_of(books, "claim", "id", random) == "ledger.claim_ahead"
    with books.database.connection() as connection:
        assert partitions.make(connection, month(-20)) == 3
    for table in ("transfer", "claim"):
        for each in (ahead, random):
            assert partition_of(books, table, "id", each) == f"ledger.{table}_{month(-20):%Y_%m}"
        with (
            pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState),
            psycopg.connect(books.owner_url) as owner,
        ):
            owner.execute(f"DELETE FROM ledger.{table}_ahead")
    assert all(outcome.replayed for outcome in books.post(*transfers))
    books.check()


def test_another_login_than_the_owners_does_not_retire(old: Books) -> None:
    url = psycopg.conninfo.make_conninfo(old.owner_url, options="-c role=emoney_app")
    with pytest.raises(ConfigurationError):
        partitions.retire_claims(url, month(4))
