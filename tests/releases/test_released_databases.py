"""Every snapshot of a release comes up to this version with all its rows, and works on."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from catalogue import catalogue
from dumping import dumped, restore
from full_house import PERSONS, name_of, open_name
from psycopg.conninfo import conninfo_to_dict
from release_snapshot import AGAIN, Facts, Snapshot, amiss, released, snapshots, this_version
from revision_files import digests
from surviving import CHANGED, contents, counts

from emoney import Emoney
from emoney.aml import extract, list_alerts, load_scenarios
from emoney.aml import run as monitor
from emoney.jobs.migrate import is_current, upgrade
from emoney.kyc import approved_actions
from emoney.ledger import Key, Operation, Transfer, disputes, holds, two_persons
from emoney.ledger.base.ids import new_id
from emoney.ledger.outbox.consumer import Consumer
from emoney.ledger.proofs import SigningKey, audit, seal
from emoney.ledger.reports.trial_balance import trial_balance
from emoney.privacy import privileges
from emoney.testing import SetClock, copy_of


@pytest.fixture(scope="module", params=snapshots(), ids=lambda each: each.folder.name)
def snapshot(request: pytest.FixtureRequest) -> Snapshot:
    found: Snapshot = request.param
    return found


@pytest.fixture(scope="module")
def home(snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installation of the snapshot."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def upgraded(snapshot: Snapshot, server_url: str, home: Path) -> Iterator[str]:
    """The snapshot's database, brought up to this version."""
    with copy_of(server_url, "template0") as url:
        snapshot.restore(url, home)
        upgrade(url)
        yield url


@pytest.fixture
def url(upgraded: str) -> Iterator[str]:
    """A copy of it, as its owner."""
    with copy_of(upgraded, str(conninfo_to_dict(upgraded)["dbname"])) as copied:
        yield copied


@pytest.fixture
def clock(snapshot: Snapshot) -> SetClock:
    made = SetClock(snapshot.moment)
    made.move(hours=1)
    return made


@pytest.fixture
def emoney(url: str, home: Path, clock: SetClock) -> Iterator[Emoney]:
    """The installation, open."""
    with Emoney.open(url, home, clock) as opened:
        yield opened


def test_all_that_must_survive_is_there(snapshot: Snapshot, url: str) -> None:
    facts = snapshot.facts
    assert is_current(url)
    with psycopg.connect(url) as owner:
        found = counts(owner)
        kept = {table: rows for table, rows in facts.counts.items() if table not in CHANGED}
        assert {table: found.get(table) for table in kept} == kept
        assert contents(owner) == facts.contents


def test_the_schema_is_that_of_a_fresh_database(url: str, server_url: str, template: str) -> None:
    with copy_of(
        server_url, "template0"
    ) as again:  # a restored constraint reads otherwise than the one dumped
        restore(again, dumped(template))
        found, fresh = catalogue(url), catalogue(again)
    assert len(fresh) > 3000
    assert sorted(found - fresh) == []
    assert sorted(fresh - found) == []
    with psycopg.connect(url) as owner:
        assert privileges.differences(owner) == []
        assert privileges.unprotected(owner) == []


def test_the_books_and_the_proofs_hold(snapshot: Snapshot, emoney: Emoney) -> None:
    with emoney.database.connection() as connection:
        books = trial_balance(connection)
        log = audit(connection, SigningKey.load(emoney.home).public, kept=[snapshot.facts.checkpoint])
    assert books.balanced
    assert books.safeguarded
    assert log.findings == []
    assert log.size > 256
    assert log.checkpoints > 1
    assert log.unsealed > 0


def test_a_copy_that_was_tampered_with_is_found_out(snapshot: Snapshot, url: str, home: Path) -> None:
    """What the test before sees is seen: an amount changed in the restored rows is one finding at least."""
    with psycopg.connect(url) as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE ledger.transfer SET amount = amount + 1 WHERE operation = 'refund'")
        log = audit(owner, SigningKey.load(home).public, kept=[snapshot.facts.checkpoint])
        assert log.findings
        assert contents(owner)["transfers"] != snapshot.facts.contents["transfers"]


