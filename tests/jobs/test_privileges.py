"""What readers may see, tried by logging in as each: every table there is, every way to read and write."""

from dataclasses import dataclass

import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege, ObjectNotInPrerequisiteState
from reader_logins import refused

import emoney.jobs.tables  # noqa: F401
from emoney.jobs.migrate import PACKAGES, upgrade
from emoney.jobs.revisions import VERSIONS
from emoney.ledger.base.declarations import Category
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import privileges
from emoney.privacy.assessment import inventory
from emoney.privacy.privileges import Reader, decisions

READERS = list(Reader)
COLUMNS = {row.name: row for row in inventory.read(Table.metadata).rows}


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
    assert {each.schema for each in found} == {*PACKAGES, VERSIONS}
    return found


def may_see(reader: Reader, relation: Relation) -> set[str]:
    """The columns that were decided for a reader."""
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
        for schema in (*PACKAGES, VERSIONS, "public"):
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
            (list(PACKAGES), reader),
        ).fetchall()
        sequences = owner.execute(
            "SELECT seqrelid::regclass::text FROM pg_sequence"
            " WHERE has_sequence_privilege(%s, seqrelid, 'USAGE, SELECT, UPDATE')",
            (reader,),
        ).fetchall()
    # a KYC reader may ask what it was given: the policies of its rows ask by the same functions
    given = {f"kyc.{what}_given_v1()" for what in ("everyone", "persons", "accounts", "evidence", "subjects")}
    assert {name for (name,) in privileged} == (given if reader is Reader.KYC else set())
    assert sequences == []
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


# What was decided, compared with what the columns declare of themselves.


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


def test_the_application_makes_no_readers(database: Database) -> None:
    with database.connection() as connection, pytest.raises(InsufficientPrivilege):
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
