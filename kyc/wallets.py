"""Wallets: ledger accounts put at a tier, whose limits the ledger then enforces.

Opened at enrolment, adopted when an operator's file brought the account, moved between tiers later; each
time a decision is recorded that is never edited. Locks: wallets, then accounts, each in id order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from psycopg.errors import UniqueViolation

from kyc import acceptance, evidence_records
from kyc.errors import InvalidDecision, ReferenceTaken, UnfitAccount, UnknownWallet
from kyc.evidence import KINDS_MAX
from kyc.limits import compile_profile
from kyc.pack import Pack, Tier
from kyc.restrictions import (
    Cause,
    DowngradePolicy,
    Restriction,
    Stage,
    caps,
    downgrades,
    next_restriction,
    per_person,
    restricted,
)
from ledger import accounts, profiles
from ledger.chart import AccountKind
from ledger.database import Connection
from ledger.errors import InvalidInput
from ledger.ids import new_id
from ledger.outbox import recorded
from ledger.queries import queries_beside

BECAUSE_MAX = 500
WALLETS_MAX = 10_000
"""Wallets in one call."""

AS_GIVEN = "as given by the operator's file"

_queries = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class NewWallet:
    """A wallet to open. `evidence`: what the tier rests on; `because`: why in a few words."""

    account_id: UUID
    external_ref: str
    tier: str
    opened_at: datetime
    holder: UUID | None = None
    person_id: UUID | None = None
    evidence: tuple[str, ...] = ()
    because: str = "evidence at enrolment"


@dataclass(frozen=True, slots=True)
class GivenTier:
    """An account of the ledger and the tier that the operator's file gives its holder."""

    account_id: UUID
    tier: str


def profile_id(connection: Connection, pack: Pack, tier_id: str) -> UUID:
    """The ledger's id of the limits of a tier, stored on first use. Raises UnknownTier, PackNotAccepted."""
    acceptance.demand(connection, pack)
    return profiles.store(connection, compile_profile(pack, pack.tier(tier_id)))


def open_wallets(connection: Connection, pack: Pack, wallets: Sequence[NewWallet]) -> int:
    """Open those of `wallets` that are not there yet, each at its tier; returns how many were opened.

    Raises UnknownTier, UnfitAccount when an account of one of these ids is there but is no wallet of this
    reference, ReferenceTaken, InvalidInput for a malformed reference.
    """
    _demand_bounded([wallet.account_id for wallet in wallets])
    for wallet in wallets:
        _demand_reasons(wallet.because, wallet.evidence, wallet.opened_at)
    limits = _limits(connection, pack, {wallet.tier for wallet in wallets})
    _open_accounts(connection, pack, wallets, limits)
    opened = {
        row[0]
        for row in connection.execute(
            _queries.open_wallets.sql,
            {
                "accounts": [wallet.account_id for wallet in wallets],
                "refs": [wallet.external_ref for wallet in wallets],
                "persons": [wallet.person_id for wallet in wallets],
                "profiles": [limits[wallet.tier] for wallet in wallets],
                "pack": pack.id,
                "tiers": [wallet.tier for wallet in wallets],
                "since": [wallet.opened_at for wallet in wallets],
            },
        )
    }
    _demand_wallets(connection, [wallet for wallet in wallets if wallet.account_id not in opened])
    columns = "id, account_id, pack_id, tier, profile_id, because, evidence, decided_at"
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY kyc.tier_decision ({columns}) FROM STDIN") as copy,
    ):
        for wallet in wallets:
            if wallet.account_id in opened:
                decided = (new_id(), wallet.account_id, pack.id, wallet.tier, limits[wallet.tier])
                copy.write_row((*decided, wallet.because, list(wallet.evidence), wallet.opened_at))
    return len(opened)


