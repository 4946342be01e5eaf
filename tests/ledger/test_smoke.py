from datetime import UTC, datetime

from ledger import AccountKind, Database, Ledger, NewAccount, Operation, Transfer, accounts, statements
from ledger.ids import new_id
from ledger.trial_balance import trial_balance


def test_smoke(database: Database) -> None:
    funds, wallet, other = new_id(), new_id(), new_id()
    now = datetime.now(UTC)
    with database.connection() as c:
        accounts.open_accounts(
            c,
            [
                NewAccount(funds, AccountKind.SAFEGUARDING, "GHS", now, "safe"),
                NewAccount(wallet, AccountKind.CUSTOMER, "GHS", now, "w"),
                NewAccount(other, AccountKind.CUSTOMER, "GHS", now, "o"),
            ],
        )
    ledger = Ledger(database)
    out = ledger.post(
        [
            Transfer(new_id(), funds, wallet, 1000, "GHS", Operation.LOAD, "r"),
            Transfer(new_id(), wallet, other, 400, "GHS", Operation.P2P),
            Transfer(new_id(), wallet, other, 700, "GHS", Operation.P2P),
        ]
    )
    assert [o.posted for o in out] == [True, True, False]
    with database.connection() as c:
        tb = trial_balance(c)
        assert tb.balanced
        assert tb.safeguarded
    with database.connection() as c:
        assert [line.balance for line in statements.lines(c, wallet)] == [1000, 600]
        assert [line.change for line in statements.lines(c, wallet)] == [1000, -400]
