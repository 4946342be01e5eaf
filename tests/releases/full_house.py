"""An installation with something in every room: what the database of an operator looks like after a while."""

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from emoney import Emoney
from emoney.aml import extract, load_scenarios
from emoney.aml import run as monitor
from emoney.kyc import approved_actions
from emoney.kyc.evidence import person as persons
from emoney.kyc.evidence import providers, refresh
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import EvidenceState, NewEvidence
from emoney.kyc.evidence.risk_rating import risk_policy
from emoney.kyc.life import deaths, dormancy
from emoney.kyc.life.dormancy_rules import dormancy_rules
from emoney.kyc.parties.settings import parties
from emoney.kyc.persons import consents, duplicates
from emoney.kyc.persons import erasure as erasures
from emoney.kyc.persons.rectification import Rectification
from emoney.kyc.wallets import freezing, overrides
from emoney.kyc.wallets.freezing import FreezeKind
from emoney.kyc.wallets.restrictions import downgrades
from emoney.ledger import AccountKind, Key, Operation, Transfer, account_changes, disputes, holds, periods
from emoney.ledger import reversals as given_back
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.holds import Hold
from emoney.ledger.outbox.consumer import Consumer
from emoney.ledger.proofs import SigningKey, seal
from emoney.ledger.safeguarding.importing import import_statements
from emoney.ledger.safeguarding.reconciliation import reconcile
from emoney.ledger.two_persons import request as two_persons
from emoney.privacy import Place, Purpose, Sealed, SealedField
from emoney.privacy.breaches import register as breaches
from emoney.privacy.keys.control import DESTROY
from emoney.privacy.keys.events import KeyKind
from emoney.privacy.pseudonyms import reidentification
from emoney.privacy.pseudonyms.domains import Pseudonyms
from emoney.privacy.releases.counts import Question, open_budget, publish
from emoney.testing import SetClock, open_without_limits

START = datetime(2026, 2, 10, 9, tzinfo=UTC)
CURRENCY = "GHS"
ORIGIN = "emoney.test/releases"
PERSONS = ("w-1", "w-2", "w-3", "w-4", "w-5", "w-6")
SAID = {"actor": "clerk-1", "reason": "papers seen"}
AGREED = {"actor": "clerk-2", "reason": "agreed"}


def name_of(ref: str) -> str:
    """What a made-up person is called."""
    return f"Planted {ref}"


