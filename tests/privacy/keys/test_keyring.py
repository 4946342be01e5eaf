import base64
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from emoney.ledger.base.postgres.database import Database
from emoney.privacy import CannotOpen, KeyUse, LocalKeyring, Place, Vault, open_keyring
from emoney.privacy.errors import KeyringDamaged, KeyringMissing, KeyringUnsafe, KeyUnavailable
from emoney.privacy.keys.keyring_file import FILE_BYTES_MAX, Content, KeyringFile, LocalKey

KEY = b"d" * 32


@pytest.fixture
def keyring(home: Path) -> LocalKeyring:
    return LocalKeyring.create_at(home)


@pytest.fixture
def file(home: Path, keyring: LocalKeyring) -> Path:
    return home / "keys" / "keyring.json"


def test_a_keyring_is_readable_by_its_owner_only(file: Path) -> None:
    old = os.umask(0)
    try:
        LocalKeyring.create_at(_fresh(file.parent.parent.parent / "other"))
    finally:
        os.umask(old)
    for directory in (file.parent, file.parent.parent.parent / "other" / "keys"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE((directory / "keyring.json").stat().st_mode) == 0o600
        assert sorted(entry.name for entry in directory.iterdir()) == ["keyring.json", "root.key"]
        assert stat.S_IMODE((directory / "root.key").stat().st_mode) == 0o600


def test_a_wrapped_key_comes_back_from_the_stored_keyring(home: Path, keyring: LocalKeyring) -> None:
    [kek] = keyring.names
    wrapped = keyring.wrap(KEY, kek=kek, context=b"a")
    again = LocalKeyring.load(home)
    assert again.unwrap(wrapped, kek=kek, context=b"a") == KEY
    assert KEY not in wrapped


def test_a_wrapped_key_is_bound_to_context_and_key(home: Path, keyring: LocalKeyring) -> None:
    file = KeyringFile(home)
    same = LocalKey(KeyUse.SUBJECT_KEYS, "", b"1" * 32)  # the name alone must matter
    two = LocalKeyring(file, Content("", file.read().root, {"one": same, "two": same}))
    wrapped = two.wrap(KEY, kek="one", context=b"a")
    with pytest.raises(CannotOpen):
        two.unwrap(wrapped, kek="one", context=b"b")
    with pytest.raises(CannotOpen):
        two.unwrap(wrapped, kek="two", context=b"a")
    for altered in [wrapped[:n] for n in range(len(wrapped))] + [wrapped + b"\0", b"\2" + wrapped[1:]]:
        with pytest.raises(CannotOpen):
            two.unwrap(altered, kek="one", context=b"a")


def test_an_unknown_key_encryption_key_is_named(keyring: LocalKeyring) -> None:
    with pytest.raises(KeyUnavailable, match="hsm-2031"):
        keyring.wrap(KEY, kek="hsm-2031", context=b"")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_with_open_permissions_is_refused(home: Path, file: Path, mode: int) -> None:
    file.chmod(mode)
    with pytest.raises(KeyringUnsafe, match="0600"):
        LocalKeyring.load(home)


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o777])
def test_a_directory_with_open_permissions_is_refused(home: Path, file: Path, mode: int) -> None:
    file.parent.chmod(mode)
    with pytest.raises(KeyringUnsafe, match="0700"):
        LocalKeyring.load(home)
    with pytest.raises(KeyringUnsafe, match="0700"):
        LocalKeyring.create_at(home)


def test_links_and_pipes_are_refused(home: Path, file: Path) -> None:
    file.rename(home / "elsewhere.json")
    file.symlink_to(home / "elsewhere.json")
    with pytest.raises(KeyringUnsafe):
        LocalKeyring.load(home)
    file.unlink()
    os.mkfifo(file, 0o600)
    with pytest.raises(KeyringUnsafe):
        LocalKeyring.load(home)
    file.parent.rename(home / "real")
    (home / "keys").symlink_to(home / "real")
    with pytest.raises(KeyringUnsafe):
        LocalKeyring.load(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(home: Path, file: Path) -> None:
    os.chown(file, 12345, 12345)
    with pytest.raises(KeyringUnsafe, match="another user"):
        LocalKeyring.load(home)


def _content(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_text())
    assert isinstance(content, dict)
    return content


def test_a_damaged_file_is_refused_and_not_shown(home: Path, file: Path) -> None:
    good = file.read_bytes()
    entry = next(iter(_content(file)["keys"].values()))
    changed = good.replace(entry["wrapped"].encode(), base64.b64encode(b"x" * 60))
    damaged = [good[:n] for n in range(0, len(good), 7)]
    damaged += [changed, b"\xff\xfe", b"[]", b"{}", b"null", b'{"keys": 1}', b"[" * 100_000]
    for raw in damaged:
        file.write_bytes(raw)
        with pytest.raises(KeyringDamaged, match="restore it from its backup") as refused:
            LocalKeyring.load(home)
        assert refused.value.__context__ is None
        assert entry["wrapped"] not in str(refused.value)
        assert file.read_bytes() == raw
    file.write_bytes(b" " * (FILE_BYTES_MAX + 10))
    with pytest.raises(KeyringDamaged):
        LocalKeyring.load(home)


def test_a_newer_format_is_named(home: Path, file: Path) -> None:
    file.write_text(json.dumps(_content(file) | {"format": 3}))
    with pytest.raises(KeyringDamaged, match="format 3"):
        LocalKeyring.load(home)


def test_concurrent_makers_get_one_keyring(home: Path) -> None:
    together = threading.Barrier(8)
    made: list[frozenset[str]] = []

    def make() -> None:
        together.wait()
        made.append(LocalKeyring.create_at(home).names)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [LocalKeyring.load(home).names] * 8


def test_a_lost_keyring_is_not_made_anew_beside_existing_keys(
    database: Database, home: Path, vault: Vault, subject: UUID, place: Place, tmp_path: Path
) -> None:
    with database.connection() as connection:
        vault.seal(connection, subject=subject, place=place, value="Kojo")
    (home / "keys" / "keyring.json").rename(tmp_path / "backup.json")
    with database.connection() as connection:
        with pytest.raises(KeyringMissing, match="Restore it"):
            open_keyring(home, connection)
        assert [entry.name for entry in (home / "keys").iterdir()] == ["root.key"]
        with pytest.raises(KeyringMissing):
            open_keyring(_fresh(tmp_path / "other"), connection)
        LocalKeyring.create_at(tmp_path / "other")
        with pytest.raises(KeyUnavailable, match="another installation"):
            open_keyring(tmp_path / "other", connection)
        (tmp_path / "backup.json").rename(home / "keys" / "keyring.json")
        assert open_keyring(home, connection).names


def test_a_keyring_shows_no_keys(keyring: LocalKeyring) -> None:
    assert repr(keyring) == "<LocalKeyring of 1 keys>"


def _fresh(home: Path) -> Path:
    home.mkdir()
    return home
