"""What a pack's wallets may come to be under is stored at once; afterwards it is only referred to."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations, product
from typing import Any

import psycopg
import pytest
from reader_logins import login_in
from shipped import PACKS

from emoney.kyc import Enrolment, NewWallet, PackLibrary, open_wallets
from emoney.kyc.errors import PackNotAccepted
from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.limits.features import Features
from emoney.kyc.wallets import foreseen, stated_features
from emoney.kyc.wallets.downgrade import advance
from emoney.kyc.wallets.reassignment import NOT_STORED, rebind
from emoney.kyc.wallets.restrictions import RestrictionStage, downgrades, restricted
from emoney.kyc.wallets.wallet import change_tier
from emoney.ledger import Database, Operation
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.profiles import ProfilesDenied, policy_connection
from emoney.privacy import Vault

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
GHANA = PACKS.pack("gh-bog-2024")
Open = Callable[[str], Any]


@pytest.fixture
def application(owner_url: str) -> Iterator[Database]:
    """The database by a login that may post, and nothing else."""
    with login_in(owner_url, "backend", ["emoney_app"]) as url:
        opened = Database(url)
        yield opened
        opened.close()


def store(owner_url: str, pack_id: str, packs: PackLibrary = PACKS) -> foreseen.Foreseen:
    with policy_connection(owner_url) as connection:
        return foreseen.store(connection, packs.pack(pack_id))


@pytest.mark.parametrize("pack_id", PACKS.ids())
def test_nothing_that_a_wallet_comes_to_is_left_out(pack_id: str) -> None:
    pack = PACKS.pack(pack_id)
    policy = downgrades().of(pack_id)
    given = list(foreseen.foreseen(pack, policy))
    every = set(given)
    assert len(every) == len(given)
    cohorts = sorted({each.cohort for one in pack.chain for each in one.overrides})
    some = chain.from_iterable(combinations(cohorts, size) for size in range(min(2, len(cohorts)) + 1))
    said = (None, True, False)
    for reloadable, country, goods, cash, phone, of in product(
        said, said, said, (True, False), (True, False), [frozenset(each) for each in some]
    ):
        features = Features(reloadable, cash, phone, of, country, goods)
        for tier in pack.tiers:
            own = compile_profile(pack, tier, features)
            assert own in every
            assert restricted(own, RestrictionStage.DEBITS_STOPPED, policy, verified=cash) in every
    transitions = [part for each in pack.chain for part in each.transitions if part.unless.kinds]
    for tier, unmet in product(pack.tiers, transitions):
        assert compile_profile(pack, tier, unmet=(unmet,)) in every


def test_once_stored_a_login_that_may_post_does_all_of_it(
    application: Database, vault: Vault, ama: dict[str, Any], owner_url: str, till: Open
) -> None:
    at = till("GHS")
    desk = Enrolment(application, vault, lambda: NOW, packs=PACKS)
    with pytest.raises(ProfilesDenied, match="emoney kyc pack store"):
        desk.enrol(ama)
    stored = store(owner_url, "gh-bog-2024")
    assert stored.profiles == stored.new > 0
    assert store(owner_url, "gh-bog-2024") == (stored.profiles, 0)
    account = desk.enrol(ama).account_id
    assert at.load(account, "900").posted
    about: dict[str, Any] = {"reason": "x", "evidence": (), "at": NOW}
    with application.connection() as connection:
        by = {"actor": "clerk-1", "reason": "x", "at": NOW}
        assert stated_features.state(connection, account, Features(goods_only=True), packs=PACKS, **by)
        change_tier(connection, account, GHANA, "minimum", no_tier=True, **about)
    assert advance(application, NOW + timedelta(days=400), packs=PACKS).debits_stopped == 1
    assert at.send(account, "1", Operation.P2P).refusal is not None


def test_wallets_whose_new_limits_are_not_stored_keep_theirs_and_are_told_of(
    application: Database, owner_url: str, tmp_path: Any, till: Open
) -> None:
    assert till("GHS")
    store(owner_url, "gh-bog-2024")
    text = (PACKS.folders[0] / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    before, after = "scope: wallet, amount: 5000,", "scope: wallet, amount: 6000,"
    assert text.count(before) == 1
    (tmp_path / "gh-bog-2024.yaml").write_text(text.replace(before, after), encoding="utf-8")
    changed = PackLibrary([tmp_path])
    with application.connection() as connection:
        open_wallets(
            connection, GHANA, [NewWallet(new_id(), f"w-{number}", "minimum", NOW) for number in range(3)]
        )
    done = rebind(application, NOW, packs=changed)
    assert (done.seen, dict(done.rebound), dict(done.left)) == (3, {}, {("gh-bog-2024", NOT_STORED): 3})
    store(owner_url, "gh-bog-2024", changed)
    done = rebind(application, NOW, packs=changed)
    assert (done.seen, dict(done.rebound), dict(done.left)) == (3, {"gh-bog-2024": 3}, {})


def test_in_production_only_what_two_accepted_is_stored(owner_url: str) -> None:
    library = PackLibrary(PACKS.folders, in_production=True)
    assert not library.pack("gh-bog-2024").all_primary
    with pytest.raises(PackNotAccepted):
        store(owner_url, "gh-bog-2024", library)
    with psycopg.connect(owner_url) as owner:
        assert owner.execute("SELECT count(*) FROM ledger.limit_profile").fetchone() == (0,)
