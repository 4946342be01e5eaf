"""Sealing and opening beside bare AES-GCM, opening in bulk, rotation, and a search among many persons.

Rates are of one core: fields by the processor time that this process and its PostgreSQL backends took
together. So they neither gain from a second core nor suffer from what else runs on the machine.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import psutil
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import emoney.jobs.tables  # noqa: F401  rotation goes over the tables of every package
from benchmarks.figures import Figure, Turns, frozen
from benchmarks.plans import plan
from benchmarks.scratch import Fresh, scratch_server, settle
from emoney.kyc.persons import search
from emoney.ledger import Database
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.binary_arrays import Bytes, Texts, Uuids
from emoney.ledger.base.postgres.table import Table
from emoney.privacy import (
    ClearField,
    IndexEntry,
    LocalKeyring,
    Place,
    Purpose,
    Sealed,
    SealedField,
    Vault,
    open_keyring,
)
from emoney.privacy.keys.providers.protocol import Wrapped
from emoney.privacy.keys.subject_keys import DataKey
from emoney.privacy.rotation.rotation import Rotated, Rotation
from emoney.privacy.vault import field_format

COLUMNS = ("name", "birth_date", "phone", "id_number", "address")
SUBJECTS, SMOKE_SUBJECTS = 20_000, 100
PERSONS, SMOKE_PERSONS = 1_000_000, 2_000
WARM_SUBJECTS, TURNS = 4_000, 5
_BATCH = 4_000
"""Persons sealed in one call."""


class _Counting(LocalKeyring):
    """The local keyring, counting the keys it unwraps."""

    unwraps = 0

    def unwrap_many(self, wrapped: list[Wrapped], *, kek: str) -> list[bytes]:  # type: ignore[override]
        self.unwraps += len(wrapped)
        return super().unwrap_many(wrapped, kek=kek)


def measure(*, smoke: bool = False) -> list[Figure]:
    """The figures; what each is compared with stands beside it."""
    subjects = SMOKE_SUBJECTS if smoke else SUBJECTS
    with scratch_server() as fresh:
        return [
            *_warm(fresh, min(subjects, WARM_SUBJECTS), 2 if smoke else TURNS),
            *_bulk_and_rotation(fresh, subjects),
            *_search(fresh, SMOKE_PERSONS if smoke else PERSONS),
        ]


def _warm(fresh: Fresh, subjects: int, turns: int) -> list[Figure]:
    """With keys in the cache, for rows not sealed before: the whole call, which also numbers versions and
    logs; the cryptography in it; and bare AES-GCM over the same padded values, with a random nonce each and
    its keys ready."""
    taken = Turns(("bare seal", "bare open", "encrypt", "decrypt", "seal", "open"))
    with _vault(fresh, "warm") as (database, vault):
        people = [new_id() for _ in range(subjects)]
        clear = _clear(people)
        padded = [field_format.padded(item.value.encode()) for item in clear]
        ciphers = {item.subject: AESGCM(os.urandom(32)) for item in clear}
        with database.connection() as connection:
            vault.seal_many(connection, clear)
            keys = vault.keys.for_sealing(connection, {item.subject for item in clear})
        settle(database)
        with frozen(), database.connection() as connection:

            def turn(name: str, work: Callable[..., list[Any]], *given: Any) -> list[Any]:
                before = _cpu(database)
                done = work(*given)
                taken.add(name, len(done) / (_cpu(database) - before))
                return done

            def seal(clear: list[ClearField]) -> list[Sealed]:
                sealed = vault.seal_many(connection, clear)
                connection.commit()
                return sealed

            def open_(items: list[SealedField]) -> list[str]:
                return vault.open(connection, items, purpose=Purpose.SCREENING, actor="bench")

            for _ in range(turns):
                clear = _clear(people, [new_id() for _ in people])
                boxes = turn("bare seal", _bare_seal, ciphers, clear, padded)
                turn("bare open", _bare_open, ciphers, clear, boxes)
                raw = turn("encrypt", _encrypt, keys, clear, padded)
                turn("decrypt", _decrypt, keys, clear, raw)
                items = _items(clear, turn("seal", seal, clear))
                turn("open", open_, items)

    def figure(told: str, name: str, to: str) -> Figure:
        cost = taken.rate(to) / taken.rate(name)
        return Figure(told, taken.rate(name), "fields/s", cost, "times the cost of bare AES-GCM")

    return [
        Figure("seal: bare AES-GCM", taken.rate("bare seal"), "fields/s"),
        figure("seal: a sealed field's cryptography", "encrypt", "bare seal"),
        figure("seal: Vault.seal_many, versions written", "seal", "bare seal"),
        Figure("open: bare AES-GCM", taken.rate("bare open"), "fields/s"),
        figure("open: a sealed field's cryptography", "decrypt", "bare open"),
        figure("open: Vault.open, log written", "open", "bare open"),
    ]


def _cpu(database: Database) -> float:
    """Seconds of processor time so far, of this process and of its database's backends."""
    with psycopg.connect(database.url) as own:
        found = own.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"  # a worker of autovacuum may end before it is asked
        ).fetchall()
    times = [psutil.Process(pid).cpu_times() for (pid,) in found]
    return time.process_time() + sum(each.user + each.system for each in times)


