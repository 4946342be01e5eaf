"""Keys after a fork: no lock of the parent's, no client of the parent's."""

from pathlib import Path

import pytest
from forking import in_child

from emoney.privacy.errors import ProviderUnreachable
from emoney.privacy.keys.keyring import LocalKeyring
from emoney.privacy.keys.providers.client import Client
from emoney.privacy.keys.providers.protocol import KeyUse

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


def test_a_keyring_whose_lock_another_thread_had_still_makes_keys(tmp_path: Path) -> None:
    keyring = LocalKeyring.create_at(tmp_path)

    def child() -> None:
        name = keyring.create(KeyUse.INDEX_KEYS)
        assert keyring.unwrap(keyring.wrap(bytes(32), kek=name, context=b""), kek=name, context=b"") == bytes(
            32
        )

    with keyring._lock:
        in_child(child)
    name = keyring.create(KeyUse.INDEX_KEYS)
    assert len(LocalKeyring.load(tmp_path).names) == 3
    assert name in keyring.names


def test_a_client_is_made_anew_once_in_a_child_and_the_parents_is_left() -> None:
    made: list[object] = []

    def make() -> object:
        made.append(object())
        return made[-1]

    client = Client(make(), make)
    first = client.own

    def child() -> None:
        assert client.own is client.own is made[1]
        assert client.own is not first
        assert len(made) == 2

    in_child(child)
    assert client.own is first
    assert len(made) == 1


def test_a_client_that_cannot_be_made_anew_is_told_so() -> None:
    client = Client(object())

    def child() -> None:
        with pytest.raises(ProviderUnreachable, match="forked"):
            _ = client.own

    in_child(child)
    assert client.own