def adopt_wallets(
    connection: Connection,
    pack: Pack,
    given: Sequence[GivenTier],
    *,
    at: datetime,
    because: str = AS_GIVEN,
    evidence: Sequence[str] = (),
) -> int:
    """Put customers' accounts that the ledger holds already at the tiers that a file gives them.

    Those that are wallets already stay as they are, so that sending the same again changes nothing; returns
    how many were adopted. At most WALLETS_MAX a call. Raises UnknownTier, UnfitAccount when an account is
    missing, not a customer's, in another currency than the pack or under other limits: nothing was written.
    """
    _demand_bounded([each.account_id for each in given])
    _demand_reasons(because, evidence, at)
    limits = _limits(connection, pack, {each.tier for each in given})
    new = connection.execute(
        _queries.not_wallets.sql, {"accounts": [each.account_id for each in given]}
    ).fetchall()
    if not new:
        return 0
    tiers = {each.account_id: each.tier for each in given}
    ids = sorted(row[0] for row in new)
    what = {
        "accounts": ids,
        "tiers": [tiers[account_id] for account_id in ids],
        "profiles": [limits[tiers[account_id]] for account_id in ids],
        "currency": pack.currency,
    }
    unfit = connection.execute(_queries.lock_unfit.sql, what).fetchone()
    if unfit is not None:
        raise UnfitAccount(
            f"account {unfit[0]} {unfit[1]}; pack {pack.id} is for customers in {pack.currency}"
        )
    adopted = {
        row[0] for row in connection.execute(_queries.adopt_wallets.sql, what | {"pack": pack.id, "at": at})
    }
    rows = [
        (*row, new_id())
        for row in zip(ids, what["tiers"], what["profiles"], strict=True)
        if row[0] in adopted
    ]
    if rows:
        accounts_, tiers_, profiles_, decisions = (list(column) for column in zip(*rows, strict=True))
        about = {"accounts": accounts_, "tiers": tiers_, "profiles": profiles_, "ids": decisions}
        connection.execute(_queries.put_under_limits.sql, about)
        why = {"pack": pack.id, "because": because, "evidence": list(evidence), "at": at}
        connection.execute(_queries.record_decisions.sql, about | why)
    return len(rows)


def change_tier(
    connection: Connection,
    account_id: UUID,
    pack: Pack,
    tier_id: str,
    *,
    because: str,
    evidence: Sequence[str],
    at: datetime,
    no_tier: bool = False,
    policy: DowngradePolicy | None = None,
) -> bool:
    """Move a wallet to a tier: its limits change with the next transfer, what it has used stays used.

    `because`: the decision in a few words, no personal data; `evidence`: the kinds it rests on. A balance
    above the new tier's cap stays the holder's: the wallet is restricted by stages (`kyc.restrictions`) under
    `policy`, by default the shipped one of the pack; so it is with `no_tier`, when the holder's evidence
    reaches none. Returns False, and writes nothing, when the wallet stands under just these limits already.
    Raises UnknownWallet, UnknownTier, UnfitAccount, PackNotInForce, InvalidDecision.
    """
    _demand_reasons(because, evidence, at)
    if not because.strip():
        raise InvalidDecision("a change of tier says why: because is empty")
    limits = pack.tier(tier_id)
    pack.demand_in_force(at)
    wallet = _lock(connection, account_id)
    account = accounts.get(connection, account_id)
    if account.currency != pack.currency:
        raise UnfitAccount(
            f"account {account_id} holds {account.currency}; pack {pack.id} is for {pack.currency}"
        )
    if at < wallet.since:
        raise InvalidDecision(
            f"account {account_id} is at its tier since {wallet.since}: {at} is before that"
        )
    under = _limits_at(connection, wallet, account, pack, limits, at, no_tier=no_tier, policy=policy)
    if under.profile_id == account.profile_id:
        return False
    about = {"account": account_id, "pack": pack.id, "tier": limits.id, "at": at}
    connection.execute(_queries.move_wallet.sql, about)
    connection.execute(
        _queries.record_decision.sql,
        about | {"id": new_id(), "profile": under.profile_id, "because": because, "evidence": list(evidence)},
    )
    _put_under(connection, wallet, account, under, at)
    return True


