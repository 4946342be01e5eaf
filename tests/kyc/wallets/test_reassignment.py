"""Wallets are bound anew when a pack, a rate or a transition's wallets change; the decision is recorded."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from shipped import PACKS

from emoney import data
from emoney.kyc import Enrolment, NewWallet, PackLibrary, open_wallets
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import NewEvidence
from emoney.kyc.limits.features import ORDINARY, Features
from emoney.kyc.wallets import reassignment as rebinding
from emoney.kyc.wallets.retiering import follow
from emoney.ledger import Database, Operation, Outcome
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id
from emoney.privacy import Vault

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
Open = Callable[[str], Any]


@dataclass(frozen=True)
class Edit:
    """Changes a word in a file of packs or rates, as an operator would; `packs` reads what is there."""

    folder: Path
    packs: PackLibrary

    def __call__(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    folder = tmp_path / "policies"
    shutil.copytree(str(data.folder("policies")), folder)
    packs = PackLibrary([folder])
    packs.packs()  # read before the change: a run reads anew
    return Edit(folder, packs)


def wallet(at: Any, pack_id: str, tier: str, features: Features = ORDINARY) -> UUID:
    account = new_id()
    with at.database.connection() as connection:
        new = NewWallet(account, str(account), tier, NOW, features=features)
        open_wallets(connection, PACKS.pack(pack_id), [new])
    return account


def refused(outcome: Outcome) -> str | None:
    return None if outcome.refusal is None else outcome.refusal.rule.rsplit("/", 1)[1]


def run(
    database: Database, at: datetime = NOW, packs: PackLibrary = PACKS
) -> tuple[int, dict[str, int], dict[tuple[str, str], int]]:
    done = rebinding.rebind(database, at, packs=packs)
    return done.seen, dict(done.rebound), dict(done.left)


def test_nothing_changed_binds_nothing(till: Open, database: Database, count: Any) -> None:
    at = till("GHS")
    wallet(at, "gh-bog-2024", "minimum")
    wallet(till("EUR"), "eu-amld5-art12", "anonymous_emoney", Features(reloadable=False))
    assert run(database) == (2, {}, {})
    assert count("kyc.tier_decision") == 2


def test_a_changed_number_binds_every_wallet_anew_and_says_so(
    till: Open, database: Database, edit: Edit
) -> None:
    at = till("GHS")
    one, other = wallet(at, "gh-bog-2024", "minimum"), wallet(at, "gh-bog-2024", "medium")
    at.load(one, "5000")
    assert at.send(one, "3000", Operation.P2P).posted
    edit(
        "gh-bog-2024.yaml",
        "window: day, scope: wallet, amount: 3000,",
        "window: day, scope: wallet, amount: 3500,",
    )
    assert refused(at.send(one, "1", Operation.P2P)) == "flow-out-any-day"  # until it is bound anew
    assert run(database, packs=edit.packs) == (2, {"gh-bog-2024": 1}, {})
    assert at.send(one, "500", Operation.P2P).posted  # what was used counts on
    assert refused(at.send(one, "0.01", Operation.P2P)) == "flow-out-any-day"
    assert run(database, packs=edit.packs) == (2, {}, {})
    with database.connection() as connection:
        decided = connection.execute(
            "SELECT d.account_id, d.tier, d.reason, d.decided_at, d.profile_id = a.profile_id"
            " FROM kyc.tier_decision AS d JOIN ledger.account AS a ON a.id = d.account_id ORDER BY d.id"
        ).fetchall()
    assert decided[-1] == (one, "minimum", rebinding.BECAUSE, NOW, True)
    assert [row[0] for row in decided].count(other) == 1


def test_a_new_rate_of_an_index_unit_is_bound(till: Open, database: Database, edit: Edit) -> None:
    at = till("PEN")
    one = wallet(at, "pe-sbs-2026", "simplified")
    new_year = datetime(2027, 1, 2, 12, tzinfo=UTC)
    assert at.load(one, "1", new_year).refusal.limit is None
    edit("rates/UIT.yaml", "to: 2027-01-01", "to: 2028-01-01")
    assert run(database, packs=edit.packs) == (1, {"pe-sbs-2026": 1}, {})
    assert at.load(one, "1", new_year).posted


def test_a_cap_that_falls_restricts_who_is_above_it_and_takes_nothing(
    till: Open, database: Database, edit: Edit
) -> None:
    at = till("GHS")
    above, below = wallet(at, "gh-bog-2024", "minimum"), wallet(at, "gh-bog-2024", "minimum")
    at.load(above, "5000")
    at.load(below, "100")
    edit("gh-bog-2024.yaml", "scope: wallet, amount: 5000,", "scope: wallet, amount: 4000,")
    assert run(database, packs=edit.packs) == (2, {"gh-bog-2024": 2}, {})
    assert refused(at.load(above, "1")) == "credits-stopped"
    assert at.send(above, "1", Operation.REDEEM_OWN_BANK).posted
    assert refused(at.load(below, "3900.01")) == "balance"
    with database.connection() as connection:
        rows = connection.execute(
            "SELECT account_id, restriction, restriction_next_at FROM kyc.wallet"
            " WHERE restriction IS NOT NULL"
        ).fetchall()
    assert rows == [(above, "credits_stopped", NOW + timedelta(days=90))]
    assert run(database, packs=edit.packs) == (2, {}, {})


def test_many_wallets_in_batches_and_a_stopped_run_goes_on(
    till: Open, database: Database, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = till("GHS")
    for _ in range(7):
        wallet(at, "gh-bog-2024", "minimum")
    edit("gh-bog-2024.yaml", "scope: wallet, amount: 5000,", "scope: wallet, amount: 6000,")
    monkeypatch.setattr("emoney.ledger.base.paging.PAGE_ROWS", 3)

    def stop(_phase: str, seen: int, _of: int | None) -> None:
        if seen == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebinding.rebind(database, NOW, progress=stop, packs=edit.packs.reread())
    assert run(database, packs=edit.packs) == (7, {"gh-bog-2024": 1}, {})


def test_wallets_whose_pack_or_tier_is_gone_keep_their_limits_and_are_told(
    till: Open, database: Database, edit: Edit
) -> None:
    at = till("GHS")
    one = wallet(at, "gh-bog-2024", "minimum")
    two = wallet(till("KES"), "ke-cbk-2023", PACKS.pack("ke-cbk-2023").tiers[0].id)
    edit("gh-bog-2024.yaml", "- id: minimum", "- id: least")
    (edit.folder / "ke-cbk-2023.yaml").unlink()
    with database.connection() as connection:
        before = [accounts.get(connection, each).profile_id for each in (one, two)]
    assert run(database, packs=edit.packs) == (
        2,
        {},
        {
            ("gh-bog-2024", "the pack has no tier minimum"): 1,
            ("ke-cbk-2023", "there is no such pack"): 1,
        },
    )
    with database.connection() as connection:
        assert before == [accounts.get(connection, each).profile_id for each in (one, two)]


def test_in_production_only_a_pack_that_was_accepted_as_it_is(
    till: Open, database: Database, edit: Edit
) -> None:
    wallet(till("GHS"), "gh-bog-2024", "minimum")
    edit("gh-bog-2024.yaml", "scope: wallet, amount: 5000,", "scope: wallet, amount: 6000,")
    assert run(database, packs=PackLibrary([edit.folder], in_production=True)) == (
        1,
        {},
        {("gh-bog-2024", "the pack is not accepted as it is"): 1},
    )


# Transitions


@pytest.fixture
def nigerian(desk: Enrolment, ama: dict[str, Any]) -> Any:
    """At tier 1 by a bank verification number."""
    details = ama | {"currency": "NGN", "evidence": ["BVN"]}
    for field in ("id_kind", "id_number"):
        details.pop(field)
    return desk.enrol(details, pack_id="ng-mmo-2017")


def drop(database: Database, person: UUID, kind: str, at: datetime = NOW) -> None:
    """Its evidence is revoked, and nothing follows it."""
    with database.connection() as connection:
        for each in evidence_records.of_person(connection, person):
            if each.kind == kind:
                evidence_records.reject(connection, each.id, actor="clerk-1", reason="revoked", at=at)


@pytest.mark.parametrize(("funded", "day"), [(True, "2024-03-01"), (False, "2023-12-01")])
def test_without_an_id_number_nothing_moves_from_the_day_on(
    nigerian: Any, till: Open, database: Database, funded: bool, day: str
) -> None:
    at, account = till("NGN"), nigerian.account_id
    if funded:
        assert at.load(account, "100").posted
    drop(database, nigerian.person_id, "BVN")
    assert run(database)[1] == {"ng-mmo-2017": 1}
    on = datetime.fromisoformat(f"{day}T00:00:00+01:00")
    assert at.load(account, "1", on - timedelta(seconds=1)).posted  # the day is local
    said = at.load(account, "1", on).refusal
    number = 2 if funded else 1
    assert (said.rule, said.decision) == (f"ng-mmo-2017/tier1/transition-{number}", "require_cdd")
    assert "confidence secondary_multi" in said.source
    assert at.send(account, "1", Operation.REDEEM_OWN_BANK, on).posted
    assert not at.send(account, "0.5", Operation.PAY, on).posted


def test_evidence_that_comes_lifts_a_transition_at_once(
    nigerian: Any, till: Open, database: Database
) -> None:
    at, account = till("NGN"), nigerian.account_id
    drop(database, nigerian.person_id, "BVN")
    run(database)
    assert not at.load(account, "1").posted
    with database.connection() as connection:
        evidence_records.record(
            connection, [NewEvidence(nigerian.person_id, "NIN")], actor="clerk-1", reason="seen", at=NOW
        )
        follow(connection, nigerian.person_id, packs=PACKS, at=NOW)
    assert at.load(account, "1").posted
    assert run(database) == (1, {}, {})


def test_a_wallet_without_a_record_of_its_holder_rests_on_what_its_tier_asks_for(
    till: Open, database: Database
) -> None:
    at = till("NGN")
    account = wallet(at, "ng-mmo-2017", "tier1")
    assert run(database) == (1, {}, {})
    assert at.load(account, "1").posted


# Packs that follow each other


def test_evidence_moves_wallets_after_their_pack_was_followed_by_another(
    till: Open, database: Database, vault: Vault, edit: Edit, ama: dict[str, Any]
) -> None:
    """Ghana's pack ends on 1 July 2026, and another follows whose tiers have other names."""
    folder = edit.folder
    text = (folder / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    after = text.replace("id: gh-bog-2024", "id: gh-bog-2026").replace("from: 2024-03-01", "from: 2026-07-01")
    for tier in ("minimum", "medium", "enhanced"):
        after = after.replace(f"- id: {tier}", f"- id: {tier}_2026")
    (folder / "gh-bog-2026.yaml").write_text(after, encoding="utf-8")
    edit(
        "gh-bog-2024.yaml",
        "valid: {from: 2024-03-01, to: null,",
        "succeeded_by: {pack: gh-bog-2026, tiers: {minimum: minimum_2026, medium: medium_2026, "
        "enhanced: enhanced_2026}}\nvalid: {from: 2024-03-01, to: 2026-07-01,",
    )
    desk = Enrolment(database, vault, lambda: NOW, packs=edit.packs.reread())
    at, enrolled = till("GHS"), desk.enrol(ama, pack_id="gh-bog-2024")
    assert enrolled.tier == "medium"
    july = datetime(2026, 7, 2, 12, tzinfo=UTC)
    with database.connection() as connection:
        assert (
            follow(connection, enrolled.person_id, packs=edit.packs.reread(), at=july) == []
        )  # nothing changed: under both
    at.load(enrolled.account_id, "10", july)
    assert run(database, july, packs=edit.packs) == (1, {}, {})
    drop(database, enrolled.person_id, "id_document", july)
    with database.connection() as connection:
        [moved] = follow(connection, enrolled.person_id, packs=edit.packs.reread(), at=july)
    assert (moved.pack, moved.before, moved.tier) == ("gh-bog-2026", "medium", "minimum_2026")
    assert at.load(enrolled.account_id, "5000", july).refusal.rule == "gh-bog-2026/minimum_2026/balance"
