"""What is tried by SQL, as the application's login."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from emoney.ledger import Database
from emoney.privacy import Purpose, SealedField, Vault
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind

Connected = psycopg.Connection[Any]
GARBAGE = "decode(repeat('ab', 61), 'hex')"

SUCCESSOR = (
    "UPDATE privacy.kek SET state = 'decrypt-only' WHERE use = 'wrap subject keys'",
    "INSERT INTO privacy.kek SELECT 'mine', provider, use, NULL, 'active', created_at, seal_until, open_until"
    " FROM privacy.kek WHERE use = 'wrap subject keys' LIMIT 1",
)
ROTATION = (
    "INSERT INTO privacy.rotation (id, kind, actor, started_at)"
    " VALUES (gen_random_uuid(), 'rewrap', 'ops-1', now())"
)
OVERWRITE = f"UPDATE privacy.subject_key SET kek = 'mine', wrapped = {GARBAGE}"
MONTH = (
    "INSERT INTO privacy.kek SELECT 'mine', provider, use, '{}', 'active', created_at, seal_until, open_until"
    " FROM privacy.kek WHERE use = 'wrap subject keys' LIMIT 1"
)


def together(app: Connected, *statements: str) -> None:
    with app.transaction():
        for statement in statements:
            app.execute(statement.encode())


def refused(app: Connected, *statements: str, match: str = ".") -> None:
    """One of these is refused, and nothing of them stays."""
    with pytest.raises(psycopg.Error, match=match):
        together(app, *statements)


def opened(database: Database, vault: Vault, item: SealedField) -> str:
    with database.connection() as connection:
        return vault.open(connection, [item], purpose=Purpose.SCREENING, actor="job")[0]


def events(connection: Connected) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT event, actor, by_login FROM privacy.key_event WHERE kind = 'subject key' ORDER BY happened_at"
    ).fetchall()


def agreed(database: Database, vault: Vault, kind: KeyKind, target: str, **more: Any) -> UUID:
    with database.connection() as connection:
        asked = vault.control.request(
            connection, DESTROY, kind, target, actor="dpo-1", reason="retention ended", **more
        )
        vault.control.approve(connection, asked, actor="dpo-2")
    return asked
