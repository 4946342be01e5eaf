"""A legal hold goes by what two officers agreed on: an approval that is signed is signed by its officer."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from officer_logins import Hired, as_officer, now
from officer_logins import hired as hired

from emoney.ledger import officers
from emoney.ledger.base.ids import new_id
from emoney.ledger.officers import KeyFile, signing_with
from emoney.ledger.two_persons import WrongSignature
from emoney.privacy.rights import requests as rights


def test_an_approval_that_sql_wrote_releases_nothing(owner_url: str, hired: Hired) -> None:
    placing, asking, deciding = hired("esi", "maker"), hired("ama", "maker"), hired("kofi", "legal")
    with as_officer(owner_url, placing) as connection:
        hold = rights.place_hold(connection, new_id(), reference="court 17", actor=placing.name, at=now())
    with as_officer(owner_url, asking) as connection:
        rights.ask_release(connection, hold, actor=asking.name, reason="lifted", at=now())
    key = KeyFile(Ed25519PrivateKey.generate())
    with as_officer(owner_url, deciding) as connection:
        officers.register_key(connection, key.public_key, reason="my key")
    with as_officer(owner_url, deciding) as connection, signing_with(key):
        connection.execute(
            "INSERT INTO ledger.request_decision (request_id, action, asked_by, requested_at, expires_at,"
            " kept, outcome, actor, reason, decided_at, signature)"
            " SELECT id, action, actor, requested_at, expires_at, kept, 'approved', %s, 'x',"
            " clock_timestamp(), %s FROM ledger.request",
            (deciding.name, bytes(64)),
        )
        with pytest.raises(WrongSignature):
            rights.release_hold(connection, hold, actor=deciding.name, at=now())
        connection.rollback()
        rights.release_hold(connection, hold, actor=deciding.name, at=now())
