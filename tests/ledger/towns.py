"""Accounts to do an operator's day on: `crash_load`."""

from books import Books, profile, rule
from crash_load import Town

from emoney.ledger import AccountKind, Operation, account_changes
from emoney.ledger.base.ids import new_id
from emoney.ledger.limits.rules import Direction, Metric, Scope, Window

WALLETS, SHOPS = 4, 2
LIMIT, CEILING, OPENING, POOR = 12_000, 3_000, 1_000_000, 300
"""What a wallet, or a person with two of them, may send; what a shop may hold; what wallets begin with."""


def opened(
    books: Books,
    currency: str,
    scope: Scope,
    *,
    limit: int = LIMIT,
    ceiling: int = CEILING,
    wallets: int = WALLETS,
) -> Town:
    """Wallets under a limit, two of each holder and one of them poor, and the accounts around them."""
    limited = profile(
        rule(Metric.FLOW, limit, Direction.OUT, Window.LIFETIME, scope=scope), currency=currency
    )
    bank = books.account(AccountKind.SAFEGUARDING, currency)
    liquidity = books.account(AccountKind.AGENT, currency)
    holders = [new_id() for _ in range(wallets // 2)]
    made = [books.account(currency=currency, profile=limited, holder=each) for each in holders for _ in "12"]
    shops = [books.account(AccountKind.MERCHANT, currency) for _ in range(SHOPS)]
    for shop in shops:
        account_changes.set_bounds(
            books.ledger, shop, floor=None, ceiling=ceiling, actor="test", reason="a stress test"
        )
    books.posted(
        *(
            books.transfer(bank, account, amount, Operation.LOAD, reference="slip", currency=currency)
            for account, amount in zip([liquidity, *made], [OPENING] * wallets + [POOR], strict=True)
        )
    )
    return Town(made, shops, bank, books.account(AccountKind.FEES, currency), liquidity)