def test_money_moves_on(snapshot: Snapshot, emoney: Emoney, clock: SetClock) -> None:
    ledger, reading = emoney.ledger, emoney.ledger.reading
    sent = reading.transfer(Key("order-1"))
    one, other = reading.account("w-1"), reading.account("w-2")
    again = Transfer(
        Key("order-1"),
        sent.debit_account,
        sent.credit_account,
        sent.amount,
        sent.currency,
        sent.operation,
        sent.reference,
        effective_at=sent.effective_at,
        metadata=sent.metadata,
    )
    fresh = Transfer(new_id(), one.id, other.id, 250, "GHS", Operation.P2P)
    replayed, posted = ledger.post([again, fresh])
    assert (replayed.posted, replayed.replayed) == (True, True)
    assert (posted.posted, posted.replayed) == (True, False)
    assert reading.balance("w-2") == other.balance + 250
    frozen = Transfer(new_id(), reading.account("w-4").id, one.id, 1, "GHS", Operation.P2P)
    assert ledger.post([frozen])[0].refusal
    held = reading.holds(account="w-1", open_only=True)
    [open_hold] = [each for each in held.items if each.amount == 500]
    assert holds.capture(ledger, open_hold.id, new_id()).posted
    with emoney.database.connection() as connection:
        [dispute] = [
            disputes.find(connection, id_)
            for (id_,) in connection.execute("SELECT id FROM ledger.dispute ORDER BY opened_at").fetchall()
            if disputes.find(connection, id_, at=ledger.clock()).state is disputes.DisputeState.OPEN
        ]
    assert disputes.uphold(ledger, dispute.id, new_id(), actor="clerk-3", reason="seen").posted
    assert Consumer(emoney.database, "warehouse", clock=clock).read()
    seal(emoney.database, SigningKey.load(emoney.home), clock=clock)
    with emoney.database.connection() as connection:
        assert trial_balance(connection).balanced
        log = audit(connection, SigningKey.load(emoney.home).public, kept=[snapshot.facts.checkpoint])
    assert (log.findings, log.unsealed) == ([], 0)


def test_months_to_come_have_room(emoney: Emoney, clock: SetClock) -> None:
    """Far from when the snapshot was taken, as an operator who upgrades late."""
    clock.move(days=500)
    account = emoney.ledger.reading.account
    sent = Transfer(new_id(), account("w-1").id, account("w-2").id, 10, "GHS", Operation.P2P)
    assert emoney.ledger.post([sent])[0].posted


def test_sealed_fields_open_and_persons_are_enrolled(emoney: Emoney) -> None:
    with emoney.database.connection() as connection:
        assert [open_name(emoney, connection, ref) for ref in PERSONS] == [name_of(ref) for ref in PERSONS]
    enrolled = emoney.kyc.enrol(
        {"external_ref": "w-new", "currency": "GHS", "name": "Planted new", "phone": "+233244779999"}
    )
    with emoney.database.connection() as connection:
        assert open_name(emoney, connection, "w-new") == "Planted new"
    assert emoney.ledger.reading.account("w-new").id == enrolled.account_id


def test_what_waits_for_a_second_person_is_decided(emoney: Emoney, clock: SetClock) -> None:
    with emoney.database.connection() as connection:
        waiting = two_persons.waiting(connection, clock(), approved_actions.ACTIONS)
        [unfreezing] = [each for each in waiting if each.action == "unfreezing"]
        with pytest.raises(two_persons.SamePerson):
            two_persons.reject(
                connection, unfreezing.id, approved_actions.ACTIONS, actor="CLERK-1", reason="no", at=clock()
            )
        told = {"actor": "clerk-9", "reason": "order lifted", "at": clock(), "packs": emoney.packs}
        approved_actions.approve(connection, unfreezing.id, **told)
        left = connection.execute(
            "SELECT kind FROM ledger.account_freeze WHERE account_id = %s", (unfreezing.subject,)
        ).fetchall()
    assert [kind for (kind,) in left] == ["operator"]  # what its own owner lifts, stands


def test_monitoring_goes_on_with_its_history(emoney: Emoney, clock: SetClock) -> None:
    with emoney.database.connection() as connection:
        [alert] = list_alerts(connection)
    extract(emoney.database, emoney.history, clock=clock)
    found = monitor(emoney.database, emoney.history, scenarios=load_scenarios(), clock=clock)
    assert sum(each.unchanged for each in found.scenarios) == 1
    with emoney.database.connection() as connection:
        assert alert.id in {each.id for each in list_alerts(connection)}


