"""Dormancy by steps and dates with postings; the death of a holder; nothing moves without its record."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import Enrolment, approved_actions
from emoney.kyc.errors import InvalidStep, NotIdentified, UnknownPerson, UnknownWallet
from emoney.kyc.evidence import person as persons
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.life import deaths, dormancy
from emoney.kyc.life.dormancy_rules import dormancy_rules
from emoney.kyc.wallets import freezing, opening
from emoney.ledger import AccountKind, Database, Ledger, Operation, account_changes
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.reports.trial_balance import trial_balance

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
RULES = dormancy_rules()


def day(*ymd: int) -> datetime:
    return datetime(*ymd, 12, tzinfo=UTC)  # type: ignore[misc]


@pytest.fixture
def at(till: Any) -> Any:
    return till("GHS")


@pytest.fixture
def wallet(desk: Enrolment, ama: dict[str, Any], at: Any) -> Any:
    """Last used on 10 June 2026, with 500 in it."""
    enrolled = desk.enrol(ama)
    assert at.load(enrolled.account_id, "500").posted
    return enrolled


def run(at: Any, moment: datetime) -> dict[str, int]:
    at.ledger.clock = lambda: moment
    return dormancy.run(at.ledger, RULES, moment)


def balance(database: Database, account: UUID) -> int:
    with database.connection() as connection:
        return accounts.get(connection, account).balance


def chart(database: Database, ref: str) -> int:
    with database.connection() as connection:
        found = accounts.find(connection, [ref]).get(ref)
        return found.balance if found else 0


def stages(database: Database, account: UUID) -> list[str]:
    with database.connection() as connection:
        return [each["stage"] for each in dormancy.steps(connection, account)]


def verify(database: Database, person: UUID, kind: str = "id_document") -> None:
    with database.connection() as connection:
        new = NewEvidence(person, kind, EvidenceState.REGISTRY_VERIFIED, "register")
        evidence_records.record(connection, [new], actor="desk", reason="asked", at=NOW, provider="registry")


COURSE = [
    (day(2027, 5, 9), {}),
    (day(2027, 5, 10), {"notified": 1}),
    (day(2027, 6, 9), {}),
    (day(2027, 6, 10), {"blocked": 1}),
    (day(2027, 6, 13), {}),  # a Sunday
    (day(2027, 6, 14), {"told": 1}),
    (day(2028, 6, 9), {}),
    (day(2028, 6, 10), {"terminated": 1}),
    (day(2031, 6, 9), {}),
    (day(2031, 6, 10), {"escheated": 1}),
    (day(2041, 6, 10), {}),
]


def test_the_whole_way_on_its_dates(database: Database, wallet: Any, at: Any) -> None:
    at.load(at.peer, "1", day(2026, 6, 10))
    for moment, made in COURSE:
        assert run(at, moment) == made, moment
        frozen = moment >= day(2027, 6, 10)
        with database.connection() as connection:
            held = accounts.get(connection, wallet.account_id)
        assert (held.frozen_debit, held.frozen_credit) == (frozen, frozen)
        terminated, escheated = moment >= day(2028, 6, 10), moment >= day(2031, 6, 10)
        assert held.balance == (0 if terminated else 50_000)
        assert chart(database, "dormant/GHS") == (50_000 if terminated and not escheated else 0)
        assert chart(database, "escheat/GHS") == (50_000 if escheated else 0)
    with database.connection() as connection:
        assert trial_balance(connection).balanced
        steps = dormancy.steps(connection, wallet.account_id)
        kinds = [row[0] for row in connection.execute("SELECT kind FROM ledger.event ORDER BY position")]
        [listed] = dormancy.listed(connection)
    assert [(each["stage"], each["amount"]) for each in steps] == [
        ("notified", 0),
        ("blocked", 0),
        ("told", 0),
        ("terminated", 50_000),
        ("escheated", 50_000),
    ]
    assert all("Act 987" in each["source"] for each in steps)
    assert [kind for kind in kinds if kind.startswith("wallet.")] == [
        f"wallet.dormancy_{each['stage']}" for each in steps
    ]
    assert (listed["stage"], listed["next_at"], listed["amount"]) == ("escheated", None, 50_000)
    with pytest.raises(InvalidStep, match="went to the state"):
        dormancy.reactivate(
            at.ledger,
            wallet.account_id,
            RULES,
            packs=PACKS,
            actor="clerk-1",
            reason="came",
            at=day(2041, 6, 10),
        )


def test_a_use_after_the_notice_ends_it(database: Database, wallet: Any, at: Any) -> None:
    run(at, day(2027, 5, 10))
    at.ledger.clock = lambda: day(2027, 5, 20)
    assert at.send(wallet.account_id, "1", Operation.PAY, day(2027, 5, 20)).posted
    assert run(at, day(2027, 6, 10)) == {"ended": 1}
    assert run(at, day(2028, 4, 20)) == {"notified": 1}


def test_fees_are_no_use(database: Database, wallet: Any, at: Any) -> None:
    at.ledger.clock = lambda: day(2027, 4, 1)
    assert at.send(wallet.account_id, "1", Operation.FEE, day(2027, 4, 1)).posted
    assert run(at, day(2027, 5, 10)) == {"notified": 1}


def test_the_notice_is_never_shorter_than_the_rule(database: Database, wallet: Any, at: Any) -> None:
    """A job that was not run for a while blocks nobody without a month's notice."""
    assert run(at, day(2027, 9, 1)) == {"notified": 1}
    assert run(at, day(2027, 9, 30)) == {}
    assert run(at, day(2027, 10, 1)) == {"blocked": 1}


