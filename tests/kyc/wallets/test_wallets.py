"""Wallets: opened once, adopted from an operator's file, moved between tiers with what they have used."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from shipped import PACKS

from emoney.kyc import GivenTier, NewWallet, adopt_wallets, change_tier, open_wallets
from emoney.kyc.errors import (
    InvalidDecision,
    PackNotInForce,
    ReferenceTaken,
    UnfitAccount,
    UnknownTier,
    UnknownWallet,
)
from emoney.kyc.wallets.wallet import WALLETS_MAX, profile_id, wallets_per_tier
from emoney.ledger import (
    AccountKind,
    Database,
    NewAccount,
    Operation,
    account_changes,
    profile_changes,
)
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
GHANA = PACKS.pack("gh-bog-2024")
Open = Callable[[str], Any]
Count = Callable[[str], int]


def _change(database: Database, wallet: UUID, tier: str, **given: Any) -> bool:
    said = {"reason": "document checked", "evidence": ("phone", "id_document"), "at": NOW} | given
    pack = said.pop("pack", GHANA)
    with database.connection() as connection:
        return change_tier(connection, wallet, pack, tier, **said)


def _decisions(database: Database) -> list[tuple[Any, ...]]:
    with database.connection() as connection:
        return connection.execute(
            "SELECT tier, reason, evidence, decided_at FROM kyc.tier_decision ORDER BY id"
        ).fetchall()


def test_a_change_of_tier_is_in_the_history_of_the_account(till: Open, database: Database) -> None:
    wallet = till("GHS").wallet(GHANA, "minimum")
    assert _change(database, wallet, "medium", actor="clerk-7")
    assert _change(database, wallet, "minimum", reason="evidence expired")
    with database.connection() as connection:
        found = account_changes.changes(connection, wallet)
        assert [(c.kind, c.profile_id, c.actor, c.reason, c.at) for c in found] == [
            ("profile", profile_id(connection, GHANA, "medium"), "clerk-7", "document checked", NOW),
            ("profile", profile_id(connection, GHANA, "minimum"), "kyc", "evidence expired", NOW),
        ]


def test_an_upgrade_keeps_what_was_used(till: Open, database: Database) -> None:
    at = till("GHS")
    wallet = at.wallet(GHANA, "minimum")
    at.load(wallet, "5000")
    assert at.send(wallet, "3000", Operation.P2P).posted
    assert at.send(wallet, "0.01", Operation.P2P).refusal.rule == "gh-bog-2024/minimum/flow-out-any-day"

    assert _change(database, wallet, "medium")

    at.load(wallet, "20000")
    assert at.send(wallet, "12000", Operation.P2P).posted
    refused = at.send(wallet, "0.01", Operation.P2P).refusal
    assert (refused.rule, refused.used) == ("gh-bog-2024/medium/flow-out-any-day", 1_500_000)
    assert _decisions(database)[-1] == ("medium", "document checked", ["phone", "id_document"], NOW)
    with database.connection() as connection:
        assert wallets_per_tier(connection) == {("gh-bog-2024", "medium"): 1}


def test_a_downgrade_takes_nothing_away_but_stops_credits(till: Open, database: Database) -> None:
    at = till("GHS")
    wallet = at.wallet(GHANA, "medium")
    at.load(wallet, "20000")
    assert _change(database, wallet, "minimum", reason="document expired")
    assert at.load(wallet, "0.01").refusal.rule == "gh-bog-2024/minimum/credits-stopped"
    assert at.send(wallet, "3000", Operation.REDEEM_BANK).posted


def test_no_change_writes_nothing(till: Open, database: Database) -> None:
    wallet = till("GHS").wallet(GHANA, "medium")
    assert not _change(database, wallet, "medium")
    assert len(_decisions(database)) == 1


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"reason": " "}, InvalidDecision, "reason is empty"),
        ({"reason": "x" * 501}, InvalidDecision, "reason has 501 characters"),
        ({"reason": "a\0b"}, InvalidDecision, "without NUL"),
        ({"evidence": "phone"}, InvalidDecision, "a list of up to 20 kinds"),
        ({"evidence": ["phone", "phone"]}, InvalidDecision, "each once"),
        ({"evidence": ["x" * 41]}, InvalidDecision, "names of kinds"),
        ({"evidence": ["Ama Serwaa"]}, InvalidDecision, "names of kinds"),
        ({"at": NOW.replace(tzinfo=None)}, InvalidDecision, "time zone"),
        ({"at": NOW - timedelta(days=1)}, InvalidDecision, "is at its tier since"),
        ({"at": datetime(2024, 2, 29, tzinfo=UTC)}, PackNotInForce, "from 2024-03-01"),
        ({"tier": "golden"}, UnknownTier, "minimum, medium, enhanced"),
        ({"pack": PACKS.pack("eu-amld5-art12"), "tier": "anonymous_emoney"}, UnfitAccount, "holds GHS"),
    ],
)
def test_a_decision_that_cannot_stand(
    till: Open, database: Database, given: dict[str, Any], error: type[Exception], said: str
) -> None:
    wallet = till("GHS").wallet(GHANA, "minimum")
    with pytest.raises(error, match=said):
        _change(database, wallet, **({"tier": "medium"} | given))
    assert len(_decisions(database)) == 1


def test_only_a_wallet_has_a_tier(till: Open, database: Database) -> None:
    with pytest.raises(UnknownWallet, match="enrol its holder or adopt it first"):
        _change(database, till("GHS").peer, "medium")


def test_of_simultaneous_equal_changes_one_is_recorded(
    till: Open, database: Database, until_waiting: Callable[[int], None]
) -> None:
    wallet, changed = till("GHS").wallet(GHANA, "minimum"), []
    threads = [
        threading.Thread(target=lambda: changed.append(_change(database, wallet, "medium"))) for _ in range(6)
    ]
    with database.connection() as connection:
        connection.execute("SELECT FROM kyc.wallet WHERE account_id = %s FOR UPDATE", (wallet,))
        for thread in threads:
            thread.start()
        until_waiting(6)
    for thread in threads:
        thread.join()
    assert sorted(changed) == [False] * 5 + [True]
    assert len(_decisions(database)) == 2


def test_decisions_are_never_edited(till: Open, database: Database, owner_url: str) -> None:
    till("GHS").wallet(GHANA, "minimum")
    for statement in ("UPDATE kyc.tier_decision SET tier = 'x'", "DELETE FROM kyc.tier_decision"):
        with database.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
        with psycopg.connect(owner_url) as owner, pytest.raises(psycopg.Error, match="append-only"):
            owner.execute(statement)


def _opened(database: Database, *wallets: NewWallet) -> int:
    with database.connection() as connection:
        return open_wallets(connection, GHANA, wallets)


def test_opening_again_changes_nothing(database: Database) -> None:
    wallet = NewWallet(new_id(), "W-1", "minimum", NOW)
    assert _opened(database, wallet) == 1
    assert _opened(database, wallet) == 0
    _change(database, wallet.account_id, "medium")
    assert _opened(database, wallet) == 0
    assert [decision[0] for decision in _decisions(database)] == ["minimum", "medium"]


def test_a_taken_reference_or_id_is_refused(database: Database, count: Count) -> None:
    wallet = NewWallet(new_id(), "W-1", "minimum", NOW)
    _opened(database, wallet)
    with pytest.raises(ReferenceTaken):
        _opened(database, NewWallet(new_id(), "W-1", "minimum", NOW))
    with pytest.raises(UnfitAccount, match="is not this wallet"):
        _opened(database, NewWallet(wallet.account_id, "W-2", "minimum", NOW))
    with pytest.raises(InvalidInput, match="stands twice in one call"):
        _opened(database, *[NewWallet(new_id(), "W-3", "minimum", NOW)] * 2)
    with pytest.raises(UnknownTier):
        _opened(database, NewWallet(new_id(), "W-3", "golden", NOW))
    assert count("kyc.wallet") == count("ledger.account") == 1


def test_an_account_without_limits_is_not_taken_for_an_opened_wallet(
    database: Database, count: Count
) -> None:
    account = NewAccount(new_id(), AccountKind.CUSTOMER, "GHS", NOW, "W-1")
    with database.connection() as connection:
        accounts.open_without_limits(connection, [account])
    with pytest.raises(UnfitAccount):
        _opened(database, NewWallet(account.id, "W-1", "minimum", NOW))
    assert count("kyc.wallet") == 0


@pytest.fixture
def imported(database: Database) -> list[UUID]:
    """Accounts as an import opens them: under no limits."""
    ids = [new_id() for _ in range(50)]
    with database.connection() as connection:
        new = [NewAccount(each, AccountKind.CUSTOMER, "GHS", NOW, f"I-{n}") for n, each in enumerate(ids)]
        accounts.open_without_limits(connection, new)
    return ids


def _adopt(database: Database, given: list[GivenTier], pack: Any = GHANA) -> int:
    with database.connection() as connection:
        return adopt_wallets(connection, pack, given, at=NOW)


def test_adopting_an_operators_accounts_once(database: Database, imported: list[UUID], till: Open) -> None:
    tiers = [tier.id for tier in GHANA.tiers]
    given = [GivenTier(each, tiers[n % 3]) for n, each in enumerate(imported)]
    assert _adopt(database, given) == 50
    assert _adopt(database, given[::-1]) == 0
    with database.connection() as connection:
        assert wallets_per_tier(connection) == {
            ("gh-bog-2024", "enhanced"): 16,
            ("gh-bog-2024", "medium"): 17,
            ("gh-bog-2024", "minimum"): 17,
        }
        for each in given:
            assert accounts.get(connection, each.account_id).profile_id == profile_id(
                connection, GHANA, each.tier
            )
    decisions = _decisions(database)
    assert len(decisions) == 50
    assert {decision[1:] for decision in ((d[0], d[1], tuple(d[2]), d[3]) for d in decisions)} == {
        ("as given by the operator's file", (), NOW)
    }
    at = till("GHS")
    assert at.load(imported[0], "5000.01").refusal.rule == "gh-bog-2024/minimum/balance"


def test_adopting_leaves_a_later_tier_alone(database: Database, imported: list[UUID]) -> None:
    _adopt(database, [GivenTier(imported[0], "minimum")])
    _change(database, imported[0], "medium")
    assert _adopt(database, [GivenTier(each, "minimum") for each in imported]) == 49
    with database.connection() as connection:
        assert wallets_per_tier(connection)["gh-bog-2024", "medium"] == 1


def test_adopting_an_account_that_an_import_has_put_under_the_limits(
    database: Database, imported: list[UUID]
) -> None:
    with database.connection() as connection:
        limits = {imported[0]: profile_id(connection, GHANA, "medium")}
        profile_changes.put_under(connection, limits, actor="import", reason="test", at=NOW)
    assert _adopt(database, [GivenTier(imported[0], "medium")]) == 1


@pytest.mark.parametrize(
    ("kind", "currency", "tier", "said"),
    [
        (None, "GHS", None, "is not in the ledger"),
        (AccountKind.MERCHANT, "GHS", None, "is of the kind merchant"),
        (AccountKind.CUSTOMER, "EUR", None, "holds EUR"),
        (AccountKind.CUSTOMER, "GHS", "medium", "is under other limits already"),
    ],
)
def test_an_account_that_does_not_fit_stops_the_whole_call(
    database: Database,
    imported: list[UUID],
    count: Count,
    kind: AccountKind | None,
    currency: str,
    tier: str | None,
    said: str,
) -> None:
    unfit = new_id()
    with database.connection() as connection:
        limits = profile_id(connection, GHANA, tier) if tier else None
        if kind:
            new = NewAccount(unfit, kind, currency, NOW, "X", profile_id=limits)
            accounts.open_without_limits(connection, [new])
    with pytest.raises(UnfitAccount, match=f"account {unfit} {said}"):
        _adopt(database, [GivenTier(each, "minimum") for each in (*imported, unfit)])
    assert count("kyc.wallet") == 0


def test_adopting_too_many_or_one_twice(database: Database, imported: list[UUID]) -> None:
    with pytest.raises(InvalidInput, match="10001 wallets in one call"):
        _adopt(database, [GivenTier(new_id(), "minimum")] * (WALLETS_MAX + 1))
    with pytest.raises(InvalidInput, match="stands twice"):
        _adopt(database, [GivenTier(imported[0], "minimum"), GivenTier(imported[0], "medium")])
    assert _adopt(database, []) == 0


def test_changed_numbers_are_another_profile(database: Database, imported: list[UUID]) -> None:
    """A pack that is corrected does not rewrite the limits that decisions name."""
    from emoney import data

    content = data.read_yaml("policies", "gh-bog-2024.yaml")
    content["tiers"][0]["rules"][0]["amount"] = 2500
    corrected = PACKS.parse(content)
    _adopt(database, [GivenTier(imported[0], "minimum")])
    assert _change(database, imported[0], "minimum", pack=corrected, reason="pack corrected")
    with database.connection() as connection:
        assert profile_id(connection, corrected, "minimum") != profile_id(connection, GHANA, "minimum")