# What is kept of releases.


def test_releases_and_their_snapshots_are_as_they_must_be() -> None:
    facts = [each.facts for each in snapshots()]
    assert facts, f"there is no snapshot: {AGAIN}"
    assert amiss(facts, digests(), released(), this_version()) == []


def facts(version: str, revisions: dict[str, str]) -> Facts:
    return Facts(version, "", revisions, 0, "", {}, {})


OUT = facts("0.1.0", {"ledger_0001": "a", "kyc_0001": "b"})


def test_before_the_release_a_changed_baseline_asks_for_a_new_snapshot() -> None:
    assert amiss([OUT], OUT.revisions, (), "0.1.0") == []
    [told] = amiss([OUT], OUT.revisions | {"kyc_0001": "c"}, (), "0.1.0")
    assert AGAIN in told
    [told] = amiss([OUT], OUT.revisions | {"kyc_0002": "c"}, (), "0.1.0")
    assert AGAIN in told


def test_after_the_release_its_revisions_are_not_edited() -> None:
    for changed in ({"ledger_0001": "a", "kyc_0001": "c"}, {"ledger_0001": "a"}):
        for version in ("0.1.0", "0.2.0"):
            told = amiss([OUT], changed, ("0.1.0",), version)
            assert told
            assert all("kyc_0001 is in the release 0.1.0" in each for each in told)
            assert not any(AGAIN in each for each in told)
    assert amiss([OUT], OUT.revisions | {"kyc_0002": "c"}, ("0.1.0",), "0.2.0") == []
    [told] = amiss([OUT], OUT.revisions | {"kyc_0002": "c"}, ("0.1.0",), "0.1.0")
    assert "next version" in told


def test_every_release_has_its_snapshot_and_no_other_is_left() -> None:
    [told] = amiss([OUT], OUT.revisions, ("0.0.9", "0.1.0"), "0.2.0")
    assert "0.0.9" in told
    [told] = amiss([replace(OUT, version="0.0.9")], OUT.revisions, (), "0.1.0")
    assert "0.0.9" in told


def test_a_snapshot_is_small() -> None:
    for each in snapshots():
        assert sum(path.stat().st_size for path in each.folder.iterdir()) < 300_000


def test_a_snapshot_has_what_an_operator_has() -> None:
    """Rows of every kind that a revision could harm; the version that is worked on has them all."""
    newest = snapshots()[-1]
    held = {table for table, rows in newest.facts.counts.items() if rows}
    assert held >= {
        *(
            f"ledger.{name}"
            for name in ("transfer", "entry", "refusal", "transfer_note", "claim", "usage_day")
        ),
        *(f"ledger.{name}" for name in ("receipt", "receipt_fund", "guard", "limit_rule", "limit_counter")),
        *(f"ledger.{name}" for name in ("hold", "hold_event", "open_hold", "reversal")),
        *(f"ledger.{name}" for name in ("dispute", "dispute_outcome", "closed_period", "period_total")),
        *(f"ledger.{name}" for name in ("request", "request_decision", "request_done", "account_freeze")),
        *(f"ledger.{name}" for name in ("account_change", "account_parent", "account_metadata")),
        *(f"ledger.{name}" for name in ("leaf_block", "tree_node", "checkpoint", "event", "consumer")),
        *(f"ledger.{name}" for name in ("dead_letter", "bank_entry", "reconciliation_item")),
        *(f"kyc.{name}" for name in ("person", "rectification", "evidence", "evidence_state", "wallet")),
        *(f"kyc.{name}" for name in ("tier_decision", "tier_override", "risk_rating", "consent", "death")),
        *(f"privacy.{name}" for name in ("kek", "subject_key", "sealed_row", "opening", "index_entry")),
        *(f"privacy.{name}" for name in ("pseudonym_token", "reidentification", "data_request", "breach")),
        *(f"privacy.{name}" for name in ("published_count", "key_event")),
        *(f"aml.{name}" for name in ("alert", "alert_transfer", "alert_account", "extraction")),
    }
