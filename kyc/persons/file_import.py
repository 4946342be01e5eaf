"""Importing persons: a file of one JSON object a line is checked as a whole, then enrolled in batches.

Nothing of a file with a bad line is enrolled, unless the bad lines are to be skipped. A fault names its line
and field, never a value. Memory is bounded whatever the size of the file: lines are read in batches, and of
the references seen so far 8 bytes each are kept. A run that was interrupted is made again with the bad lines
skipped: those who are enrolled already are told as such and left as they are.
"""

import hashlib
import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from emoney.kyc.errors import InvalidPerson
from emoney.kyc.persons.enrolment import Enrolment
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.progress import Progress, silent

LINE_BYTES_MAX = 65_536
LINES_MAX = 10_000_000
FAULTS_TOLD_MAX = 1000
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Fault:
    """A bad line, counted from 1, and what is wrong with it: the field, and no value."""

    line: int
    fault: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `faults`: the first FAULTS_TOLD_MAX of `bad` lines."""

    lines: int
    enrolled: int
    bad: int
    faults: list[Fault]


class _Faults:
    def __init__(self) -> None:
        self.bad: set[int] = set()
        self.told: list[Fault] = []

    def add(self, line: int, fault: str) -> None:
        if line not in self.bad:
            self.bad.add(line)
            if len(self.told) < FAULTS_TOLD_MAX:
                self.told.append(Fault(line, fault))


def import_file(
    enrolment: Enrolment,
    path: Path,
    *,
    pack_id: str | None = None,
    skip_bad: bool = False,
    progress: Progress = silent,
) -> Imported:
    """Enrol everyone in a file; of one with bad lines nobody, unless `skip_bad`.

    Raises InvalidInput for a file of more than LINES_MAX lines; the operating system's errors for one that
    cannot be read.
    """
    faults, lines = _check(enrolment, path, pack_id, progress)
    if faults.bad and not skip_bad:
        return Imported(lines, 0, len(faults.bad), sorted(faults.told, key=lambda each: each.line))
    enrolled = 0
    for batch in _batches(path):
        good = [(number, person) for number, person in batch if number not in faults.bad]
        enrolled += _enrol(enrolment, good, pack_id, faults, skip_bad=skip_bad)
        progress("enrolling", batch[-1][0], lines)
    return Imported(lines, enrolled, len(faults.bad), sorted(faults.told, key=lambda each: each.line))


def _check(enrolment: Enrolment, path: Path, pack_id: str | None, progress: Progress) -> tuple[_Faults, int]:
    """Read the whole file once: every line by itself, against the database, and against the other lines."""
    faults, lines, seen = _Faults(), 0, array("Q")
    for batch in _batches(path):
        lines = batch[-1][0]
        people = []
        for number, person in batch:
            if isinstance(person, str):
                faults.add(number, person)
            else:
                people.append((number, person))
        for (number, person), fault in zip(
            people, enrolment.faults([person for _, person in people], pack_id=pack_id), strict=True
        ):
            if fault is not None:
                faults.add(number, fault)
            seen.append(_short(person.get("external_ref")) if fault is None else 0)
        progress("checking", lines, None)
    if twice := _twice(seen):
        _tell_repeated(path, twice, faults)
    return faults, lines


def _short(reference: Any) -> int:
    """8 bytes of a hash, never 0."""
    return int.from_bytes(hashlib.sha256(str(reference).encode()).digest()[:8], "big") or 1


def _twice(seen: "array[int]") -> set[int]:
    ordered = sorted(each for each in seen if each)
    return {ordered[place] for place in range(1, len(ordered)) if ordered[place] == ordered[place - 1]}


def _tell_repeated(path: Path, twice: set[int], faults: _Faults) -> None:
    """Another pass, only over files that repeat a reference: the later lines are the bad ones."""
    first: dict[str, int] = {}
    for batch in _batches(path):
        for number, person in batch:
            if number in faults.bad or isinstance(person, str):
                continue
            reference = str(person.get("external_ref"))
            if _short(reference) in twice:
                before = first.setdefault(reference, number)
                if before != number:
                    faults.add(number, f"external_ref: also that of line {before}")


def _enrol(
    enrolment: Enrolment,
    good: list[tuple[int, Any]],
    pack_id: str | None,
    faults: _Faults,
    *,
    skip_bad: bool,
) -> int:
    if not good:
        return 0
    try:
        return len(enrolment.enrol_many([person for _, person in good], pack_id=pack_id))
    except InvalidInput:
        if not skip_bad:
            raise  # enrolled by someone else since the check: what came before is enrolled, and told so
    enrolled = 0
    for number, person in good:
        try:
            enrolment.enrol(person, pack_id=pack_id)
        except InvalidInput as error:
            faults.add(number, str(error))
        else:
            enrolled += 1
    return enrolled


def _batches(path: Path) -> Iterator[list[tuple[int, Any]]]:
    """Lines in batches: each with its number and its object, or in place of that what is wrong with it."""
    with path.open("rb") as file:
        batch: list[tuple[int, Any]] = []
        for number, line in enumerate(_lines(file), 1):
            if number > LINES_MAX:
                raise InvalidInput(f"the file has more than {LINES_MAX} lines: split it")
            if line is not None and not line.strip():
                continue
            batch.append((number, _parsed(line)))
            if len(batch) == BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


def _lines(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines; None for one that is too long, which is passed over without being held."""
    while line := file.readline(LINE_BYTES_MAX + 1):
        if len(line) <= LINE_BYTES_MAX or line.endswith(b"\n"):
            yield line
            continue
        while (rest := file.readline(LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
            pass
        yield None


def _parsed(line: bytes | None) -> Any:
    if line is None:
        return f"longer than {LINE_BYTES_MAX} bytes"
    try:
        person = json.loads(line.decode("utf-8"), object_pairs_hook=_each_once)
    except UnicodeDecodeError:
        return "is not UTF-8"
    except InvalidPerson as error:
        return str(error)
    except json.JSONDecodeError as error:
        return f"is not JSON at column {error.colno}"
    except (ValueError, RecursionError):
        return "is not JSON"
    return person if isinstance(person, dict) else "a person is one JSON object"


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values for one name, neither is known to be meant."""
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidPerson("gives a field twice")
    return dict(pairs)