@pytest.mark.parametrize(("until", "returned"), [(5, 0), (8, 50_000)])
def test_reactivated_by_identification(
    database: Database, wallet: Any, at: Any, until: int, returned: int
) -> None:
    for moment, _ in COURSE[:until]:
        run(at, moment)
    again = COURSE[until - 1][0] + timedelta(hours=1)
    at.ledger.clock = lambda: again

    def reactivate() -> int:
        return dormancy.reactivate(
            at.ledger,
            wallet.account_id,
            RULES,
            packs=PACKS,
            actor="clerk-1",
            reason="came with the card",
            at=again,
        )

    with pytest.raises(NotIdentified, match="id_document"):
        reactivate()
    verify(database, wallet.person_id)
    assert reactivate() == returned
    assert balance(database, wallet.account_id) == 50_000
    assert chart(database, "dormant/GHS") == 0
    assert at.send(wallet.account_id, "1", Operation.PAY, again).posted
    with pytest.raises(InvalidStep, match="is not dormant"):
        reactivate()


def test_other_reasons_for_a_freeze_stay(database: Database, wallet: Any, at: Any) -> None:
    with database.connection() as connection:
        freezing.freeze(connection, wallet.account_id, credit=False, actor="clerk-1", reason="court", at=NOW)
    for moment, _ in COURSE[:4]:
        run(at, moment)
    verify(database, wallet.person_id)
    dormancy.reactivate(
        at.ledger, wallet.account_id, RULES, packs=PACKS, actor="clerk-1", reason="came", at=day(2027, 6, 11)
    )
    with database.connection() as connection:
        held = accounts.get(connection, wallet.account_id)
    assert (held.frozen_debit, held.frozen_credit) == (True, False)


def test_the_money_of_the_dead_is_the_estates_and_not_dormant(
    database: Database, wallet: Any, at: Any
) -> None:
    for moment, made in COURSE[:7]:
        assert run(at, moment) == made, moment
    reported(database, wallet.person_id)
    assert run(at, day(2028, 6, 10)) == {"skipped": 1}
    assert (balance(database, wallet.account_id), chart(database, "dormant/GHS")) == (50_000, 0)
    with database.connection() as connection:
        ask: dict[str, Any] = {"actor": "clerk-1", "reason": "she came in", "at": day(2028, 6, 10)}
        request = deaths.request_withdrawal(connection, wallet.person_id, **ask)
        approved_actions.approve(
            connection, request, packs=PACKS, actor="clerk-2", reason="met her", at=day(2028, 6, 10)
        )
    assert run(at, day(2028, 6, 11)) == {"terminated": 1}


def test_an_exemption_stops_the_clock(database: Database, wallet: Any, at: Any) -> None:
    with database.connection() as connection:
        dormancy.exempt(connection, wallet.account_id, "litigation", actor="clerk-1", reason="case 7", at=NOW)
    assert run(at, day(2027, 5, 10)) == {"skipped": 1}
    with database.connection() as connection:
        assert dormancy.end_exemption(connection, wallet.account_id, "litigation", at=day(2027, 5, 11))
        assert not dormancy.end_exemption(connection, wallet.account_id, "lien", at=day(2027, 5, 11))
    assert run(at, day(2027, 5, 11)) == {"notified": 1}


