"""Persons enrolled a second, through the import of a file, and the memory that takes.

By itself with a size: `python -m benchmarks.enrolment --persons 1000000`.
"""

import argparse
import json
import random
import resource
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.scratch import scratch_database
from emoney.kyc import Enrolment
from emoney.kyc.persons import search
from emoney.kyc.persons.file_import import import_file
from emoney.ledger import Database
from emoney.privacy import Vault, open_keyring

PERSONS, SMOKE = 20_000, 500
_NAMES = ("Ama", "Kofi", "Efua", "Yaw", "Akosua", "Kwame", "Esi", "Kojo", "Abena", "Kwesi", "Adwoa", "Fiifi")


def measure(*, smoke: bool = False, persons: int | None = None) -> list[Figure]:
    """The rate, how memory grows from the first half to the second, and the rate of duplicate searches."""
    count = persons or (SMOKE if smoke else PERSONS)
    with scratch_database() as (database, folder):
        half, whole = folder / "half.jsonl", folder / "whole.jsonl"
        _write(half, 0, count // 2)
        _write(whole, count // 2, count)
        with database.connection() as connection:
            vault = Vault(open_keyring(folder, connection))
        desk = Enrolment(database, vault)
        began = time.perf_counter()
        first = import_file(desk, half)
        memory = _peak_mb()
        second = import_file(desk, whole)
        took = time.perf_counter() - began
        assert first.enrolled + second.enrolled == count
        grown = _peak_mb() - memory
        searched = _searches(database, vault)
    return [
        Figure("enrol: persons imported", count / took, "persons/s"),
        Figure("enrol: memory at the peak", _peak_mb(), "MB"),
        Figure("enrol: memory grown over the second half", grown, "MB"),
        Figure(f"enrol: duplicate searches among {count:,}", searched, "persons/s"),
    ]


def _searches(database: Database, vault: Vault) -> float:
    with database.connection() as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM kyc.person ORDER BY id LIMIT 2000")]
        began = time.perf_counter()
        search.alike(connection, vault, ids)
        return len(ids) / (time.perf_counter() - began)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _write(path: Path, begin: int, end: int) -> None:
    draw = random.Random(begin)
    with path.open("w", encoding="utf-8") as file:
        for number in range(begin, end):
            name = " ".join(draw.choice(_NAMES) for _ in range(3)) + f" {number % 9973}"
            person = {
                "external_ref": f"P-{number}",
                "currency": "GHS",
                "name": name,
                "birth_date": f"{1950 + number % 50}-{1 + number % 12:02d}-{1 + number % 28:02d}",
                "phone": f"+23324{number:07d}",
                "id_kind": "national_id",
                "id_number": f"GHA-{number:09d}-1",
                "address": f"{number % 400} Nkrumah Lane, Cape Coast",
            }
            file.write(json.dumps(person) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.enrolment", description="Enrol many persons.")
    parser.add_argument("--persons", type=int, default=PERSONS)
    for figure in measure(persons=parser.parse_args().persons):
        print(f"{figure.name}: {figure.value:,.0f} {figure.unit}")
