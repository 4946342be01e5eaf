"""A vault over a fresh database and a fresh keyring."""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database
from emoney.privacy import Place, Purpose, Sealed, SealedField, Vault, open_keyring
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind

Opener = Callable[..., str]


@pytest.fixture
def vault(database: Database, home: Path) -> Vault:
    with database.connection() as connection:
        return Vault(open_keyring(home, connection))


@pytest.fixture
def subject() -> UUID:
    return new_id()


@pytest.fixture
def place() -> Place:
    return Place("kyc.person", "name", new_id())


@pytest.fixture
def open_one(database: Database, vault: Vault) -> Opener:
    """Opens one sealed field in a transaction of its own."""

    def opened(subject: UUID, place: Place, sealed: Sealed) -> str:
        with database.connection() as connection:
            [value] = vault.open(
                connection,
                [SealedField(subject, place, sealed)],
                purpose=Purpose.CUSTOMER_SERVICE,
                actor="clerk-7",
            )
        return value

    return opened


@pytest.fixture
def destroy(database: Database, vault: Vault) -> Callable[[UUID], int]:
    """Destroys all keys of a subject, as two persons may."""

    def destroyed(subject: UUID) -> int:
        with database.connection() as connection:
            asked = vault.control.request(
                connection,
                DESTROY,
                KeyKind.SUBJECT_KEY,
                str(subject),
                actor="dpo-1",
                reason="retention ended",
            )
            vault.control.approve(connection, asked, actor="dpo-2")
            return vault.control.destroy(connection, asked)

    return destroyed