def _bare_seal(ciphers: dict[UUID, AESGCM], clear: list[ClearField], padded: list[bytes]) -> list[bytes]:
    sealed = []
    for item, value in zip(clear, padded, strict=True):
        nonce = os.urandom(12)
        sealed.append(nonce + ciphers[item.subject].encrypt(nonce, value, b""))
    return sealed


def _bare_open(ciphers: dict[UUID, AESGCM], clear: list[ClearField], boxes: list[bytes]) -> list[bytes]:
    return [
        ciphers[item.subject].decrypt(box[:12], box[12:], b"") for item, box in zip(clear, boxes, strict=True)
    ]


def _encrypt(keys: dict[UUID, DataKey], clear: list[ClearField], padded: list[bytes]) -> list[bytes]:
    return [
        field_format.encrypt(keys[it.subject], it.place.table, it.place.column, _whose(it), 1, value)
        for it, value in zip(clear, padded, strict=True)
    ]


def _decrypt(keys: dict[UUID, DataKey], clear: list[ClearField], raw: list[bytes]) -> list[bytes]:
    return [
        field_format.decrypt(keys[it.subject], it.place.table, it.place.column, _whose(it), box)
        for it, box in zip(clear, raw, strict=True)
    ]


def _whose(item: ClearField) -> bytes:
    return field_format.whose(item.place.row, item.subject)


def _items(clear: list[ClearField], sealed: list[Sealed]) -> list[SealedField]:
    return [SealedField(it.subject, it.place, box) for it, box in zip(clear, sealed, strict=True)]


def _bulk_and_rotation(fresh: Fresh, subjects: int) -> list[Figure]:
    with _vault(fresh, "bulk") as (database, vault):
        people = [new_id() for _ in range(subjects)]
        items = []
        for begin in range(0, subjects, _BATCH):
            items += _store(database, vault, people[begin : begin + _BATCH])
        settle(database)
        keyring = vault.providers.now
        assert isinstance(keyring, _Counting)
        cold = Vault(keyring)
        with database.connection() as connection:
            cold.open(connection, items[:1], purpose=Purpose.SCREENING, actor="bench")  # connects the log
            keyring.unwraps, before = 0, _cpu(database)
            cold.open(connection, items, purpose=Purpose.SCREENING, actor="bench")
            took = _cpu(database) - before
        unwraps, fields = keyring.unwraps, len(items)
        del items, cold  # a process that rotates holds no fields
        rotation = Rotation(database, vault, Table.metadata)
        with frozen():
            rewrapped, rewrapping = _timed(database, lambda: rotation.rewrap(actor="bench"))
            settle(database)
            rotated, rotating = _timed(database, lambda: rotation.reencrypt(actor="bench"))
        assert (rewrapped.keys, rotated.keys, rotated.fields) == (subjects, subjects, fields)
    many = f"{fields:,} fields of {subjects:,} subjects"
    return [
        Figure(f"open: {many}, cold", fields / took, "fields/s"),
        Figure(f"open: unwraps for {many}", unwraps, "unwraps", unwraps / subjects, "one for each subject"),
        Figure("rotate: keys wrapped anew", rewrapped.keys / rewrapping, "keys/s"),
        Figure("rotate: fields sealed anew, new keys included", rotated.fields / rotating, "fields/s"),
    ]


