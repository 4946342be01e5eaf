"""Rebinding: wallets whose limits are no longer what their pack, their features and their evidence come to.

A changed pack, a new rate of an index unit or a transition whose wallets have changed makes another limit
profile. `rebind` compares what each wallet is bound to with what it should be, and binds anew where they
differ: the decision is recorded with the profile, and what was used stays used. Comparing costs a read;
nothing is kept of a run, so one that was stopped goes on where it was by running again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from emoney.kyc.errors import InvalidPack, UnknownPack
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import Evidence, verified
from emoney.kyc.limits import transitions
from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.packs import acceptance
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.packs.schema import Pack, Transition
from emoney.kyc.wallets import assignment as binding
from emoney.kyc.wallets.assignment import LockedWallet
from emoney.kyc.wallets.restrictions import Downgrades, caps, downgrades, restricted
from emoney.ledger import profile_changes
from emoney.ledger.base.clock import Clock, from_then
from emoney.ledger.base.paging import pages
from emoney.ledger.base.postgres.database import Connection, Database
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.limits import profiles
from emoney.ledger.limits.profiles import ProfilesDenied
from emoney.ledger.limits.rules import LimitProfile

BECAUSE = "limits of the pack changed"
NOT_STORED = "its limits as they are now are not stored: emoney kyc pack store"

_queries = queries_beside(__file__)


@dataclass(slots=True)
class Rebound:
    """What a run saw. `rebound`: by pack; `left`: wallets as they were, by pack and why."""

    seen: int = 0
    rebound: Counter[str] = field(default_factory=Counter)
    left: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Bound:
    """A wallet as it is bound now. Amounts in minor units."""

    wallet: LockedWallet
    profile_id: UUID | None
    balance: int
    together: int


def rebind(
    database: Database,
    at: datetime,
    *,
    packs: PackLibrary,
    policies: Downgrades | None = None,
    progress: Progress = silent,
    clock: Clock | None = None,
) -> Rebound:
    """Bind anew every wallet whose limits are not what they should be at `at`.

    `clock`: for a run of more than a moment (`ledger.base.clock.from_then`).

    Reads packs and rates anew. Wallets of a pack that is not there any more, is broken, lacks their tier, or
    is not accepted as it is, keep their limits and are told of; so do those whose limits as they are now are
    not stored, where this login may not store them (`kyc.wallets.foreseen`).
    """
    run = _Run(database, at, from_then(at, clock), packs.reread(), policies or downgrades())
    for page in pages(database, _queries.wallets.sql):
        run.batch([row[0] for row in page])
        progress("comparing wallets", run.done.seen, None)
    return run.done


class _Run:
    """One run: packs, profiles and their ids are worked out once."""

    def __init__(
        self, database: Database, at: datetime, clock: Clock, packs: PackLibrary, policies: Downgrades
    ) -> None:
        self._database = database
        self._at, self._clock = at, clock
        self._library = packs
        self._policies = policies
        self._packs: dict[str, Pack | str] = {}
        self._profiles: dict[object, tuple[LimitProfile, UUID]] = {}
        self._denied: set[object] = set()
        self._evidence: dict[UUID, list[Evidence]] = {}
        self.done = Rebound()

    def batch(self, ids: Sequence[UUID]) -> None:
        """Compare some wallets without a lock; those that differ are locked, compared again and bound."""
        with self._database.connection() as connection:
            found = self._read(connection, ids)
            self.done.seen += len(found)
            differing = [each for each in found if self._differs(connection, each, tell=True)]
        if not differing:
            return
        ids = [each.wallet.account_id for each in differing]
        alone: list[_Bound] = []
        together: list[_Bound] = []
        with self._database.connection() as connection:
            binding.lock_many(connection, ids)
            for each in self._read(connection, ids):
                if self._differs(connection, each):
                    (alone if self._restriction_moves(connection, each) else together).append(each)
            self._bind(connection, together)
        for each in alone:
            with self._database.connection() as connection:
                wallet = binding.lock(connection, each.wallet.account_id)
                pack = self._library.pack(wallet.pack_id)
                policy = self._policies.of(pack.id)
                moved = binding.rebind(
                    connection, wallet, pack, reason=BECAUSE, at=self._clock(), policy=policy
                )
            self.done.rebound[pack.id] += moved

    def _read(self, connection: Connection, ids: Sequence[UUID]) -> list[_Bound]:
        features = binding.features_of(connection, ids)
        found = [
            _Bound(binding.wallet_of_row(row[:8], features.get(row[0])), *row[8:])
            for row in connection.execute(_queries.bound.sql, {"accounts": list(ids)}).fetchall()
        ]
        asked = {each.wallet.person_id for each in found if self._asks_evidence(connection, each.wallet)}
        self._evidence = evidence_records.of_persons(connection, sorted(filter(None, asked)))
        return found

    def _asks_evidence(self, connection: Connection, wallet: LockedWallet) -> bool:
        pack = self._pack(connection, wallet.pack_id)
        return isinstance(pack, Pack) and (wallet.restriction is not None or transitions.concern(pack))

    def _differs(self, connection: Connection, each: _Bound, *, tell: bool = False) -> bool:
        wallet = each.wallet
        pack = self._pack(connection, wallet.pack_id)
        if isinstance(pack, Pack) and all(tier.id != wallet.tier for tier in pack.tiers):
            pack = f"the pack has no tier {wallet.tier}"
        if isinstance(pack, str):
            self.done.left[wallet.pack_id, pack] += tell
            return False
        try:
            return self._expected(connection, each, pack)[1] != each.profile_id
        except ProfilesDenied:
            self.done.left[wallet.pack_id, NOT_STORED] += tell
            return False

    def _pack(self, connection: Connection, pack_id: str) -> Pack | str:
        """The pack, or why its wallets keep their limits."""
        if pack_id not in self._packs:
            try:
                pack = self._library.pack(pack_id)
            except UnknownPack:
                self._packs[pack_id] = "there is no such pack"
            except InvalidPack as error:
                self._packs[pack_id] = f"the pack is broken: {error}"
            else:
                refused = pack.in_production and acceptance.missing(connection, pack)
                self._packs[pack_id] = "the pack is not accepted as it is" if refused else pack
        return self._packs[pack_id]

    def _expected(self, connection: Connection, each: _Bound, pack: Pack) -> tuple[LimitProfile, UUID]:
        """What the wallet should be bound to in the stage it is in."""
        wallet, day, tier = each.wallet, pack.local_day(self._at), pack.tier(each.wallet.tier)
        known = None if wallet.person_id is None else self._evidence.get(wallet.person_id, [])
        unmet: tuple[Transition, ...] = ()
        if transitions.concern(pack):
            unmet = binding.unmet_by(known, each.balance, pack, tier, day)
        policy, stage = (
            self._policies.of(pack.id),
            None if not wallet.restriction else wallet.restriction.stage,
        )
        sure = stage is not None and verified(known or [], day, frozenset(policy.verified_by))
        key = (pack.id, tier.id, wallet.features, unmet, stage, sure)
        if key not in self._profiles:
            profile = compile_profile(pack, tier, wallet.features, unmet)
            if stage is not None:
                profile = restricted(profile, stage, policy, verified=sure)
            if key in self._denied:
                raise ProfilesDenied(NOT_STORED)
            try:
                # in the transaction at hand: where that fails, the run has ended
                self._profiles[key] = profile, profiles.store(connection, profile)
            except ProfilesDenied:
                self._denied.add(key)
                raise
        return self._profiles[key]

    def _restriction_moves(self, connection: Connection, each: _Bound) -> bool:
        """Whether the wallet is restricted, or comes to be by the new cap: that is a step of its own."""
        pack = self._pack(connection, each.wallet.pack_id)
        assert isinstance(pack, Pack)
        limits = caps(
            self._expected(connection, each, pack)[0], pack.local_day(self._at), until_end_of_day=False
        )
        return each.wallet.restriction is not None or binding.excess(limits, each.balance, each.together) > 0

    def _bind(self, connection: Connection, wallets: Sequence[_Bound]) -> None:
        if not wallets:
            return
        bound = []
        for each in wallets:
            pack = self._pack(connection, each.wallet.pack_id)
            assert isinstance(pack, Pack)
            bound.append(self._expected(connection, each, pack)[1])
            self.done.rebound[pack.id] += 1
        ids = [each.wallet.account_id for each in wallets]
        limits = dict(zip(ids, bound, strict=True))
        at = self._clock()
        profile_changes.put_under(connection, limits, actor=binding.AUTOMATIC, reason=BECAUSE, at=at)
        binding.record_rebinding(connection, ids, bound, reason=BECAUSE, at=at)
