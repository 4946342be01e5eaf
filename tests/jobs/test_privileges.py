"""What readers may see, tried by logging in as each: every table there is, every way to read and write."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState
from sqlmodel import SQLModel

import jobs.tables  # noqa: F401
from jobs.migrate import PACKAGES, upgrade
from ledger.database import Database
from ledger.declarations import Category
from ledger.ids import new_id
from privacy import ClearField, Place, Vault, inventory, privileges
from privacy.privileges import Reader, decisions
from privacy.reading_views import SCHEMA

READERS = list(Reader)
COLUMNS = {row.name: row for row in inventory.read(SQLModel.metadata).rows}


@dataclass(frozen=True)
class Relation:
    """Something of the catalogue that rows could be read from or written to."""

    schema: str
    name: str
    columns: tuple[str, ...]
    view: bool

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def relations(url: str) -> list[Relation]:
    """Every table, partition and view of every schema that is not the server's own."""
    with psycopg.connect(url) as owner:
        rows = owner.execute(
            "SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum), c.relkind = 'v'"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE n.nspname NOT LIKE 'pg\\_%%' AND n.nspname <> 'information_schema'"
            " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') GROUP BY 1, 2, 4 ORDER BY 1, 2",
            (),
        ).fetchall()
    found = [Relation(schema, name, tuple(columns), view) for schema, name, columns, view in rows]
    assert {each.schema for each in found} == {*PACKAGES, SCHEMA, "public"}
    return found


@pytest.fixture
def logins(owner_url: str) -> Iterator[dict[Reader, str]]:
    """For each reader a URL of a login of its own, which is a member of nothing else."""
    urls = {}
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for reader in READERS:
            login = f"{reader}_{os.getpid()}"
            owner.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(login)))
            owner.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'reader' IN ROLE {}").format(
                    sql.Identifier(login), sql.Identifier(reader)
                )
            )
            urls[reader] = make_conninfo(owner_url, user=login, password="reader")
    yield urls
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for reader in READERS:
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(f"{reader}_{os.getpid()}")))


