import copy
import json
import logging
import pickle
import traceback
from uuid import UUID

import pytest
from sqlalchemy.exc import StatementError
from sqlmodel import Field, SQLModel, select

from emoney.ledger.base.declarations import NOT_PERSONAL
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.database import Database, raw
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import CannotOpen, ClearField, Place, Purpose, Sealed, SealedField, SealedText, Vault
from emoney.privacy.errors import InvalidField

SECRET = "+233 24 555 0199"


class Note(SQLModel):
    """Not a table: how a sealed field looks in a model."""

    phone: Sealed


@pytest.fixture
def sealed(database: Database, vault: Vault, subject: UUID, place: Place) -> Sealed:
    with database.connection() as connection:
        return vault.seal(connection, subject=subject, place=place, value=SECRET)


def test_a_sealed_field_shows_nothing(sealed: Sealed, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").warning("%s %r %s", sealed, sealed, [sealed])
    shown = [repr(sealed), str(sealed), f"{sealed}", f"{sealed:>10}", caplog.text, repr(Note(phone=sealed))]
    assert repr(sealed) == "<sealed>"
    assert all("<sealed>" in text for text in shown)
    assert Note(phone=sealed).model_dump() == {"phone": "<sealed>"}
    assert json.loads(Note(phone=sealed).model_dump_json()) == {"phone": "<sealed>"}


def test_a_sealed_field_neither_leaves_nor_compares(sealed: Sealed) -> None:
    twin = Sealed(sealed.ciphertext)
    assert sealed != twin
    assert len({sealed, twin}) == 2
    assert copy.copy(sealed) is sealed
    assert copy.deepcopy(sealed) is sealed
    for leave in (pickle.dumps, json.dumps):
        with pytest.raises(TypeError):
            leave(sealed)
    with pytest.raises(AttributeError):
        sealed.ciphertext = b""


def test_values_in_hand_are_not_shown_either(subject: UUID, place: Place) -> None:
    assert SECRET not in repr(ClearField(subject, place, SECRET))
    with pytest.raises(ValueError, match="instance of Sealed") as refused:
        Note.model_validate({"phone": Sealed(b"").__class__})
    assert SECRET not in str(refused.value)


def test_errors_of_the_vault_show_no_content(
    database: Database, vault: Vault, subject: UUID, place: Place, sealed: Sealed
) -> None:
    elsewhere = SealedField(new_id(), place, sealed)
    with database.connection() as connection:
        with pytest.raises(CannotOpen) as closed:
            vault.open(connection, [elsewhere], purpose=Purpose.SCREENING, actor="job")
        with pytest.raises(InvalidField) as refused:
            vault.seal(connection, subject=subject, place=place, value=SECRET + "\0")
    for failure in (closed, refused):
        assert SECRET not in "".join(traceback.format_exception(failure.value))


class Contact(Table, table=True):
    """A table of this test's own."""

    __tablename__ = "test_contact"
    __table_args__ = {"schema": "privacy_test", "info": NOT_PERSONAL}  # noqa: RUF012

    id: UUID = Field(primary_key=True)
    phone: Sealed | None = Field(default=None, sa_type=SealedText)


# other tests look at all mapped columns of the packages
Table.metadata.remove(Contact.__table__)  # type: ignore[attr-defined]


@pytest.fixture
def contacts(database: Database, owner_url: str) -> None:
    import psycopg

    with psycopg.connect(owner_url) as connection:
        connection.execute("CREATE SCHEMA privacy_test; GRANT USAGE ON SCHEMA privacy_test TO emoney_app")
        connection.execute("CREATE TABLE privacy_test.test_contact (id uuid PRIMARY KEY, phone bytea)")
        connection.execute("GRANT ALL ON privacy_test.test_contact TO emoney_app")


@pytest.mark.usefixtures("contacts")
def test_a_sealed_column_stores_and_gives_back_sealed_fields(
    database: Database, vault: Vault, subject: UUID
) -> None:
    place = Place("privacy_test.test_contact", "phone", new_id())
    with database.session() as session:
        sealed = vault.seal(raw(session), subject=subject, place=place, value=SECRET)
        session.add(Contact(id=place.row, phone=sealed))
        session.add(Contact(id=new_id()))
    with database.session() as session:
        [found] = session.exec(select(Contact).where(Contact.id == place.row)).all()
        [empty] = session.exec(select(Contact).where(Contact.id != place.row)).all()
        assert isinstance(found.phone, Sealed)
        assert empty.phone is None
        assert SECRET not in repr(found)
        items = [SealedField(subject, place, found.phone)]
        assert vault.open(raw(session), items, purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-7") == [SECRET]


@pytest.mark.usefixtures("contacts")
def test_a_sealed_column_refuses_clear_text_without_showing_it(database: Database) -> None:
    with database.session() as session:
        session.add(Contact(id=new_id(), phone=SECRET))  # type: ignore[arg-type]
        with pytest.raises(StatementError, match="seal it first") as refused:
            session.flush()
        session.rollback()
    assert SECRET not in "".join(traceback.format_exception(refused.value))