def review_restriction(
    connection: Connection,
    account_id: UUID,
    pack: Pack,
    *,
    at: datetime,
    policy: DowngradePolicy | None = None,
) -> Restriction | None:
    """Bring a restricted wallet into the stage it should be in at `at`, or lift the restriction.

    Returns the restriction it is under now. Raises UnknownWallet.
    """
    wallet = _lock(connection, account_id)
    if wallet.restriction is None:
        return None
    account = accounts.get(connection, account_id)
    no_tier = wallet.restriction.cause is Cause.NO_TIER
    under = _limits_at(
        connection, wallet, account, pack, pack.tier(wallet.tier), at, no_tier=no_tier, policy=policy
    )
    if under.profile_id != account.profile_id or under.restriction != wallet.restriction:
        _put_under(connection, wallet, account, under, at)
    return under.restriction


@dataclass(frozen=True, slots=True)
class _Wallet:
    """A locked wallet and its locked account."""

    account_id: UUID
    person_id: UUID | None
    tier: str
    since: datetime
    restriction: Restriction | None


@dataclass(frozen=True, slots=True)
class _Limits:
    """The limits a wallet is to be under. `cap`: of its balance, minor units; None where there is none."""

    profile_id: UUID
    restriction: Restriction | None
    cap: int | None
    source: str


def _lock(connection: Connection, account_id: UUID) -> _Wallet:
    """The wallet, then its account: the balance does not move under a decision on it."""
    row = connection.execute(_queries.lock_wallet.sql, {"account": account_id}).fetchone()
    if row is None:
        raise UnknownWallet(f"account {account_id} is at no tier: enrol its holder or adopt it first")
    connection.execute(_queries.lock_account.sql, {"account": account_id})
    since, person, tier, stage, cause, next_at = row
    held = None if stage is None else Restriction(Stage(stage), Cause(cause), next_at)
    return _Wallet(account_id, person, tier, since, held)


def _limits_at(
    connection: Connection,
    wallet: _Wallet,
    account: accounts.Account,
    pack: Pack,
    tier: Tier,
    at: datetime,
    *,
    no_tier: bool,
    policy: DowngradePolicy | None,
) -> _Limits:
    policy = policy or downgrades().of(pack.id)
    profile = compile_profile(pack, tier)
    limits = caps(profile, pack.local_day(at))
    together = _held_together(connection, account) if any(map(per_person, limits)) else account.balance
    room = [(rule.amount or 0) - (together if per_person(rule) else account.balance) for rule in limits]
    cap = min((rule.amount for rule in limits if rule.amount is not None), default=None)
    restriction = next_restriction(
        wallet.restriction,
        excess=min(room, default=0) < 0,
        no_tier=no_tier,
        policy=policy,
        at=at,
    )
    if restriction is None:
        return _Limits(profile_id(connection, pack, tier.id), None, cap, policy.source)
    known = evidence_records.of_person(connection, wallet.person_id) if wallet.person_id else []
    sure = evidence_records.verified(known, pack.local_day(at), frozenset(policy.verified_by))
    profile = restricted(profile, restriction.stage, policy, verified=sure)
    return _Limits(profiles.store(connection, profile), restriction, cap, policy.source)


def _held_together(connection: Connection, account: accounts.Account) -> int:
    """What all wallets of the holder hold in the currency, minor units."""
    about = {"holder": account.holder, "currency": account.currency, "account": account.id}
    [held] = connection.execute(_queries.held_together.sql, about).fetchone() or (0,)
    return int(held)