def refused(connection: psycopg.Connection[Any], query: sql.Composable, *also: type[psycopg.Error]) -> bool:
    """Whether the server refuses a statement for want of privilege; any error not in `also` is the test's."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(query)
    except (InsufficientPrivilege, *also):
        return True
    return False


def may_see(reader: Reader, relation: Relation) -> set[str]:
    """The columns that were decided for a reader."""
    if reader is Reader.KYC:
        decision = decisions().get(f"kyc.{relation.name}") if relation.schema == SCHEMA else None
    else:
        decision = decisions().get(str(relation))
    seen = decision.of(reader) if decision else None
    return set(relation.columns) if seen == "all" else set(seen or ())


def test_every_table_was_decided_of(owner_url: str) -> None:
    with psycopg.connect(owner_url) as owner:
        assert privileges.undecided(owner) == []
        owner.execute("CREATE TABLE kyc.undecided_yet (id uuid)")
        assert privileges.undecided(owner) == ["kyc.undecided_yet"]


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_sees_the_columns_that_were_decided_and_no_others(
    owner_url: str, logins: dict[Reader, str], reader: Reader
) -> None:
    wrong, seen = [], 0
    with psycopg.connect(logins[reader]) as connection:
        for relation in relations(owner_url):
            allowed = may_see(reader, relation)
            for column in relation.columns:
                query = sql.SQL("SELECT {} FROM {} LIMIT 0").format(
                    sql.Identifier(column), relation.identifier
                )
                seen += column in allowed
                if refused(connection, query) == (column in allowed):
                    wrong.append(f"{relation}.{column}")
            whole = allowed == set(relation.columns)
            if refused(connection, sql.SQL("TABLE {} LIMIT 0").format(relation.identifier)) == whole:
                wrong.append(str(relation))
    assert wrong == []
    assert seen > 30


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_writes_nothing(owner_url: str, logins: dict[Reader, str], reader: Reader) -> None:
    written = []
    of_any = ("INSERT INTO {} DEFAULT VALUES", "UPDATE {} SET {} = NULL", "DELETE FROM {}")
    of_views = ("DROP VIEW {}", "CREATE OR REPLACE VIEW {} AS SELECT 1 AS {}")
    of_tables = (
        "TRUNCATE {}",
        "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        "COPY {} FROM STDIN",
        "DROP TABLE {}",
        "ALTER TABLE {} ADD COLUMN planted text",
        "CREATE TRIGGER planted AFTER INSERT ON {} EXECUTE FUNCTION ledger.refuse_change()",
    )
    with psycopg.connect(logins[reader]) as connection:
        for relation in relations(owner_url):
            for way in (*of_any, *(of_views if relation.view else of_tables)):
                query = sql.SQL(way).format(relation.identifier, sql.Identifier(relation.columns[0]))
                joined = (ObjectNotInPrerequisiteState,) if relation.view else ()  # nobody writes to these
                if not refused(connection, query, *joined):
                    written.append(query.as_string(connection))
        for schema in (*PACKAGES, SCHEMA, "public"):
            if not refused(
                connection, sql.SQL("CREATE TABLE {} (x int)").format(sql.Identifier(schema, "t"))
            ):
                written.append(f"create in {schema}")
    assert written == []


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_becomes_nobody_else_and_runs_nothing_with_the_owners_rights(
    owner_url: str, logins: dict[Reader, str], reader: Reader
) -> None:
    with psycopg.connect(owner_url) as owner:
        roles = [row[0] for row in owner.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")]
        privileged = owner.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname = ANY(%s) AND p.prosecdef AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            ([*PACKAGES, SCHEMA], reader),
        ).fetchall()
        sequences = owner.execute(
            "SELECT seqrelid::regclass::text FROM pg_sequence"
            " WHERE has_sequence_privilege(%s, seqrelid, 'USAGE, SELECT, UPDATE')",
            (reader,),
        ).fetchall()
    assert (privileged, sequences) == ([], [])
    with psycopg.connect(logins[reader]) as connection:
        me = {reader, connection.info.user}
        become = [
            role
            for role in roles
            if role not in me and not refused(connection, sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
        ]
        assert become == []
        assert refused(connection, sql.SQL("SET SESSION AUTHORIZATION postgres"))
        assert refused(connection, sql.SQL("SELECT pg_read_file('postgresql.conf')"))


# What was decided, held against what the columns declare of themselves.


def seen_columns(reader: Reader) -> set[str]:
    """The mapped columns that a reader was given."""
    found = set()
    for name, decision in decisions().items():
        columns = [each for each in COLUMNS.values() if each.table_name == name]
        seen = decision.of(reader)
        found |= {each.name for each in columns if seen == "all" or each.column in (seen or ())}
    return found


@pytest.mark.parametrize("reader", READERS)
def test_nobody_sees_keys(reader: Reader) -> None:
    assert [name for name in seen_columns(reader) if COLUMNS[name].category is Category.KEY_MATERIAL] == []


@pytest.mark.parametrize("reader", [Reader.ANALYST, Reader.AUDITOR])
def test_only_kyc_readers_see_sealed_columns(reader: Reader) -> None:
    assert [name for name in seen_columns(reader) if COLUMNS[name].sealed] == []
    assert any(COLUMNS[name].sealed for name in seen_columns(Reader.KYC))


@pytest.mark.parametrize("reader", READERS)
def test_nobody_is_told_who_is_watched(reader: Reader) -> None:
    assert [name for name in seen_columns(reader) if COLUMNS[name].category is Category.SUSPICION] == []


def test_an_analyst_sees_the_ledger_without_holders_references_and_texts() -> None:
    seen = seen_columns(Reader.ANALYST)
    assert {name.split(".")[0] for name in seen} == {"ledger"}
    telling = {
        "holder",
        "external_ref",
        "reference",
        "metadata",
        "payload",
        "reason",
        "actor",
        "bank_account",
    }
    assert [name for name in seen if name.split(".")[2] in telling] == []


def test_an_analyst_is_given_columns_by_name_so_that_a_new_one_stays_closed() -> None:
    assert [name for name, decision in decisions().items() if decision.analyst == "all"] == []


def test_every_table_that_leads_to_a_person_keeps_rows_of_other_packs_back() -> None:
    telling = {"person_id", "account_id", "subject"}
    open_to_all = [
        name
        for name, decision in decisions().items()
        if decision.rows == "all" and any(f"{name}.{column}" in COLUMNS for column in telling)
    ]
    assert open_to_all == []


# Rows.


def enrolled(owner_url: str, vault: Vault, database: Database, pack: str) -> UUID:
    """A person with one sealed name and one wallet under `pack`."""
    person, account = new_id(), new_id()
    with database.connection() as connection:
        [name] = vault.seal_many(
            connection, [ClearField(person, Place("kyc.person", "name", person), f"Planted {pack}")]
        )
    with psycopg.connect(owner_url) as owner:
        owner.execute(
            "INSERT INTO kyc.person (id, external_ref, kind, name, enrolled_at)"
            " VALUES (%s, %s, 'natural', %s, now())",
            (person, str(person), name.ciphertext),
        )
        owner.execute("ALTER TABLE kyc.wallet DISABLE TRIGGER ALL")
        owner.execute(
            "INSERT INTO kyc.wallet (account_id, person_id, pack_id, tier, tier_since)"
            " VALUES (%s, %s, %s, 'minimum', now())",
            (account, person, pack),
        )
        owner.execute("ALTER TABLE kyc.wallet ENABLE TRIGGER ALL")
    return person


def test_a_kyc_reader_sees_persons_of_the_packs_it_was_given(
    owner_url: str, database: Database, home: Any, logins: dict[Reader, str]
) -> None:
    from privacy import open_keyring

    with database.connection() as connection:
        vault = Vault(open_keyring(home, connection))
    ghana = enrolled(owner_url, vault, database, "gh-bog-2024")
    kenya = enrolled(owner_url, vault, database, "ke-cbk-2023")

    def seen() -> set[UUID]:
        with psycopg.connect(logins[Reader.KYC]) as reader:
            persons = {row[0] for row in reader.execute(f"SELECT id FROM {SCHEMA}.person")}
            wallets = {row[0] for row in reader.execute(f"SELECT person_id FROM {SCHEMA}.wallet")}
        assert persons == wallets
        return persons

    def give(pack: str) -> None:
        with psycopg.connect(owner_url) as owner:
            login = psycopg.conninfo.conninfo_to_dict(logins[Reader.KYC])["user"]
            owner.execute("INSERT INTO privacy.reader_pack (reader, pack_id) VALUES (%s, %s)", (login, pack))

    assert seen() == set()
    give("gh-bog-2024")
    assert seen() == {ghana}
    with psycopg.connect(logins[Reader.KYC]) as reader:
        reader.execute("SET ROLE emoney_kyc_reader")  # another name, the same login
        assert [row[0] for row in reader.execute(f"SELECT id FROM {SCHEMA}.person")] == [ghana]
        # a function of the reader's own must not be shown the rows that are kept back
        reader.execute(
            "CREATE FUNCTION pg_temp.tell(id uuid) RETURNS boolean LANGUAGE plpgsql COST 0.0001"
            " AS $$ BEGIN RAISE NOTICE '%', id; RETURN true; END $$"
        )
        told: list[str] = []
        reader.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
        reader.execute(f"SELECT count(*) FROM {SCHEMA}.person WHERE pg_temp.tell(id)")
        assert told == [str(ghana)]
        content = reader.execute(f"SELECT name FROM {SCHEMA}.person").fetchone()
        assert content is not None
        assert b"Planted" not in content[0]
    give("*")
    assert seen() == {ghana, kenya}


def test_the_application_is_not_affected_and_makes_no_readers(database: Database) -> None:
    with database.connection() as connection:
        protected = connection.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall()
        assert protected == []  # under policies COPY is refused, and enrolment needs it
        with pytest.raises(InsufficientPrivilege):
            connection.execute("INSERT INTO privacy.reader_pack (reader, pack_id) VALUES ('me', '*')")


# Upkeep.


def test_a_grant_by_hand_does_not_last(owner_url: str, logins: dict[Reader, str]) -> None:
    with psycopg.connect(owner_url) as owner:
        assert privileges.differences(owner) == []
        owner.execute("GRANT SELECT ON kyc.person TO emoney_analyst")
        owner.execute("GRANT UPDATE (wrapped) ON privacy.subject_key TO emoney_auditor")
        owner.execute("REVOKE SELECT ON ledger.checkpoint FROM emoney_auditor")
        owner.execute("GRANT USAGE ON SEQUENCE ledger.event_position TO emoney_analyst")
        assert privileges.differences(owner) == [
            "emoney_analyst: kyc.person",
            "emoney_analyst: ledger.event_position",
            "emoney_auditor: ledger.checkpoint",
            "emoney_auditor: privacy.subject_key",
        ]
    assert not upgrade(owner_url)
    with psycopg.connect(owner_url) as owner:
        assert privileges.differences(owner) == []
        assert privileges.apply(owner) == 0


def test_a_table_nobody_decided_of_is_closed(owner_url: str, logins: dict[Reader, str]) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("CREATE TABLE ledger.new_thing (id uuid)")
        privileges.apply(owner)
    for url in logins.values():
        with psycopg.connect(url) as connection:
            assert refused(connection, sql.SQL("TABLE ledger.new_thing"))
