"""The local keyring's root: under a passphrase, in a file of its own, damaged, lost, exchanged."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from emoney.privacy import KeyUse, LocalKeyring
from emoney.privacy.errors import KeyringDamaged, KeyringLocked, KeyringMissing, KeyringUnsafe
from emoney.privacy.keys import root_key
from emoney.privacy.keys.keyring import restore_root
from emoney.privacy.keys.options import RootKeyOptions

PASSPHRASE = "four sober llamas waltz"
KEY = b"d" * 32
UNLOCKED = RootKeyOptions(passphrase=PASSPHRASE)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at a cost for tests."""
    monkeypatch.setattr(root_key, "MEMORY_KIB", 64)
    monkeypatch.setattr(root_key, "ITERATIONS", 1)


@pytest.fixture
def locked(home: Path, cheap: None) -> LocalKeyring:
    """A keyring under PASSPHRASE."""
    return LocalKeyring.create_at(home, options=UNLOCKED)


def kept(home: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((home / "keys" / "keyring.json").read_text())
    return content


def put(home: Path, content: dict[str, Any]) -> None:
    (home / "keys" / "keyring.json").write_text(json.dumps(content))


def test_a_keyring_under_a_passphrase_has_no_root_beside_it(home: Path, locked: LocalKeyring) -> None:
    assert [entry.name for entry in (home / "keys").iterdir()] == ["keyring.json"]
    assert kept(home)["root"]["kind"] == "argon2id"
    assert PASSPHRASE not in (home / "keys" / "keyring.json").read_text()
    [kek] = locked.names
    wrapped = locked.wrap(KEY, kek=kek, context=b"a")
    assert LocalKeyring.load(home, options=UNLOCKED).unwrap(wrapped, kek=kek, context=b"a") == KEY
    assert PASSPHRASE not in repr(UNLOCKED)


@pytest.mark.parametrize("given", [None, "", "four sober llamas walts", PASSPHRASE + " ", PASSPHRASE.upper()])
def test_no_other_passphrase_opens_it(home: Path, locked: LocalKeyring, given: str | None) -> None:
    assert locked.names
    with pytest.raises(KeyringLocked) as refused:
        LocalKeyring.load(home, options=RootKeyOptions(passphrase=given))
    assert PASSPHRASE not in str(refused.value)
    assert not given or given not in str(refused.value)


@pytest.mark.parametrize("given", ["short", "x" * 1025])
def test_a_passphrase_has_a_fit_length(home: Path, given: str) -> None:
    with pytest.raises(KeyringLocked, match="12 to 1024"):
        LocalKeyring.create_at(home, options=RootKeyOptions(passphrase=given))
    assert not (home / "keys" / "keyring.json").exists()


def test_the_cost_is_what_rfc_9106_recommends() -> None:
    assert (root_key.ITERATIONS, root_key.LANES, root_key.MEMORY_KIB) == (3, 4, 64 * 1024)


@pytest.mark.parametrize(
    "change",
    [
        {"iterations": 0},
        {"iterations": 10**9},
        {"memory_kib": 1 << 40},
        {"memory_kib": 1},
        {"lanes": "many"},
        {"salt": ""},
        {"salt": "no base64 \u00fc"},
        {"kind": "none"},
    ],
)
def test_a_cost_that_was_tampered_with_is_refused_before_it_is_paid(
    home: Path, locked: LocalKeyring, change: dict[str, Any]
) -> None:
    assert locked.names
    content = kept(home)
    put(home, content | {"root": content["root"] | change})
    with pytest.raises(KeyringDamaged):
        LocalKeyring.load(home, options=UNLOCKED)


def test_a_cheaper_cost_put_in_does_not_open(home: Path, locked: LocalKeyring) -> None:
    assert locked.names
    content = kept(home)
    put(home, content | {"root": content["root"] | {"memory_kib": 32}})
    with pytest.raises(KeyringLocked):
        LocalKeyring.load(home, options=UNLOCKED)


def test_the_root_may_lie_elsewhere(home: Path, tmp_path: Path) -> None:
    mounted = tmp_path / "secrets" / "emoney-root"
    options = RootKeyOptions(file=mounted)
    made = LocalKeyring.create_at(home, options=options)
    assert not (home / "keys" / "root.key").exists()
    assert stat.S_IMODE(mounted.stat().st_mode) == 0o600
    assert LocalKeyring.load(home, options=options).names == made.names
    mounted.chmod(0o640)
    with pytest.raises(KeyringUnsafe, match="0600"):
        LocalKeyring.load(home, options=options)
    mounted.unlink()
    with pytest.raises(KeyringMissing, match="root key"):
        LocalKeyring.load(home, options=options)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660])
def test_a_root_that_others_could_read_is_refused(home: Path, mode: int) -> None:
    LocalKeyring.create_at(home)
    (home / "keys" / "root.key").chmod(mode)
    with pytest.raises(KeyringUnsafe, match="0600"):
        LocalKeyring.load(home)


@pytest.mark.parametrize("raw", [b"", b"short", b"\xff" * 40, b"QUJD\n"])
def test_a_damaged_root_is_named_as_what_it_is(home: Path, raw: bytes) -> None:
    LocalKeyring.create_at(home)
    (home / "keys" / "root.key").write_bytes(raw)
    with pytest.raises(KeyringDamaged, match="backup or from its shares"):
        LocalKeyring.load(home)


def test_the_root_of_another_keyring_opens_nothing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    LocalKeyring.create_at(home)
    LocalKeyring.create_at(tmp_path / "other")
    (tmp_path / "other" / "keys" / "root.key").replace(home / "keys" / "root.key")
    with pytest.raises(KeyringDamaged):
        LocalKeyring.load(home)


def test_a_key_taken_out_renamed_or_given_another_use_is_told(home: Path) -> None:
    keyring = LocalKeyring.create_at(home)
    keyring.create(KeyUse.INDEX_KEYS)
    content = kept(home)
    (one, entry), (two, other) = content["keys"].items()
    for keys in (
        {one: entry},
        {one: other, two: entry},
        {one: entry, two: other | {"use": entry["use"]}},
        {one: entry, two: other | {"created_at": "2000-01-01"}},
    ):
        put(home, content | {"keys": keys})
        with pytest.raises(KeyringDamaged):
            LocalKeyring.load(home)


def test_shares_give_back_only_their_own_root(home: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shares = LocalKeyring.create_at(home).split_root(shares=3, threshold=2)
    foreign = LocalKeyring.create_at(tmp_path / "other").split_root(shares=3, threshold=2)
    (home / "keys" / "root.key").unlink()
    with pytest.raises(KeyringDamaged):
        restore_root(home, foreign[:2])
    assert not (home / "keys" / "root.key").exists()
    restore_root(home, shares[1:])
    assert LocalKeyring.load(home).names
