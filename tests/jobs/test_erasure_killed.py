"""The erasure of a month, killed at many steps: nothing is gone or all is, and the next run ends it."""

import json
import os
import random
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from forking import output_of

import emoney.kyc.tables  # noqa: F401  the rotation goes over their sealed columns
from emoney.jobs.cli import main
from emoney.jobs.installation import Emoney
from emoney.kyc.evidence import person as persons
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons import erasure as erasing
from emoney.kyc.persons.rectification import Rectification
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger import AccountKind, NewAccount, Operation, Transfer, account_changes
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.table import Table
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.ledger.reports.trial_balance import trial_balance
from emoney.privacy import Place, Purpose, Sealed, SealedField
from emoney.privacy.erasure import certificates, erasure
from emoney.privacy.errors import KeyUnavailable
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.keys.keyring import LocalKeyring
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.pseudonyms.domains import held as tokens_held
from emoney.privacy.rights import requests as rights
from emoney.privacy.rotation.rotation import Rotation

AFTER = datetime(2031, 8, 2, 9, tzinfo=UTC)
MAY, JUNE = date(2031, 5, 1), date(2031, 6, 1)
PERSONS = 3
"""In each month."""


class Moving:
    """A clock that the test moves."""

    now = datetime(2026, 5, 10, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Steps:
    """The steps of a run of the command line, in a process of its own: each is written down, and at one of
    them, by number or label, the process kills itself."""

    def __init__(self, kill_at: str, written: Path) -> None:
        self._kill_at, self._count, self._seen = kill_at, 0, Counter[str]()
        self._written = written.open("w", encoding="utf-8")
        self.watch(psycopg.Connection, "execute")
        self.watch(psycopg.Connection, "commit", "COMMIT")
        self.watch(LocalKeyring, "destroy", "KEYRING destroy")
        self.watch(os, "rename", "KEYRING replace")

    def watch(self, owner: Any, name: str, label: str | None = None) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def watched(*arguments: Any, **named: Any) -> Any:
            told = label or " ".join(str(arguments[1]).split())[:60]
            self._step("before " + told)
            answer = real(*arguments, **named)
            self._step("after " + told)
            return answer

        setattr(owner, name, watched)

    def _step(self, label: str) -> None:
        if any("KEYRING" in each for each in self._seen):
            label = label.replace("COMMIT", "last COMMIT")
        self._count += 1
        self._seen[label] += 1
        label = f"{label} {self._seen[label]}"
        print(label, file=self._written, flush=True)
        if self._kill_at in (str(self._count), label):
            os.kill(os.getpid(), signal.SIGKILL)


def command_line(arguments: tuple[str, ...], clock: Moving, kill_at: str, written: Path) -> None:
    """`emoney` with these arguments, at the time of `clock`, its steps watched once it has opened."""
    opened = Emoney.open.__func__  # type: ignore[attr-defined]

    def begin(cls: type[Emoney], **options: Any) -> Emoney:
        found: Emoney = opened(cls, **options | {"clock": clock})
        Steps(kill_at, written)
        return found

    Emoney.open = classmethod(begin)  # type: ignore[assignment, method-assign]
    sys.argv = ["emoney", *arguments]
    main()


@dataclass
class House:
    """An installation with persons whose records expired in MAY and in JUNE, and one who stays."""

    url: str
    home: Path
    clock: Moving
    people: dict[str, UUID]
    requests: dict[str, UUID]
    signer: SigningKey
    steps: Path

    def run(self, *arguments: str, kill_at: str = "", steps: str = os.devnull) -> tuple[int, str, str]:
        """The command line, after the months; `kill_at`: a step of it, by number or label."""
        return output_of(lambda: command_line(arguments, self.clock, kill_at, Path(steps)))

    def destroy(self, month: date, kill_at: str = "") -> tuple[int, str, str]:
        month_given = f"{month:%Y-%m}"
        return self.run(
            "privacy", "retention", "destroy", month_given, "--json", kill_at=kill_at, steps=str(self.steps)
        )

    def ask(self, query: str, *about: object) -> Any:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query.encode(), about or None).fetchone()
        return row[0] if row else None

    def opens(self, refs: list[str]) -> list[bool]:
        """Whose name opens, in an installation that is opened anew. Nothing but the lack of the key hinders
        it."""
        found = []
        with Emoney.open(clock=self.clock) as emoney, emoney.database.connection() as connection:
            for ref in refs:
                person = self.people[ref]
                row = connection.execute("SELECT name FROM kyc.person WHERE id = %s", (person,)).fetchone()
                assert row is not None
                item = SealedField(person, Place("kyc.person", "name", person), Sealed(row[0]))
                try:
                    [told] = emoney.vault.open(
                        connection, [item], purpose=Purpose.AUTHORITY_REQUEST, actor="clerk-1"
                    )
                except KeyUnavailable:
                    found.append(False)
                else:
                    assert told == f"Planted {ref} Corrected"
                    found.append(True)
        return found

    def agree(self, month: date) -> list[str]:
        """Two agree to the end of the month's keys, of which a rotation left one more; their ids."""
        with Emoney.open(clock=self.clock) as emoney, emoney.database.connection() as connection:
            asked = erasure.ask(connection, emoney.vault, month, actor="retention")
            for each in asked:
                emoney.vault.control.approve(connection, each.request_id, actor="dpo-2")
        assert len(asked) == 2
        return [each.kek for each in asked]

    def demand_all_there(self, month: date) -> bool:
        """Of the month's persons everything is there; whether their fields can still be opened."""
        refs = [ref for ref in self.people if ref.startswith(f"{month:%b}")]
        ids = [self.people[ref] for ref in refs]
        requests = [self.requests[ref] for ref in refs]
        for query, about, count in (
            ("SELECT count(*) FROM kyc.person WHERE id = ANY (%s)", ids, PERSONS),
            ("SELECT count(*) FROM kyc.wallet WHERE person_id = ANY (%s)", ids, PERSONS),
            ("SELECT count(*) FROM kyc.person_version WHERE person_id = ANY (%s)", ids, PERSONS),
            ("SELECT count(*) FROM privacy.pseudonym_token WHERE subject = ANY (%s)", ids, PERSONS),
            (
                "SELECT count(*) FROM privacy.subject_key WHERE subject = ANY (%s)"
                " AND state <> 'destroyed' AND wrapped IS NOT NULL",
                ids,
                PERSONS,
            ),
            ("SELECT count(*) FROM privacy.destruction WHERE subject = ANY (%s)", ids, 0),
            (
                "SELECT count(*) FROM privacy.destruction_certificate WHERE request_id = ANY (%s)",
                requests,
                0,
            ),
            (
                "SELECT count(*) FROM privacy.data_request_step WHERE request_id = ANY (%s)"
                " AND state = 'erased'",
                requests,
                0,
            ),
        ):
            assert self.ask(query, about) == count, query
        kek = self.ask("SELECT DISTINCT kek FROM privacy.subject_key WHERE subject = ANY (%s)", ids)
        lives = kek in LocalKeyring.load(self.home).names
        assert self.opens([*refs, "Stays"]) == [*[lives] * PERSONS, True]
        return lives

    def demand_gone(self, month: date, keks: list[str]) -> None:
        """Of the month's persons nothing is there, and what their certificates claim is so."""
        refs = [ref for ref in self.people if ref.startswith(f"{month:%b}")]
        ids = [self.people[ref] for ref in refs]
        assert self.ask("SELECT count(*) FROM kyc.person WHERE id = ANY (%s)", ids) == 0
        assert self.ask("SELECT count(*) FROM privacy.subject_key WHERE subject = ANY (%s)", ids) == PERSONS
        assert not self.ask(
            "SELECT count(*) FROM privacy.subject_key WHERE subject = ANY (%s)"
            " AND (state <> 'destroyed' OR wrapped IS NOT NULL)",
            ids,
        )
        keyring = LocalKeyring.load(self.home)
        for kek in keks:
            assert self.ask("SELECT state FROM privacy.kek WHERE id = %s", kek) == "destroyed"
            assert self.ask(
                "SELECT EXISTS (SELECT FROM ledger.request_done AS d"
                " JOIN ledger.request AS r ON r.id = d.request_id WHERE r.target = %s)",
                kek,
            )
            assert (kek in keyring.names, kek in keyring.destroyed) == (False, True)
        with Emoney.open(clock=self.clock) as emoney, emoney.database.connection() as connection:
            assert tokens_held(connection, ids) == 0
            for ref in refs:
                certificate = certificates.find(connection, self.requests[ref])
                assert certificate.subjects == [self.people[ref]]
                assert certificate.complete
                for table in ("kyc.person", "kyc.person_version", "kyc.rectification"):
                    assert certificate.content["rows"][table] == 1
                assert certificate.content["rows"]["privacy.pseudonym_token"] == 1
                assert rights.find(connection, self.requests[ref]).state is rights.RequestState.ERASED
                code, out, err = self.run("privacy", "retention", "check", str(certificate.id))
                assert (code, [line[:7].strip() for line in out.splitlines()]) == (0, ["so"] * 3), out + err

    def demand_sound(self) -> None:
        """The books balance, the proofs hold, and who stays is served."""
        with Emoney.open(clock=self.clock) as emoney:
            seal(emoney.database, self.signer)
            with emoney.database.connection() as connection:
                assert trial_balance(connection).balanced
                assert audit(connection, self.signer.public).findings == []
        assert self.opens(["Stays"]) == [True]