def _search(fresh: Fresh, persons: int) -> list[Figure]:
    """The candidates of a phone number, by how many index probes, and how long that takes."""
    with _vault(fresh, "search") as (database, vault):
        for begin in range(0, persons, 100_000):
            with database.connection() as connection:
                entries = [
                    IndexEntry(row := new_id(), row, (_phone(number),))
                    for number in range(begin, min(begin + 100_000, persons))
                ]
                vault.indexes.fill(connection, {search.PHONE: entries})
        settle(database)
        asked = [_phone(number * 7919 % persons) for number in range(500)]
        with database.connection() as connection:
            before = _cpu(database)
            for phone in asked:
                assert len(vault.indexes.candidates(connection, search.PHONE, phone)) == 1
            took = _cpu(database) - before
        plans = plan(
            database, lambda connection: vault.indexes.candidates(connection, search.PHONE, asked[0])
        )
        probes = sum(_probes(each) for each in plans)
    return [
        Figure(f"search: among {persons:,} persons", len(asked) / took, "searches/s"),
        Figure("search: probes of the index", probes, "probes"),
    ]


def _probes(node: dict[str, Any]) -> int:
    """How many scans of the entries a plan has; one that is not by the primary key counts as a thousand."""
    below = sum(_probes(each) for each in node.get("Plans", ()))
    if node.get("Relation Name") != "index_entry":
        return below
    return below + (1 if node.get("Index Name") == "index_entry_pkey" else 1000)


@contextmanager
def _vault(fresh: Fresh, name: str) -> Iterator[tuple[Database, Vault]]:
    with TemporaryDirectory() as folder:
        database = fresh(name)
        with database.connection() as connection:
            open_keyring(Path(folder), connection)
        yield database, Vault(_Counting.load(Path(folder)))


def _clear(people: list[UUID], rows: list[UUID] | None = None) -> list[ClearField]:
    return [
        ClearField(person, Place("kyc.person", column, row), value)
        for number, (person, row) in enumerate(zip(people, rows or people, strict=True))
        for column, value in zip(
            COLUMNS,
            (
                f"Ama Serwaa {number}",
                "1987-03-14",
                _phone(number),
                f"GHA-{number:09d}-1",
                f"{number} Nkrumah Lane",
            ),
            strict=True,
        )
    ]


def _store(database: Database, vault: Vault, people: list[UUID]) -> list[SealedField]:
    clear, columns = _clear(people), ", ".join(COLUMNS)
    with database.connection() as connection:
        sealed = vault.seal_many(connection, clear)
        by_column = {
            name: Bytes.of(each.ciphertext for each in sealed[place :: len(COLUMNS)])
            for place, name in enumerate(COLUMNS)
        }
        connection.execute(
            f"INSERT INTO kyc.person (enrolled_at, id, external_ref, {columns}) SELECT %(at)s, * FROM unnest("
            f"%(ids)s, %(refs)s, {', '.join(f'%({name})s' for name in COLUMNS)})",
            by_column | {"at": vault.clock(), "ids": Uuids.of(people), "refs": Texts.of(map(str, people))},
        )
    return _items(clear, sealed)


def _timed(database: Database, work: Callable[[], Rotated]) -> tuple[Rotated, float]:
    before = _cpu(database)
    done = work()
    return done, _cpu(database) - before


def _phone(number: int) -> str:
    return f"+23324{number:07d}"
