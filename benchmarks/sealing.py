"""Sealing and opening beside bare AES-GCM, opening in bulk, rotation, and a search among many persons."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlmodel import SQLModel

import jobs.tables  # noqa: F401  rotation goes over the tables of every package
from benchmarks.figures import Figure, Turns, frozen
from benchmarks.plans import plan
from benchmarks.scratch import Fresh, scratch_server, settle
from kyc import search
from ledger import Database
from ledger.ids import new_id
from privacy import (
    ClearField,
    IndexEntry,
    LocalKeyring,
    Place,
    Purpose,
    Sealed,
    SealedField,
    Vault,
    field_format,
    open_keyring,
)
from privacy.keys import DataKey
from privacy.providers.protocol import Wrapped
from privacy.rotation import Rotated, Rotation

COLUMNS = ("name", "birth_date", "phone", "id_number", "address")
SUBJECTS, SMOKE_SUBJECTS = 20_000, 100
PERSONS, SMOKE_PERSONS = 1_000_000, 2_000
WARM_SUBJECTS, TURNS = 2_000, 7
_BATCH = 4_000
"""Persons sealed in one call."""


class _Counting(LocalKeyring):
    """The local keyring, counting the keys it unwraps."""

    unwraps = 0

    def unwrap_many(self, wrapped: list[Wrapped], *, kek: str) -> list[bytes]:  # type: ignore[override]
        self.unwraps += len(wrapped)
        return super().unwrap_many(wrapped, kek=kek)


def measure(*, smoke: bool = False) -> list[Figure]:
    """The figures; what each is held against stands beside it."""
    subjects = SMOKE_SUBJECTS if smoke else SUBJECTS
    with scratch_server() as fresh:
        return [
            *_warm(fresh, min(subjects, WARM_SUBJECTS), 2 if smoke else TURNS),
            *_bulk_and_rotation(fresh, subjects),
            *_search(fresh, SMOKE_PERSONS if smoke else PERSONS),
        ]


def _warm(fresh: Fresh, subjects: int, turns: int) -> list[Figure]:
    """Fields a second with keys in the cache: the whole call, which also numbers versions and logs; the
    cryptography in it; and bare AES-GCM over the same padded values, with a random nonce each and its keys
    ready."""
    taken = Turns(("bare seal", "bare open", "encrypt", "decrypt", "seal", "open"))
    with _vault(fresh, "warm") as (database, vault):
        clear = _clear([new_id() for _ in range(subjects)])
        padded = [field_format.padded(item.value.encode()) for item in clear]
        ciphers = {item.subject: AESGCM(os.urandom(32)) for item in clear}
        with database.connection() as connection:
            vault.seal_many(connection, clear)
            keys = vault.keys.for_sealing(connection, {item.subject for item in clear})
        settle(database)
        with frozen(), database.connection() as connection:

            def seal() -> list[Sealed]:
                sealed = vault.seal_many(connection, clear)
                connection.commit()
                return sealed

            def open_(items: list[SealedField]) -> list[str]:
                return vault.open(connection, items, purpose=Purpose.SCREENING, actor="bench")

            for _ in range(turns):
                boxes = _turn(taken, "bare seal", _bare_seal, ciphers, clear, padded)
                _turn(taken, "bare open", _bare_open, ciphers, clear, boxes)
                raw = _turn(taken, "encrypt", _encrypt, keys, clear, padded)
                _turn(taken, "decrypt", _decrypt, keys, clear, raw)
                sealed = _turn(taken, "seal", seal)
                _turn(taken, "open", open_, _items(clear, sealed))

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


def _turn(taken: Turns, name: str, work: Callable[..., list[Any]], *given: Any) -> list[Any]:
    began = time.perf_counter()
    done = work(*given)
    taken.add(name, len(done) / (time.perf_counter() - began))
    return done


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
        field_format.encrypt(
            keys[it.subject], it.place.table, it.place.column, it.place.row, it.subject, 1, value
        )
        for it, value in zip(clear, padded, strict=True)
    ]


def _decrypt(keys: dict[UUID, DataKey], clear: list[ClearField], raw: list[bytes]) -> list[bytes]:
    return [
        field_format.decrypt(keys[it.subject], it.place.table, it.place.column, it.place.row, it.subject, box)
        for it, box in zip(clear, raw, strict=True)
    ]


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
        keyring.unwraps = 0
        with database.connection() as connection:
            began = time.perf_counter()
            cold.open(connection, items, purpose=Purpose.SCREENING, actor="bench")
            took = time.perf_counter() - began
        unwraps = keyring.unwraps
        rotation = Rotation(database, vault, SQLModel.metadata)
        rewrapped, rewrapping = _timed(lambda: rotation.rewrap(actor="bench"))
        settle(database)
        rotated, rotating = _timed(lambda: rotation.reencrypt(actor="bench"))
        assert (rewrapped.keys, rotated.keys, rotated.fields) == (subjects, subjects, len(items))
    many = f"{len(items):,} fields of {subjects:,} subjects"
    return [
        Figure(f"open: {many}, cold", len(items) / took, "fields/s"),
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
            began = time.perf_counter()
            for phone in asked:
                assert len(vault.indexes.candidates(connection, search.PHONE, phone)) == 1
            took = time.perf_counter() - began
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


def _clear(people: list[UUID]) -> list[ClearField]:
    return [
        ClearField(person, Place("kyc.person", column, person), value)
        for number, person in enumerate(people)
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
        with connection.cursor().copy(
            f"COPY kyc.person (id, external_ref, enrolled_at, {columns}) FROM STDIN (FORMAT BINARY)"
        ) as copy:
            copy.set_types(("uuid", "text", "timestamptz", *("bytea" for _ in COLUMNS)))
            for number, person in enumerate(people):
                mine = sealed[number * len(COLUMNS) : (number + 1) * len(COLUMNS)]
                copy.write_row((person, str(person), vault.clock(), *(each.ciphertext for each in mine)))
    return _items(clear, sealed)


def _timed(work: Callable[[], Rotated]) -> tuple[Rotated, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def _phone(number: int) -> str:
    return f"+23324{number:07d}"
