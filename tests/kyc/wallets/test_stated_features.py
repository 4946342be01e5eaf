"""What a wallet is: kept with it, held in posting, never taken back; and kinds of wallets for some only."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import (
    Enrolment,
    GivenTier,
    NewWallet,
    adopt_wallets,
    approved_actions,
    change_tier,
    open_wallets,
    tier_for,
)
from emoney.kyc.errors import InvalidDecision, NoTier, TooManyWallets, UnknownWallet
from emoney.kyc.evidence import person as persons
from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.limits.features import ORDINARY, Features
from emoney.kyc.wallets import opening, overrides
from emoney.kyc.wallets import stated_features as wallet_features
from emoney.ledger import Database, NewAccount, Operation, Outcome
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.ledger.transfers.chart import AccountKind

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
FRANCE, EUROPE, INDIA = (
    PACKS.pack(pack) for pack in ("fr-cmf-r561-16-1", "eu-amld5-art12", "in-rbi-ppi-2021")
)
SAID: dict[str, Any] = {"actor": "clerk-1", "reason": "as sold", "at": NOW}
Open = Callable[[str], Any]


def refused(outcome: Outcome) -> str | None:
    return None if outcome.refusal is None else outcome.refusal.rule.rsplit("/", 1)[1]


def wallet(at: Any, pack: Any, tier: str, features: Features = ORDINARY) -> UUID:
    account = new_id()
    with at.database.connection() as connection:
        open_wallets(connection, pack, [NewWallet(account, str(account), tier, NOW, features=features)])
    return account


def state(database: Database, account: UUID, features: Features, **said: Any) -> bool:
    with database.connection() as connection:
        return wallet_features.state(connection, account, features, packs=PACKS, **(SAID | said))


def bound(database: Database, account: UUID) -> UUID | None:
    with database.connection() as connection:
        return accounts.get(connection, account).profile_id


def test_a_card_that_is_not_reloadable_is_loaded_once_and_may_take_cash(till: Open) -> None:
    at = till("EUR")
    card = wallet(at, FRANCE, "anonymous_emoney", Features(reloadable=False))
    ordinary = wallet(at, FRANCE, "anonymous_emoney")
    agent = at.parties[AccountKind.AGENT]
    at._move(at.parties[AccountKind.SAFEGUARDING], agent, "1000", Operation.LOAD, NOW)
    assert refused(at.pay(agent, ordinary, "50", Operation.CASH_IN)) == "denied-load_cash"
    assert at.pay(agent, card, "50", Operation.CASH_IN).posted
    assert refused(at.load(card, "1")) == "denied-load_reload"
    for _ in range(2):
        assert at.load(ordinary, "10").posted


def test_what_is_stated_later_holds_from_the_next_transfer_on(till: Open, database: Database) -> None:
    at = till("EUR")
    card = wallet(at, EUROPE, "anonymous_emoney")
    assert at.load(card, "100").posted
    assert at.send(card, "1", Operation.CRYPTO).posted
    assert state(database, card, Features(reloadable=True, one_country=True, goods_only=True))
    assert refused(at.send(card, "1", Operation.CRYPTO)) == "is-goods_only"
    assert at.send(card, "1", Operation.PAY).posted
    assert not state(database, card, Features(reloadable=True, one_country=True, goods_only=True))
    # reloadable and usable abroad: the text exempts no such instrument
    assert state(database, card, Features(reloadable=True, one_country=False))
    said = at.send(card, "1", Operation.PAY).refusal
    assert (said.rule.rsplit("/", 1)[1], said.decision) == ("requires-one_country", "require_cdd")
    assert at.send(card, "1", Operation.REDEEM_OWN_BANK).posted
    with database.connection() as connection:
        told = wallet_features.history(connection, card)
        decisions = connection.execute(
            "SELECT reason, profile_id FROM kyc.tier_decision WHERE account_id = %s ORDER BY id", (card,)
        ).fetchall()
    assert [(each.number, each.features.one_country, each.actor) for each in told] == [
        (1, True, "clerk-1"),
        (2, False, "clerk-1"),
    ]
    assert [reason for reason, _ in decisions] == ["evidence at enrolment"] + ["features stated"] * 2
    assert decisions[-1][1] == bound(database, card)


def test_abroad_means_not_at_all_where_it_is_for_one_country(till: Open) -> None:
    at = till("INR")
    for features, said in ((ORDINARY, "not-allowed-out"), (Features(one_country=True), "is-one_country")):
        card = wallet(at, INDIA, "full_kyc", features)
        at.load(card, "10")
        got = at.send(card, "1", Operation.CROSS_BORDER).refusal
        profile = compile_profile(INDIA, INDIA.tier("full_kyc"), features)
        assert said in {rule.id.rsplit("/", 1)[1] for rule in profile.rules}
        assert got is not None


@pytest.mark.parametrize(
    ("features", "tier", "decision"),
    [
        (Features(reloadable=True), "low_value_nonreloadable", "requires-not_reloadable"),
        (Features(goods_only=False), "low_value_nonreloadable", "requires-goods_only"),
        (Features(), "low_value_nonreloadable", None),
    ],
)
def test_a_tier_for_one_kind_of_instrument_refuses_what_is_said_to_be_another(
    features: Features, tier: str, decision: str | None
) -> None:
    pack = PACKS.pack("eu-amlr-19-7")
    names = {rule.id.rsplit("/", 1)[1] for rule in compile_profile(pack, pack.tier(tier), features).rules}
    assert {name for name in names if name.startswith("requires-")} == ({decision} if decision else set())


def test_what_cannot_be_stated(till: Open, database: Database) -> None:
    at = till("EUR")
    card = wallet(at, EUROPE, "anonymous_emoney", Features(reloadable=False))
    with pytest.raises(InvalidDecision, match="stays so"):
        state(database, card, ORDINARY)
    with pytest.raises(InvalidDecision, match="has no cohort 'eid_2024'; there are none"):
        state(database, card, Features(reloadable=False, cohorts=frozenset({"eid_2024"})))
    with pytest.raises(UnknownWallet):
        state(database, at.peer, Features(reloadable=False))


def test_what_was_loaded_before_counts_in_what_is_stated_later(till: Open, database: Database) -> None:
    gh = till("GHS")
    loaded, fresh = (wallet(gh, PACKS.pack("gh-bog-2024"), "minimum") for _ in range(2))
    assert gh.load(loaded, "1").posted
    for account in (loaded, fresh):
        assert state(database, account, Features(reloadable=False))
    assert refused(gh.load(loaded, "1")) == "denied-load_reload"
    assert gh.load(fresh, "1").posted


def test_statements_are_kept_and_the_database_holds_their_order(
    till: Open, database: Database, owner_url: str
) -> None:
    at = till("EUR")
    card = wallet(at, EUROPE, "anonymous_emoney", Features(reloadable=False))
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for change in (
            "UPDATE kyc.wallet_features SET reloadable = true",
            "DELETE FROM kyc.wallet_features",
            "TRUNCATE kyc.wallet_features",
        ):
            with pytest.raises(psycopg.Error, match="append-only"):
                owner.execute(change)
    columns = (
        "id, account_id, number, reloadable, loaded_with_cash, phone_not_validated, cohorts,"
        " recorded_by, reason, recorded_at"
    )
    for number, reloadable, when in (
        (3, False, NOW),
        (2, True, NOW),
        (2, None, NOW),
        (2, False, NOW - timedelta(1)),
    ):
        with (
            pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not follow"),
            database.connection() as connection,
        ):
            connection.execute(
                f"INSERT INTO kyc.wallet_features ({columns})"
                " VALUES (gen_random_uuid(), %s, %s, %s, false, false, '{}', 'clerk-1', 'x', %s)",
                (card, number, reloadable, when),
            )


def test_adopted_with_what_the_file_says(till: Open, database: Database) -> None:
    at, account = till("EUR"), new_id()
    with database.connection() as connection:
        accounts.open_without_limits(connection, [NewAccount(account, AccountKind.CUSTOMER, "EUR", NOW)])
        given = [GivenTier(account, "anonymous_emoney", Features(reloadable=False))]
        assert adopt_wallets(connection, EUROPE, given, at=NOW) == 1
    assert at.load(account, "1").posted
    assert refused(at.load(account, "1")) == "denied-load_reload"


def test_a_temporary_override_is_for_wallets_of_its_cohort(till: Open, database: Database) -> None:
    at, pakistan = till("PKR"), PACKS.pack("pk-sbp-bb-2016")
    one, other = (wallet(at, pakistan, "L1") for _ in range(2))
    assert state(database, one, Features(cohorts=frozenset({"eid_2024"})))
    day = datetime(2024, 5, 31, 12, tzinfo=UTC)
    for account in (one, other):
        at._move(at.parties[AccountKind.SAFEGUARDING], account, "400000", Operation.OPENING, day)
    assert at.load(one, "1", day).posted
    assert refused(at.load(other, "1", day)) == "balance"
    assert refused(at.load(one, "1", datetime(2024, 6, 20, 12, tzinfo=UTC))) == "balance"


def test_a_wallet_that_becomes_another_kind_has_moved_what_it_moved(till: Open, database: Database) -> None:
    at = till("INR")
    fresh, used = (wallet(at, INDIA, "full_kyc") for _ in range(2))
    assert at.load(used, "1").posted
    for account in (fresh, used):
        with database.connection() as connection:
            assert change_tier(
                connection, account, INDIA, "gift", reason="sold as a gift", evidence=(), at=NOW
            )
    assert refused(at.load(used, "1")) == "denied-load_reload"
    assert at.load(fresh, "1").posted
    assert refused(at.load(fresh, "1")) == "denied-load_reload"
    with database.connection() as connection:
        assert change_tier(connection, used, INDIA, "small_no_cash", reason="x", evidence=(), at=NOW)


# Further wallets


@pytest.fixture
def colombian(desk: Enrolment, ama: dict[str, Any]) -> Any:
    return desk.enrol(ama | {"currency": "COP", "evidence": ["full_kyc"]}, pack_id="co-bajo-monto")


def test_one_low_amount_deposit_a_person_in_colombia(
    desk: Enrolment, database: Database, colombian: Any, till: Open
) -> None:
    pack = PACKS.pack("co-bajo-monto")
    with database.connection() as connection:
        person = persons.find(connection, "P-1")
        assert opening.wallets_max(pack.tier("low_amount_deposit")) == 1
        low: dict[str, Any] = {"at": NOW, "tier_id": "low_amount_deposit"}
        first = opening.open_wallet(connection, person, pack, "P-1-low", **low)
        with pytest.raises(TooManyWallets, match="have 1 wallets at low_amount_deposit, and has 1"):
            opening.open_wallet(connection, person, pack, "P-1-low-2", **low)
        opening.open_wallet(connection, person, pack, "P-1-b", at=NOW)  # an ordinary deposit
        with pytest.raises(NoTier, match="reached by evidence"):
            opening.open_wallet(connection, person, pack, "P-1-c", at=NOW, tier_id="ordinary_deposit")
        until = NOW + timedelta(days=9)
        asked = overrides.request(
            connection, colombian.account_id, "low_amount_deposit", packs=PACKS, until=until, **SAID
        )
        with pytest.raises(TooManyWallets), connection.transaction():
            approved_actions.approve(connection, asked, packs=PACKS, actor="clerk-2", reason="seen", at=NOW)
    assert first != colombian.account_id


def test_natural_persons_only_holds_for_a_further_wallet_and_when_evidence_comes(
    desk: Enrolment, database: Database, colombian: Any
) -> None:
    entity = {
        "external_ref": "E-1",
        "currency": "COP",
        "kind": "legal_entity",
        "name": "Cumbia SAS",
        "id_kind": "registration",
        "id_number": "COL-90012345",
        "evidence": ["full_kyc"],
    }
    enrolled = desk.enrol(entity, pack_id="co-bajo-monto")
    with database.connection() as connection:
        person = persons.find(connection, "E-1")
        assert enrolled.tier == "ordinary_deposit"
        with pytest.raises(NoTier, match="low_amount_deposit is for natural persons only"):
            opening.open_wallet(
                connection, person, PACKS.pack("co-bajo-monto"), "E-1-b", at=NOW, tier_id="low_amount_deposit"
            )
    # level 2 in Mexico is for natural persons: an entity does not reach it by the same evidence
    mexico, shown = PACKS.pack("mx-cnbv-niveles"), {"name", "dob", "address"}
    assert tier_for(mexico, shown).id == "N2"
    with pytest.raises(NoTier, match="N3 still needs"):
        tier_for(mexico, shown, natural=False)