def test_a_step_that_the_ledger_refuses_leaves_nothing(
    database: Database, wallet: Any, at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for moment, _ in COURSE[:7]:
        run(at, moment)
    monkeypatch.setattr(
        freezing, "open_for_a_moment", lambda *_, **__: None
    )  # the wallet stays frozen, so the ledger refuses
    with pytest.raises(InvalidStep, match="frozen"):
        run(at, day(2028, 6, 10))
    assert stages(database, wallet.account_id)[-1] == "told"
    assert balance(database, wallet.account_id) == 50_000


def test_wallets_of_packs_without_a_rule_are_left_alone(
    database: Database, till: Any, desk: Enrolment
) -> None:
    europe = till("EUR")
    desk.enrol({"external_ref": "A-1", "currency": "EUR"})
    assert run(europe, day(2036, 1, 1)) == {}
    with pytest.raises(UnknownWallet):
        dormancy.reactivate(europe.ledger, new_id(), RULES, packs=PACKS, actor="c", reason="x", at=NOW)


def test_steps_are_never_changed(owner_url: str, wallet: Any, at: Any) -> None:
    run(at, day(2027, 5, 10))
    with psycopg.connect(owner_url) as connection, pytest.raises(psycopg.Error, match="append-only"):
        connection.execute("DELETE FROM kyc.dormancy_step")


def reported(database: Database, person: UUID) -> None:
    with database.connection() as connection:
        deaths.report(connection, person, actor="clerk-1", reason="the sister called", at=NOW)


def test_a_death_stops_debits_and_two_release_the_money(database: Database, wallet: Any, at: Any) -> None:
    person, account = wallet.person_id, wallet.account_id
    funds = at.parties[AccountKind.SAFEGUARDING]
    reported(database, person)
    assert at.send(account, "1", Operation.PAY).refusal.rule == "account.frozen_debit"
    assert at.receive(account, "20000", Operation.P2P).posted
    with database.connection() as connection:
        with pytest.raises(NotIdentified, match="death_certificate"):
            deaths.verify(connection, person, actor="clerk-1", reason="said so", at=NOW)
        with pytest.raises(InvalidStep, match="is reported; it cannot be released"):
            deaths.request_release(
                connection, person, funds, reference="bank-7", actor="clerk-1", reason="x", at=NOW
            )
    verify(database, person, "death_certificate")
    with database.connection() as connection:
        deaths.verify(connection, person, actor="clerk-1", reason="certificate", at=NOW)
        with pytest.raises(InvalidStep, match="holds no funds behind e-money"):
            deaths.request_release(
                connection, person, at.peer, reference="bank-7", actor="clerk-1", reason="x", at=NOW
            )
        request = deaths.request_release(
            connection,
            person,
            funds,
            reference="bank-7",
            actor="clerk-1",
            reason="letters of probate",
            at=NOW,
        )
    with database.connection() as connection:
        approved_actions.approve(
            connection,
            request,
            packs=PACKS,
            actor="clerk-2",
            reason="seen",
            at=NOW,
            ledger=Ledger(database, lambda: NOW),
        )
    assert balance(database, account) == 0  # 20,500 at once, beyond what the tier lets out a day
    assert at.send(account, "1", Operation.PAY).refusal.rule == "account.frozen_debit"
    with database.connection() as connection:
        assert [each.stage for each in deaths.steps(connection, person)] == [
            "reported",
            "verified",
            "released",
        ]
        row = connection.execute(
            "SELECT operation, reference FROM ledger.transfer ORDER BY posted_at, id DESC"
        )
        assert ("redeem_bank", "bank-7") in row.fetchall()


def test_a_mistake_is_withdrawn_by_two(database: Database, wallet: Any, at: Any) -> None:
    reported(database, wallet.person_id)
    with pytest.raises(InvalidStep, match="cannot be reported now"):
        reported(database, wallet.person_id)
    with database.connection() as connection:
        request = deaths.request_withdrawal(
            connection, wallet.person_id, actor="clerk-1", reason="she came in", at=NOW
        )
        approved_actions.approve(connection, request, packs=PACKS, actor="clerk-2", reason="met her", at=NOW)
    assert at.send(wallet.account_id, "1", Operation.PAY).posted
    reported(database, wallet.person_id)
    with database.connection() as connection, pytest.raises(UnknownPerson):
        deaths.report(connection, new_id(), actor="clerk-1", reason="x", at=NOW)


@pytest.mark.parametrize("lives", [True, False])
def test_a_closed_wallet_is_left_as_it_is(database: Database, wallet: Any, at: Any, lives: bool) -> None:
    person = wallet.person_id
    with database.connection() as connection:
        whose = persons.find(connection, "P-1")
        closed = opening.open_wallet(connection, whose, PACKS.pack(wallet.pack), "P-2", at=NOW)
    account_changes.close(at.ledger, closed, actor="clerk-1", reason="asked to")
    reported(database, person)
    verify(database, person, "death_certificate")
    ask: dict[str, Any] = {"actor": "clerk-1", "reason": "papers", "at": NOW}
    with database.connection() as connection:
        assert accounts.get(connection, wallet.account_id).frozen_debit
        deaths.verify(connection, person, **ask)
        request = (
            deaths.request_withdrawal(connection, person, **ask)
            if lives
            else deaths.request_release(
                connection, person, at.parties[AccountKind.SAFEGUARDING], reference="bank-7", **ask
            )
        )
        approved_actions.approve(
            connection, request, packs=PACKS, actor="clerk-2", reason="seen", at=NOW, ledger=at.ledger
        )
        assert accounts.get(connection, wallet.account_id).frozen_debit is not lives
        changes = account_changes.changes(connection, closed)
    assert [each.kind for each in changes] == ["close"]
    assert balance(database, wallet.account_id) == (50_000 if lives else 0)


def test_the_database_lets_no_money_of_the_dead_go_by_one(database: Database, wallet: Any) -> None:
    reported(database, wallet.person_id)
    for stage in ("released", "withdrawn"):
        with (
            database.connection() as connection,
            pytest.raises(psycopg.errors.CheckViolation, match="takes_two"),
        ):
            connection.execute(
                "INSERT INTO kyc.death_step (id, person_id, stage, made_by, reason, made_at)"
                " VALUES (%s, %s, %s, 'clerk-1', 'x', now())",
                (new_id(), wallet.person_id, stage),
            )