@pytest.fixture
def house(home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    monkeypatch.setenv("EMONEY_DATABASE_URL", owner_url)
    monkeypatch.setenv("EMONEY_ACTOR", "retention")
    clock = Moving()
    made = House(
        owner_url, home, clock, {}, {}, SigningKey.create(home, "emoney.test/log"), tmp_path / "steps"
    )
    with Emoney.open(clock=clock) as emoney:
        safeguarding = new_id()
        with emoney.database.connection() as connection:
            accounts.open_accounts(
                connection, [NewAccount(safeguarding, AccountKind.SAFEGUARDING, "GHS", clock())]
            )
        study = Pseudonyms(emoney.vault.providers, "study", clock)
        with emoney.database.connection() as connection:
            study.create(connection, purpose="a study", reversible=True, actor="dpo-1")

        def enrol(ref: str) -> UUID:
            """A person whose name was corrected, who has a token, and whose wallet was used."""
            enrolled = emoney.kyc.enrol(
                {
                    "external_ref": ref,
                    "currency": "GHS",
                    "name": f"Planted {ref}",
                    "birth_date": "1987-03-14",
                    "phone": f"+23324477{1000 + len(made.people)}",
                }
            )
            made.people[ref] = enrolled.person_id
            for payer, payee, operation in (
                (safeguarding, enrolled.account_id, Operation.LOAD),
                (enrolled.account_id, safeguarding, Operation.REDEEM_BANK),
            ):
                [done] = emoney.ledger.post(
                    [Transfer(new_id(), payer, payee, 500, "GHS", operation, "r", effective_at=clock())]
                )
                assert done.posted, done
            with emoney.database.connection() as connection:
                person = persons.find(connection, ref)
                Rectification(emoney.vault, emoney.packs, downgrades(), parties()).ask(
                    connection,
                    person,
                    {"name": f"Planted {ref} Corrected"},
                    actor="clerk-1",
                    reason="wrote",
                    at=clock(),
                )
                study.of(connection, [enrolled.person_id])
            return enrolled.account_id

        for month in (5, 6):
            clock.now = clock.now.replace(month=month)
            for number in range(PERSONS):
                ref = f"{clock.now:%b}-{number}"
                account = enrol(ref)
                account_changes.close(emoney.ledger, account, actor="clerk-1", reason="asked for")
                with emoney.database.connection() as connection:
                    request = erasing.ask_for_erasure(
                        connection,
                        emoney.vault,
                        persons.find(connection, ref),
                        packs=emoney.packs,
                        actor="dpo-1",
                        at=clock(),
                    )
                assert request.keep_until is not None
                made.requests[ref] = request.id
        enrol("Stays")
        # with the former general key destroyed, certificates are complete
        former = made.ask(
            "SELECT id FROM privacy.kek WHERE use = 'wrap subject keys' AND expires_month IS NULL"
        )
        Rotation(emoney.database, emoney.vault, Table.metadata).rewrap(actor="ops")
        with emoney.database.connection() as connection:
            control = emoney.vault.control
            asked = control.request(
                connection, DESTROY, KeyKind.KEK, former, actor="ops", reason="rotated away"
            )
            control.approve(connection, asked, actor="dpo-2")
            control.destroy(connection, asked)
        seal(emoney.database, made.signer)
    clock.now = AFTER
    return made


def killed(done: tuple[int, str, str]) -> bool:
    assert done[0] in (0, -signal.SIGKILL), done
    return done[0] == -signal.SIGKILL


LAST = (
    "before KEYRING destroy 1",
    "before KEYRING replace 1",
    "after KEYRING replace 1",
    "before KEYRING destroy 2",
    "before KEYRING replace 1",
    "after KEYRING replace 1",
    "before last COMMIT 1",
)
"""The last steps, each by its number in a run: of two keys, a run ends the one that those before it left."""


EARLY = 1
"""Steps before the last ones, other ones in each run of the tests, at which a run is killed, too."""


def test_a_month_is_gone_as_a_whole_or_not_at_all_wherever_its_erasure_is_killed(house: House) -> None:
    may = house.agree(MAY)
    code, out, err = house.destroy(MAY)
    assert code == 0, err
    assert [each["resumed"] for each in json.loads(out)] == [False] * PERSONS
    house.demand_gone(MAY, may)

    # that run tells how many steps there are; the next month's is killed at some and at all of the last
    june = house.agree(JUNE)
    steps = house.steps.read_text().splitlines()
    early = random.sample(range(1, steps.index(LAST[0]) - 20), EARLY)
    lived = []
    for point in [*map(str, sorted(early)), *LAST]:
        assert killed(house.destroy(JUNE, kill_at=point)), point
        lived.append(house.demand_all_there(JUNE))
    # they open until the keyring's file is replaced by one without their key, and never again after
    assert lived in ([True] * split + [False] * (len(lived) - split) for split in (EARLY + 2, EARLY + 5))

    code, out, err = house.destroy(JUNE)
    assert code == 0, err
    assert [each["resumed"] for each in json.loads(out)] == [True] * PERSONS
    house.demand_gone(JUNE, june)
    house.demand_sound()
    assert house.destroy(JUNE)[0] == 1


@pytest.mark.long
def test_killed_right_after_the_commit_all_is_gone(house: House) -> None:
    may = house.agree(MAY)
    assert house.destroy(MAY)[0] == 0
    june = house.agree(JUNE)
    assert killed(house.destroy(JUNE, kill_at="after last COMMIT 1"))
    house.demand_gone(JUNE, june)
    house.demand_gone(MAY, may)
    house.demand_sound()
    code, _, err = house.destroy(JUNE)
    assert (code, "Nothing that may be erased" in err) == (1, True)