def _put_under(
    connection: Connection, wallet: _Wallet, account: accounts.Account, under: _Limits, at: datetime
) -> None:
    """Put the wallet under these limits, and tell of a restriction that begins, goes on or ends."""
    accounts.set_profile(connection, wallet.account_id, under.profile_id)
    before, now = wallet.restriction, under.restriction
    if before == now:
        return
    told = now or before
    assert told is not None
    step = now.stage.value if now else "lifted"
    about = {
        "account": wallet.account_id,
        "stage": now.stage.value if now else None,
        "cause": now.cause.value if now else None,
        "next_at": now.next_at if now else None,
    }
    connection.execute(_queries.restrict_wallet.sql, about)
    numbers = {"balance": account.balance, "cap": under.cap}
    connection.execute(
        _queries.record_restriction.sql,
        about
        | numbers
        | {"id": new_id(), "step": step, "told_cause": told.cause.value, "profile": under.profile_id}
        | {"source": under.source, "at": at},
    )
    recorded.record(
        connection,
        "wallet.restricted" if now else "wallet.restriction_lifted",
        wallet.account_id,
        {
            "step": step,
            "cause": told.cause.value,
            "next_at": now.next_at.isoformat() if now and now.next_at else None,
        }
        | numbers,
        at=at,
    )


def wallets_per_tier(connection: Connection) -> dict[tuple[str, str], int]:
    """How many wallets stand at each (pack, tier)."""
    return {(pack, tier): count for pack, tier, count in connection.execute(_queries.wallets_per_tier.sql)}


def _limits(connection: Connection, pack: Pack, tiers: set[str]) -> dict[str, UUID]:
    """In one order for everyone: two calls that store the same profiles first must not wait in a circle."""
    return {tier: profile_id(connection, pack, tier) for tier in sorted(tiers)}


def _open_accounts(
    connection: Connection, pack: Pack, wallets: Sequence[NewWallet], limits: dict[str, UUID]
) -> None:
    new = [
        accounts.NewAccount(
            wallet.account_id,
            AccountKind.CUSTOMER,
            pack.currency,
            wallet.opened_at,
            wallet.external_ref,
            wallet.holder,
            limits[wallet.tier],
        )
        for wallet in wallets
    ]
    taken = False
    try:
        accounts.open_accounts(connection, new)
    except InvalidInput as error:
        taken = isinstance(error.__cause__, UniqueViolation)
        if not taken:
            raise
    if taken:
        raise ReferenceTaken("external_ref: names another account of the ledger already")


def _demand_wallets(connection: Connection, wallets: Sequence[NewWallet]) -> None:
    """That these were wallets before, under the same reference. What else has their id is a mistake."""
    found = {
        row[0]: row[1]
        for row in connection.execute(
            _queries.wallet_refs.sql, {"accounts": [wallet.account_id for wallet in wallets]}
        )
    }
    for wallet in wallets:
        if found.get(wallet.account_id) != wallet.external_ref:
            raise UnfitAccount(f"account {wallet.account_id} is there already and is not this wallet")


def _demand_bounded(ids: list[UUID]) -> None:
    if len(ids) > WALLETS_MAX:
        raise InvalidInput(f"{len(ids)} wallets in one call; {WALLETS_MAX} are the most")
    for account_id, same in groupby(sorted(ids)):
        if len(list(same)) > 1:
            raise InvalidInput(f"account {account_id} stands twice in one call")


def _demand_reasons(because: str, evidence: Sequence[str], at: datetime) -> None:
    if len(because) > BECAUSE_MAX or "\0" in because:
        raise InvalidDecision(
            f"because has {len(because)} characters; up to {BECAUSE_MAX}, without NUL, are taken"
        )
    if isinstance(evidence, str) or len(evidence) > KINDS_MAX or len(set(evidence)) < len(evidence):
        raise InvalidDecision(f"evidence is a list of up to {KINDS_MAX} kinds, each once")
    if any(len(kind) > 40 or not kind.isidentifier() for kind in evidence):
        raise InvalidDecision("evidence lists names of kinds, such as address_proof")
    if at.tzinfo is None:
        raise InvalidDecision("the moment of a decision needs a time zone")
