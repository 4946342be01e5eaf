"""Nobody is erased by rows of another time, and no version of a sealed row is used up or set back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from attempts import GARBAGE, MONTH, OVERWRITE, Connected, agreed, opened, refused, together

from emoney.ledger import (
    AccountKind,
    Database,
    Ledger,
    NewAccount,
    account_changes,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import ClockSkew
from emoney.ledger.base.ids import new_id
from emoney.privacy import Sealed, SealedField, Vault
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.rights import requests as rights
from emoney.privacy.rights.requests import Kind, RequestState
from emoney.privacy.rotation import rewrapping


def _request(subject: UUID, asked: str = "now()") -> tuple[str, ...]:
    request = new_id()
    return (
        "INSERT INTO privacy.data_request (id, subject, subjects, kind, received_at, due_on, recorded_by)"
        f" VALUES ('{request}', '{subject}', ARRAY['{subject}']::uuid[], 'erasure', {asked}, '2020-01-01',"
        " 'c-1')",
        *(
            "INSERT INTO privacy.data_request_step"
            " (id, request_id, number, state, ground, source, keep_until, actor, at)"
            f" VALUES (gen_random_uuid(), '{request}', {number}, '{state}', 'law', 'law', {until}, 'c-1',"
            f" {asked})"
            for number, state, until in ((1, "received", "NULL"), (2, "kept", "'2020-01-01'"))
        ),
    )


def _destroy(subject: UUID, at: str) -> str:
    return (
        "INSERT INTO privacy.destruction (subject, request_id, at)"
        f" SELECT '{subject}', id, {at} FROM privacy.data_request"
    )


@pytest.mark.usefixtures("bounded")
def test_nobody_is_erased_by_rows_of_another_time(app: Connected, item: SealedField) -> None:
    subject = item.subject
    refused(app, *_request(subject, "now() - interval '6 years'"), match="clock")
    refused(app, *_request(subject, "now() + interval '6 years'"), match="clock")
    refused(app, *_request(subject), _destroy(subject, "now()"), match="kept for longer")
    refused(app, *_request(subject), _destroy(subject, "now() + interval '6 years'"), match="clock")
    refused(
        app,
        "INSERT INTO privacy.subject_key (subject, version, wrapped, kek, created_at, seal_until, open_until)"
        f" SELECT gen_random_uuid(), 1, {GARBAGE}, kek, created_at - interval '6 years', seal_until,"
        " open_until FROM privacy.subject_key",
        match="clock",
    )
    assert app.execute("SELECT count(*) FROM privacy.data_request").fetchone() == (0,)


@pytest.mark.usefixtures("bounded")
def test_with_the_key_of_a_month_ends_nobody_who_is_not_erased(
    app: Connected, database: Database, vault: Vault, item: SealedField
) -> None:
    """By a request that was made up, a key goes under that of a month to whose end two agreed."""
    together(app, *_request(item.subject), MONTH.format("2020-01-01"), OVERWRITE)
    agreed(database, vault, KeyKind.KEK, "mine", shred=True)
    end = "UPDATE privacy.subject_key SET state = 'destroyed', wrapped = NULL"
    refused(app, end, match="by themselves only")
    with database.connection() as connection:
        rights.place_hold(connection, item.subject, reference="c", actor="c-1", at=datetime.now(UTC))
    refused(app, end, match="by themselves only")
    with database.connection() as connection:
        assert rewrapping.verify(connection, vault.providers, every=True).put_back
    assert opened(database, Vault(vault.providers.now), item) == "Planted"


@pytest.mark.usefixtures("bounded")
def test_a_customer_with_an_account_is_kept_whatever_is_written(
    app: Connected, database: Database, item: SealedField
) -> None:
    ledger, account = Ledger(database), new_id()
    shop = NewAccount(account, AccountKind.MERCHANT, "GHS", datetime.now(UTC), "a shop", holder=item.subject)
    with database.connection() as connection:
        accounts.open_accounts(connection, [shop])
    erase = (*_request(item.subject), _destroy(item.subject, "now()"))
    refused(app, *erase, match="kept for longer")
    refused(
        app,
        "INSERT INTO ledger.account_change (account_id, number, kind, actor, reason, at)"
        f" VALUES ('{account}', 1, 'close', 'clerk-1', 'left', now() - interval '6 years')",
        match="clock",
    )
    account_changes.close(ledger, account, actor="clerk-1", reason="left")
    refused(app, *erase, match="kept for longer")


@pytest.mark.usefixtures("bounded")
def test_the_library_tells_of_a_clock_that_is_wrong(database: Database, item: SealedField) -> None:
    late = datetime.now(UTC) - timedelta(hours=1)
    with pytest.raises(ClockSkew, match="nothing was written"), database.connection() as connection:
        rights.receive(connection, Kind.ERASURE, item.subject, [item.subject], actor="dpo-1", at=late)
    with database.connection() as connection:
        asked = rights.receive(
            connection, Kind.ACCESS, item.subject, [item.subject], actor="dpo-1", at=datetime.now(UTC)
        )
    assert asked.state is RequestState.RECEIVED


# Versions of sealed rows.


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 2147483647}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 3}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 0}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": 1.5}'",
        "UPDATE privacy.sealed_row SET versions = '{\"name\": null}'",
        "UPDATE privacy.sealed_row SET versions = '{}'",
        "UPDATE privacy.sealed_row SET versions = versions || '{\"phone\": 2147483647}'",
        "UPDATE privacy.sealed_row SET versions = versions || '{\"phone\": 0}'",
        "INSERT INTO privacy.sealed_row SELECT gen_random_uuid(), table_name, subject, '{\"name\": 7}'"
        " FROM privacy.sealed_row",
        "DELETE FROM privacy.sealed_row",
    ],
)
def test_versions_of_sealed_fields_are_neither_used_up_nor_set_back(
    app: Connected, database: Database, vault: Vault, item: SealedField, statement: str
) -> None:
    refused(app, statement)
    assert opened(database, vault, item) == "Planted"
    with database.connection() as connection:
        again = vault.seal(connection, subject=item.subject, place=item.place, value="again")
    assert opened(database, vault, SealedField(item.subject, item.place, Sealed(again.ciphertext))) == "again"


def test_versions_stay_when_only_the_key_ended(
    app: Connected, database: Database, vault: Vault, item: SealedField
) -> None:
    asked = agreed(database, vault, KeyKind.SUBJECT_KEY, str(item.subject))
    with database.connection() as connection:
        vault.control.destroy(connection, asked)
    refused(app, "DELETE FROM privacy.sealed_row", match="erased")
