"""Every query in a `.sql` file is one that the schema knows: no column, table or function that is not."""

import re
from pathlib import Path

import psycopg
from psycopg.pq import ExecStatus

ROOT = Path(__file__).resolve().parents[2]
STAGED = "jobs/importing/staging.sql"
"""Its tables are temporary ones, which an import makes first; importing it is what tests it."""
UNTYPED = ("could not determine data type", "inconsistent types deduced", "is not unique")
"""What PostgreSQL says where a parameter's type is known only from the value that the driver sends."""


def queries() -> list[tuple[str, str]]:
    """Each query that stands whole in its file: `file: name`, and its text with numbered parameters."""
    found = []
    for package in ("ledger", "privacy", "kyc", "aml", "jobs"):
        for path in sorted((ROOT / package).rglob("*.sql")):
            where = str(path.relative_to(ROOT))
            if "migrations" in path.parts or where == STAGED:
                continue
            for part in re.split(r"(?m)^-- name:\s*", path.read_text(encoding="utf-8"))[1:]:
                name, text = part.split("\n", 1)
                text = re.sub(r"(?m)--.*$", "", text).strip().rstrip(";")
                if "{" not in text and not text.endswith("VALUES"):  # else it is finished by its module
                    found.append((f"{where}: {name.strip()}", numbered(text)))
    return found


def numbered(text: str) -> str:
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return re.sub(r"(?<![:\w]):([a-z_]\w*)", number, text)


def test_every_query_is_one_that_the_schema_knows(owner_url: str) -> None:
    wrong = {}
    with psycopg.connect(owner_url, autocommit=True) as owner:
        found = queries()
        for name, text in found:
            told = owner.pgconn.prepare(b"query", text.encode())
            message = told.error_message.decode()
            if told.status == ExecStatus.COMMAND_OK:
                owner.execute("DEALLOCATE query")
            elif not any(untyped in message for untyped in UNTYPED):
                wrong[name] = message
    assert wrong == {}
    assert len(found) > 300


def test_a_query_of_a_column_that_is_not_there_is_found(owner_url: str) -> None:
    text = numbered("SELECT kinds FROM ledger.account WHERE id = :id")
    with psycopg.connect(owner_url, autocommit=True) as owner:
        told = owner.pgconn.prepare(b"query", text.encode())
    assert told.status == ExecStatus.FATAL_ERROR
    assert 'column "kinds" does not exist' in told.error_message.decode()
