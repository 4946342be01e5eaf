"""The log of openings: who opened, and who was refused, whatever the caller then does."""

import os
import threading
from uuid import UUID

import psycopg
import pytest

from emoney.ledger.base.errors import Unavailable
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.privacy import CannotOpen, ClearField, Place, Purpose, Sealed, SealedField, Vault
from emoney.privacy.errors import PurposeNotApproved, UnknownPurpose
from emoney.privacy.vault import purposes


@pytest.fixture
def item(database: Database, vault: Vault, subject: UUID, place: Place) -> SealedField:
    with database.connection() as connection:
        return SealedField(
            subject, place, vault.seal(connection, subject=subject, place=place, value="Akosua")
        )


def _rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.connection() as connection:
        return connection.execute(query.encode()).fetchall()


def test_a_rollback_does_not_take_an_opening_back(
    database: Database, vault: Vault, item: SealedField
) -> None:
    with database.connection() as connection:
        assert vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job") == ["Akosua"]
        connection.rollback()
    assert _rows(database, "SELECT actor, row_id FROM privacy.opening") == [("job", item.place.row)]


def test_every_field_of_a_bulk_opening_is_logged_as_it_was_opened(database: Database, vault: Vault) -> None:
    """More rows than are sent at once; the fields of a row do not all follow each other."""
    people = [new_id() for _ in range(260)]
    clear = [
        ClearField(person, Place(table, column, person), f"{column} of {person}")
        for table, columns in (("kyc.person", ("name", "phone")), ("kyc.document", ("number",)))
        for column in columns
        for person in people
    ]
    clear += [ClearField(people[0], Place("kyc.person", name, people[0]), name) for name in ("a", "b")]
    with database.connection() as connection:
        sealed = vault.seal_many(connection, clear)
        items = [SealedField(it.subject, it.place, box) for it, box in zip(clear, sealed, strict=True)]
        values = vault.open(connection, items, purpose=Purpose.SCREENING, actor="Zoë-7")
    assert values == [it.value for it in clear]
    logged = _rows(
        database,
        "SELECT subject, table_name, column_name, row_id FROM privacy.opening "
        "WHERE actor = 'Zoë-7' AND purpose = 'screening' AND opened_at > now() - interval '1 hour' "
        "AND xact = (SELECT xmin::text::bigint FROM privacy.opening LIMIT 1) ORDER BY id",
    )
    alone = [(it.subject, it.place.table, it.place.column, it.place.row) for it in clear[:-2]]
    assert logged == [*alone, (people[0], "kyc.person", "a,b", people[0])]
    assert _rows(database, "SELECT count(DISTINCT salt), count(DISTINCT id) FROM privacy.opening") == [
        (len(logged), len(logged))
    ]


def test_the_order_of_the_leaves_is_not_the_applications_to_write(database: Database) -> None:
    with database.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO privacy.opening (id, xact) VALUES (gen_random_uuid(), 1)")


def test_what_cannot_be_logged_is_not_opened(
    database: Database, owner_url: str, vault: Vault, item: SealedField
) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("ALTER TABLE privacy.opening RENAME TO gone")
    with database.connection() as connection, pytest.raises(psycopg.errors.UndefinedTable):
        vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job")


def test_a_lost_log_connection_is_named_and_made_again(
    database: Database, owner_url: str, vault: Vault, item: SealedField
) -> None:
    with database.connection() as connection:
        vault.open(connection, [item], purpose=Purpose.SCREENING, actor="one")
        mine = connection.info.backend_pid
    with psycopg.connect(owner_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            (mine,),
        )
    with pytest.raises(Unavailable, match="nothing is opened"), database.connection() as connection:
        vault.open(connection, [item], purpose=Purpose.SCREENING, actor="two")
    with database.connection() as connection:
        vault.open(connection, [item], purpose=Purpose.SCREENING, actor="three")
    assert _rows(database, "SELECT actor FROM privacy.opening ORDER BY opened_at") == [("one",), ("three",)]


def test_a_purpose_that_the_approved_assessment_lacks_is_refused_and_logged(
    database: Database, vault: Vault, item: SealedField
) -> None:
    with database.connection() as connection:
        purposes.approve(connection, [Purpose.SCREENING], assessment="a" * 64, actor="dpo-1")
    with pytest.raises(PurposeNotApproved, match="customer service"), database.connection() as connection:
        vault.open(connection, [item], purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7")
    with database.connection() as connection:
        assert vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job") == ["Akosua"]
    assert _rows(
        database, "SELECT actor, purpose, reason, fields, table_name, subject FROM privacy.opening_refusal"
    ) == [("clerk-7", "customer service", "purpose not approved", 1, "kyc.person", item.subject)]


def test_refusals_outlive_the_callers_rollback_and_tell_nothing_of_free_text(
    database: Database, vault: Vault, item: SealedField
) -> None:
    other = SealedField(new_id(), item.place, item.sealed)
    broken = SealedField(item.subject, item.place, Sealed(item.sealed.ciphertext[:-1]))
    for asked, purpose, error in (
        (item, "I would like to see Akosua", UnknownPurpose),
        (other, Purpose.SCREENING, CannotOpen),
        (broken, Purpose.SCREENING, CannotOpen),
    ):
        with pytest.raises(error), database.connection() as connection:
            vault.open(connection, [asked], purpose=purpose, actor="clerk-7")
    found = _rows(database, "SELECT purpose, reason FROM privacy.opening_refusal ORDER BY id")
    assert found == [
        (None, "unknown purpose"),
        ("screening", "field does not open"),
        ("screening", "field does not open"),
    ]
    assert _rows(database, "SELECT count(*) FROM privacy.opening") == [(0,)]


def test_more_callers_than_the_pool_has_places_open_at_once(
    database: Database, vault: Vault, item: SealedField
) -> None:
    failures: list[BaseException] = []
    inside = threading.Barrier(16)  # every place of the pool is taken while all open

    def opens() -> None:
        try:
            with database.connection() as connection:
                inside.wait(120)
                vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=opens) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _rows(database, "SELECT count(*) FROM privacy.opening") == [(16,)]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # forking with threads is what is tested
def test_a_forked_process_opens_over_a_connection_of_its_own_and_repeats_no_nonce(
    database: Database, owner_url: str, vault: Vault, item: SealedField, subject: UUID
) -> None:
    with database.connection() as connection:
        vault.open(connection, [item], purpose=Purpose.SCREENING, actor="parent")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            own = Database(owner_url)
            nonces = _nonces(own, vault, subject)
            with own.connection() as connection:
                vault.open(connection, [item], purpose=Purpose.SCREENING, actor="child")
            os.write(writing, nonces)
        finally:
            os._exit(0)
    os.close(writing)
    mine = _nonces(database, vault, subject)
    with os.fdopen(reading, "rb") as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    with database.connection() as connection:
        vault.open(connection, [item], purpose=Purpose.SCREENING, actor="parent")
    both = [raw[at : at + 12] for raw in (mine, theirs) for at in range(0, len(raw), 12)]
    assert len(both) == 200
    assert len(set(both)) == 200
    assert sorted(_rows(database, "SELECT actor FROM privacy.opening")) == [
        ("child",), ("parent",), ("parent",),
    ]  # fmt: skip


def _nonces(database: Database, vault: Vault, subject: UUID) -> bytes:
    with database.connection() as connection:
        return b"".join(_nonce(connection, vault, subject) for _ in range(100))


def _nonce(connection: Connection, vault: Vault, subject: UUID) -> bytes:
    place = Place("kyc.person", "name", new_id())
    return vault.seal(connection, subject=subject, place=place, value="x").ciphertext[42:54]
