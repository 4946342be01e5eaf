"""Past refusals and present headroom, told in the words in which `kyc.limits.explain` answers."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlmodel import select

from emoney.kyc.errors import UnknownWallet
from emoney.kyc.limits.explain import every_headroom
from emoney.ledger.base.errors import UnknownRefusal
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.sessions import read
from emoney.ledger.limits.profiles import ProfileCache
from emoney.ledger.limits.rules import Direction, Headroom, LimitProfile, Metric
from emoney.ledger.limits.usage import read_days
from emoney.ledger.posting import expiry, locks
from emoney.ledger.posting.tables import RefusalRow
from emoney.ledger.transfers.money import to_decimal


@dataclass(frozen=True, slots=True)
class PastRefusal:
    """Why a transfer was refused, when, and what it was. Amounts are decimals in the currency.

    `limit`, `used`, `headroom`: of the rule as it was, None where it has no such number. `pack`, `tier`: of a
    rule that comes from a policy pack. `debit_account`, `credit_account`: who would have paid whom.
    """

    transfer_id: UUID
    decision: str
    rule: str
    headroom: Decimal | None
    source: str
    limit: Decimal | None
    used: Decimal | None
    unknown: bool
    pack: str | None
    tier: str | None
    operation: str
    amount: Decimal
    currency: str
    at: datetime
    decided_at: datetime
    debit_account: UUID
    credit_account: UUID

    @property
    def counts(self) -> bool:
        """Whether the rule's numbers are of transfers, not amounts."""
        return _counts(self.rule)


def _counts(rule: str) -> bool:
    name = rule.split("/", 2)[2] if rule.count("/") == 2 else rule
    return name.startswith("count-") or name == "denied-load_reload"


def refusal_of(connection: Connection, transfer_id: UUID) -> PastRefusal:
    """Why a transfer was refused. Raises UnknownRefusal."""
    found = read(connection, select(RefusalRow).where(RefusalRow.transfer_id == transfer_id))
    if not found:
        raise UnknownRefusal(f"no transfer {transfer_id} was refused: it was posted, or never sent")
    row = found[0]
    pack, tier, _ = row.rule.split("/", 2) if row.rule.count("/") == 2 else (None, None, row.rule)
    counts = _counts(row.rule)

    def shown(key: str) -> Decimal | None:
        number = row.numbers.get(key)
        if number is None:
            return None
        return Decimal(number) if counts else to_decimal(number, row.currency)

    return PastRefusal(
        transfer_id,
        row.decision,
        row.rule,
        shown("headroom"),
        row.source,
        shown("limit"),
        shown("used"),
        pack is not None and row.numbers.get("limit") is None,
        pack,
        tier,
        row.operation,
        to_decimal(row.amount, row.currency),
        row.currency,
        row.effective_at,
        row.decided_at,
        row.debit_account,
        row.credit_account,
    )


@dataclass(frozen=True, slots=True)
class Left:
    """What a rule still allows a wallet. `direction`: of the money; the rest as in `Explanation`."""

    rule: str
    direction: Direction
    metric: Metric
    limit: Decimal | None
    used: Decimal | None
    headroom: Decimal
    decision: str
    source: str


@dataclass(frozen=True, slots=True)
class WalletHeadroom:
    """What a wallet may still do on a local day. `profile`: the pack and tier, as `pack/tier`."""

    profile: str
    currency: str
    balance: Decimal
    day: date
    rules: tuple[Left, ...]


def headroom_of(connection: Connection, account_id: UUID, at: datetime) -> WalletHeadroom:
    """What every rule in force at `at` still allows a wallet, from its counters, which it locks shortly.

    What holds still count that have expired by then is left out.

    Raises UnknownWallet for an account under no limits.
    """
    locked = locks.lock(connection, [account_id], ProfileCache())
    state = locked.states.get(account_id.int)
    if state is None or state.profile is None:
        raise UnknownWallet(f"account {account_id} is under no limits")
    profile = state.profile
    day = profile.local_day(at)
    usages = {each.id: each.usage for each in (state, *state.siblings) if each.usage is not None}
    since = min(each.first_day(day) for each in usages.values())
    read_days(connection, usages, (), since)
    expiry.free(connection, locked.states, at)
    return WalletHeadroom(
        profile.name,
        profile.currency,
        to_decimal(state.balance, profile.currency),
        day,
        tuple(_left(profile, *each) for each in every_headroom(profile, state, day)),
    )


def _left(profile: LimitProfile, direction: Direction, headroom: Headroom) -> Left:
    rule = headroom.rule

    def shown(value: int) -> Decimal:
        return Decimal(value) if rule.metric is Metric.COUNT else to_decimal(value, profile.currency)

    return Left(
        rule.id,
        direction,
        rule.metric,
        None if headroom.limit is None else shown(headroom.limit),
        None if rule.metric is Metric.SINGLE else shown(headroom.used),
        shown(headroom.left),
        rule.on_exceed.value,
        rule.source,
    )
