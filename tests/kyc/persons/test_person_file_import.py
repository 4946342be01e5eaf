"""Importing persons: nothing of a bad file, faults by line and field without values, bounded reading."""

import json
from pathlib import Path
from typing import Any

import pytest

from emoney.kyc import Enrolment
from emoney.kyc.persons import file_import as person_file
from emoney.kyc.persons.file_import import Fault, import_file


def lines(tmp_path: Path, *content: Any) -> Path:
    path = tmp_path / "persons.jsonl"
    path.write_bytes(
        b"\n".join(each if isinstance(each, bytes) else json.dumps(each).encode() for each in content) + b"\n"
    )
    return path


def person(number: int, **changed: Any) -> dict[str, Any]:
    return {"external_ref": f"P-{number}", "currency": "GHS", "phone": f"+23324{number:07d}"} | changed


BAD: list[tuple[Any, str]] = [
    (b'{"external_ref": "P-1", ', "is not JSON at column"),
    (b"\xff\xfe", "is not UTF-8"),
    (b"[1]", "a person is one JSON object"),
    (b'{"external_ref": "a", "external_ref": "b"}', "gives a field twice"),
    (b'"' + b"x" * 70_000 + b'"', "longer than 65536 bytes"),
    (b"[" * 20_000, "is not JSON"),
    (person(1, phone="024 477 1902"), "phone: must be an international number"),
    (person(1, birth_date="1990-02-30"), "birth_date: must be a date"),
    (person(1, nickname="Ama Serwaa"), "an unknown field"),
    (person(1, currency="JPY"), "no policy pack in force"),
    ({"external_ref": "P-1", "currency": "GHS"}, "still needs phone"),
    (person(1, birth_date="2015-01-01"), "guardian: a minor needs one"),
    (person(1, birth_date="2015-01-01", guardian="P-0"), "guardian: must be a natural person whose birth"),
    (person(7), "external_ref: also that of line 1"),
    (person(0), "external_ref: a person with this reference is enrolled already"),
]


@pytest.mark.parametrize(("bad", "said"), BAD)
def test_nothing_of_a_file_with_a_bad_line(
    desk: Enrolment, tmp_path: Path, count: Any, bad: Any, said: str
) -> None:
    desk.enrol(person(0))
    path = lines(tmp_path, person(7), b"", bad, person(8))
    done = import_file(desk, path)
    assert (done.enrolled, done.bad, done.lines) == (0, 1, 4)
    [fault] = done.faults
    assert fault.line == 3
    assert said in fault.fault
    for value in ("024 477", "1990-02-30", "Serwaa"):
        assert value not in fault.fault
    assert count("kyc.person") == 1
    done = import_file(desk, path, skip_bad=True)
    assert (done.enrolled, done.bad) == (2, 1)
    assert count("kyc.person") == 3


def test_a_good_file_in_batches_with_progress(
    desk: Enrolment, tmp_path: Path, count: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_file, "BATCH", 10)
    told: list[tuple[str, int, int | None]] = []
    path = lines(tmp_path, *(person(number) for number in range(35)))
    done = import_file(desk, path, progress=lambda *each: told.append(each))
    assert (done.enrolled, done.bad, done.faults) == (35, 0, [])
    assert [each for each in told if each[0] == "enrolling"] == [
        ("enrolling", 10, 35),
        ("enrolling", 20, 35),
        ("enrolling", 30, 35),
        ("enrolling", 35, 35),
    ]
    assert count("kyc.person") == count("kyc.wallet") == count("kyc.review") == 35


def test_an_interrupted_import_is_made_again(
    desk: Enrolment, tmp_path: Path, count: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_file, "BATCH", 10)
    path = lines(tmp_path, *(person(number) for number in range(30)))

    def stop(phase: str, done: int, _of: int | None) -> None:
        if phase == "enrolling" and done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_file(desk, path, progress=stop)
    assert count("kyc.person") == 20
    done = import_file(desk, path, skip_bad=True)
    assert (done.enrolled, done.bad) == (10, 20)
    assert count("kyc.person") == 30


def test_one_enrolled_in_the_meantime_is_skipped_or_told(desk: Enrolment, tmp_path: Path, count: Any) -> None:
    path = lines(tmp_path, *(person(number) for number in range(5)))

    def meanwhile(phase: str, _done: int, _of: int | None) -> None:
        if phase == "checking":
            desk.enrol(person(3))

    done = import_file(desk, path, skip_bad=True, progress=meanwhile)
    assert (done.enrolled, done.bad) == (4, 1)
    assert done.faults == [Fault(4, "external_ref: a person with this reference is enrolled already")]
    assert count("kyc.person") == 5


def test_many_faults_are_counted_and_the_first_told(
    desk: Enrolment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_file, "FAULTS_TOLD_MAX", 3)
    done = import_file(desk, lines(tmp_path, *([b"{"] * 10)))
    assert (done.bad, [each.line for each in done.faults]) == (10, [1, 2, 3])
    assert import_file(desk, lines(tmp_path)).lines == 0