class FullHouse:
    """Fills an open installation. `clock` is that installation's own; it is moved through two months."""

    def __init__(self, emoney: Emoney, clock: SetClock) -> None:
        self.emoney, self.clock, self.ledger = emoney, clock, emoney.ledger
        self.wallets: dict[str, UUID] = {}
        self.people: dict[str, UUID] = {}
        self._numbers = count(1)

    def fill(self, folder: Path) -> None:
        """Everything, in the order of an operator's days. `folder`: for files that are imported."""
        self.clock.set(START)
        self._open()
        self._trade()
        self._watch()
        self._identify()
        self._reserve()
        self.clock.set(datetime(2026, 3, 2, 8, tzinfo=UTC))
        periods.close(self.ledger, "2026-02", actor="accountant-1")
        self._dispute()
        self._restrict()
        self._protect()
        self._reconcile(folder)
        self._deliver()
        signing = SigningKey.create(self.emoney.home, ORIGIN)
        seal(self.emoney.database, signing, clock=self.clock, batch_rows=40)
        self.clock.move(hours=1)
        self._send("w-1", "w-2", 700)
        seal(self.emoney.database, signing, clock=self.clock)
        self.clock.move(hours=1)
        self._send("w-2", "w-1", 300)  # posted after the last checkpoint

    def _open(self) -> None:
        for ref in PERSONS:
            enrolled = self.emoney.kyc.enrol(
                {
                    "external_ref": ref,
                    "currency": CURRENCY,
                    "name": name_of(ref),
                    "birth_date": "1987-03-14",
                    "phone": f"+23324477{1000 + len(self.people)}",
                    "address": "14 Nkrumah Lane, Cape Coast",
                }
            )
            self.people[ref], self.wallets[ref] = enrolled.person_id, enrolled.account_id
        for kind in (AccountKind.SAFEGUARDING, AccountKind.AGENT, AccountKind.MERCHANT, AccountKind.FEES):
            self.wallets[kind] = self.ledger.open_account(kind, CURRENCY, f"{kind}-1")
        with self.emoney.database.connection() as connection:
            accounts.set_metadata(
                connection, self.wallets[AccountKind.AGENT], {"branch": "north"}, at=self.clock()
            )

    def _post(self, operation: Operation, payer: str, payee: str, amount: int, **more: Any) -> UUID:
        id_ = more.pop("id", None) or new_id()
        reference = f"R-{next(self._numbers)}"
        if operation is Operation.LOAD:
            self.emoney.receipts.record(
                self.wallets[payer], reference, amount, CURRENCY, actor="treasury-1", reason="credited"
            )
        sent = Transfer(
            id_,
            self.wallets[payer],
            self.wallets[payee],
            amount,
            CURRENCY,
            operation,
            reference,
            effective_at=self.clock(),
            **more,
        )
        [outcome] = self.ledger.post([sent])
        assert outcome.posted, outcome.refusal
        return sent.id

    def _send(self, payer: str, payee: str, amount: int) -> UUID:
        return self._post(Operation.P2P, payer, payee, amount)

    def _trade(self) -> None:
        safe, agent = AccountKind.SAFEGUARDING, AccountKind.AGENT
        self._post(Operation.LOAD, safe, agent, 9_000_000)
        for ref in PERSONS:
            self._post(Operation.LOAD, safe, ref, 200_000)
        self._post(Operation.P2P, "w-1", "w-2", 2_500, id=Key("order-1"), metadata={"order": "4711"})
        group = new_id()
        linked = [
            Transfer(
                new_id(), self.wallets[payer], self.wallets[payee], 100, CURRENCY, operation, group=group
            )
            for payer, payee, operation in (
                ("w-1", AccountKind.MERCHANT, Operation.PAY),
                ("w-1", AccountKind.FEES, Operation.FEE),
            )
        ]
        assert all(outcome.posted for outcome in self.ledger.post(linked))
        paid = self._post(Operation.PAY, "w-1", AccountKind.MERCHANT, 5_000)
        given_back.refund(self.ledger, paid, new_id(), 2_000, reason="returned")
        floats = [
            Transfer(
                new_id(),
                self.wallets[agent],
                self.wallets[AccountKind.MERCHANT],
                amount,
                CURRENCY,
                Operation.FLOAT,
            )
            for amount in range(1, 121)  # so that the log has a whole subtree
        ]
        assert all(outcome.posted for outcome in self.ledger.post(floats))
        given_back.reverse(self.ledger, self._send("w-2", "w-1", 400), new_id(), reason="sent twice")
        self._post(Operation.REDEEM_BANK, "w-2", safe, 1_000)
        beyond = Transfer(
            Key("too-much"), self.wallets["w-3"], self.wallets["w-1"], 9_999_999, CURRENCY, Operation.P2P
        )
        [refused] = self.ledger.post([beyond])
        assert refused.refusal

    def _watch(self) -> None:
        """Cash just below a threshold, day after day, from which an alert comes."""
        self.wallets["structured"] = open_without_limits(
            self.ledger, AccountKind.CUSTOMER, CURRENCY, "structured"
        )
        for number in range(4):
            self.clock.move(days=1)
            self._post(Operation.CASH_IN, AccountKind.AGENT, "structured", 480_000 + 100 * number)
        database, history = self.emoney.database, self.emoney.history
        extract(database, history, clock=self.clock)
        found = monitor(database, history, scenarios=load_scenarios(), clock=self.clock)
        assert sum(each.new for each in found.scenarios)

    def _identify(self) -> None:
        said: dict[str, Any] = SAID | {"at": self.clock()}
        agreed: dict[str, Any] = AGREED | {"at": self.clock(), "packs": self.emoney.packs}
        one, other = self.people["w-1"], self.people["w-2"]
        providers.register(self.emoney.url, "registry", **SAID)
        with self.emoney.database.connection() as connection:
            captured = [NewEvidence(one, "passport", EvidenceState.REGISTRY_VERIFIED)]
            evidence_records.record(connection, captured, provider="registry", **said)
            refresh.rate(connection, one, [], risk_policy(), **said)
            consents.publish(
                connection,
                "terms_of_use",
                "1",
                "en",
                b"Be kind.",
                effective_from=self.clock().date(),
                actor="legal-1",
                at=self.clock(),
            )
            consents.record(
                connection,
                one,
                "terms_of_use",
                "1",
                "en",
                given=True,
                channel="app",
                actor="clerk-1",
                at=self.clock(),
            )
            until = self.clock() + timedelta(days=90)
            asked = overrides.request(
                connection, self.wallets["w-1"], "enhanced", packs=self.emoney.packs, until=until, **said
            )
            approved_actions.approve(connection, asked, **agreed)
            overrides.request(
                connection, self.wallets["w-2"], "enhanced", packs=self.emoney.packs, until=until, **said
            )
            refused = duplicates.request_link(connection, one, other, **said)
            two_persons.reject(connection, refused, approved_actions.ACTIONS, **AGREED, at=self.clock())
            rectification = Rectification(self.emoney.vault, self.emoney.packs, downgrades(), parties())
            person = persons.find(connection, "w-3")
            rectification.ask(connection, person, {"address": "15 Nkrumah Lane, Cape Coast"}, **said)

    def _reserve(self) -> None:
        """Holds in every state: open, captured in part and whole, voided, expired."""

        def hold(amount: int, hours: int) -> UUID:
            placed = Hold(
                new_id(),
                self.wallets["w-1"],
                self.wallets[AccountKind.MERCHANT],
                amount,
                CURRENCY,
                Operation.PAY,
                self.clock() + timedelta(hours=hours),
            )
            outcome = holds.place(self.ledger, placed)
            assert outcome.refusal is None, outcome.refusal
            return placed.id

        hold(500, 24 * 90)
        assert holds.capture(self.ledger, hold(600, 24), new_id()).posted
        assert holds.capture(self.ledger, hold(700, 24 * 90), new_id(), 300, release_rest=False).posted
        holds.void(self.ledger, hold(800, 24))
        hold(900, 1)
        self.clock.move(hours=2)
        assert holds.expire_due(self.ledger) == 1

    def _dispute(self) -> None:
        def disputed() -> UUID:
            paid = self._post(Operation.PAY, "w-2", AccountKind.MERCHANT, 1_500)
            dispute = new_id()
            ends = self.clock() + timedelta(days=60)
            outcome = disputes.open_dispute(
                self.ledger, paid, dispute, reason_code="10.4", expires_at=ends, actor="clerk-1"
            )
            assert outcome.refusal is None, outcome.refusal
            return dispute

        assert disputes.uphold(self.ledger, disputed(), new_id(), 900, **SAID).posted
        disputes.reject(self.ledger, disputed(), **SAID)
        disputed()

    def _restrict(self) -> None:
        """Freezes of several owners, bounds, a place below another account, a death, a dormant wallet."""
        said: dict[str, Any] = SAID | {"at": self.clock()}
        account_changes.freeze(self.ledger, self.wallets["w-4"], **SAID)
        account_changes.freeze(self.ledger, self.wallets["w-6"], credit=False, **SAID)
        account_changes.unfreeze(self.ledger, self.wallets["w-6"], **SAID)
        account_changes.set_bounds(
            self.ledger, self.wallets["structured"], floor=None, ceiling=9_000_000, **SAID
        )
        account_changes.move(self.ledger, self.wallets["w-2"], self.wallets["w-1"], **SAID)
        self.wallets["closed"] = open_without_limits(self.ledger, AccountKind.CUSTOMER, CURRENCY, "closed")
        account_changes.close(self.ledger, self.wallets["closed"], **SAID)
        with self.emoney.database.connection() as connection:
            freezing.freeze(connection, self.wallets["w-4"], kind=FreezeKind.COURT_ORDER, **said)
            freezing.request_unfreezing(connection, self.wallets["w-4"], kind=FreezeKind.COURT_ORDER, **said)
            deaths.report(connection, self.people["w-5"], **said)
        dormancy.run(self.ledger, dormancy_rules(), self.clock())

    def _protect(self) -> None:
        """What the privacy floor keeps: openings, requests, pseudonyms, counts, a breach."""
        emoney, now = self.emoney, self.clock()
        study = Pseudonyms(emoney.vault.providers, "study", self.clock)
        with emoney.database.connection() as connection:
            assert open_name(emoney, connection, "w-1") == name_of("w-1")
            study.create(connection, purpose="a study", reversible=True, actor="dpo-1")
            token = study.of(connection, list(self.people.values()))[self.people["w-1"]]
            asked = reidentification.request(
                connection,
                "study",
                token,
                purpose=Purpose.AUTHORITY_REQUEST,
                reason="order 7",
                actor="clerk-7",
                at=now,
            )
            open_budget(connection, "annual", purpose="annual report", epsilon="1", actor="dpo-1", at=now)
            emoney.vault.control.request(
                connection,
                DESTROY,
                KeyKind.SUBJECT_KEY,
                str(self.people["w-6"]),
                actor="dpo-1",
                reason="asked for",
            )
            erasures.ask_for_erasure(
                connection,
                emoney.vault,
                persons.find(connection, "w-3"),
                packs=emoney.packs,
                actor="dpo-1",
                at=now,
            )
            breaches.register(
                connection,
                noticed_at=now,
                what="a laptop was lost",
                categories=("identity", "contact"),
                subjects=3,
                measures="it was encrypted",
                actor="dpo-1",
                clock=self.clock,
            )
        reidentification.approve(emoney.database, asked, actor="clerk-8", reason="seen", at=now)
        question = Question("all", ["all"], lambda _: {"all": 4})
        publish(emoney.database, "annual", question, epsilon="0.5", actor="dpo-1", clock=self.clock)

    def _reconcile(self, folder: Path) -> None:
        """A bank statement with one entry that is booked here, and the look at the books of its day."""
        day = START.date()
        path = folder / "statement.txt"
        said = f"{day:%y%m%d}"
        path.write_text(
            "\r\n".join(
                [
                    ":20:STMT",
                    ":25:GH0000000000000001",
                    ":28C:1/1",
                    f":60F:C{said}{CURRENCY}0,00",
                    f":61:{said}{day:%m%d}C90000,00NTRFR-1//B-1",
                    f":62F:C{said}{CURRENCY}90000,00",
                    "-",
                    "",
                ]
            ),
            encoding="ascii",
        )
        with self.emoney.database.connection() as connection:
            account = accounts.get(connection, self.wallets[AccountKind.SAFEGUARDING])
            assert len(import_statements(connection, path, account, self.clock())) == 1
        with self.emoney.database.connection() as connection:
            reconcile(connection, day, clock=self.clock)

    def _deliver(self) -> None:
        """A consumer in the middle of the events, with one that it gave up."""
        consumer = Consumer(self.emoney.database, "warehouse", clock=self.clock)
        first, second, third, *_ = consumer.read()
        consumer.acknowledge(first)
        consumer.give_up(second, "refused")
        consumer.note_failure(third, "no answer", timedelta(minutes=5))


def open_name(emoney: Emoney, connection: Any, ref: str) -> str:
    """A person's name, opened from where it is sealed."""
    [(person, sealed)] = connection.execute(
        "SELECT id, name FROM kyc.person WHERE external_ref = %s", (ref,)
    ).fetchall()
    field = SealedField(person, Place("kyc.person", "name", person), Sealed(sealed))
    [told] = emoney.vault.open(connection, [field], purpose=Purpose.CUSTOMER_SERVICE, actor="clerk-1")
    return str(told)
