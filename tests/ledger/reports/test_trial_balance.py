import pytest
from books import Books

from emoney.ledger import AccountKind, Operation
from emoney.ledger.reports.trial_balance import TrialBalance, trial_balance


def taken(books: Books) -> TrialBalance:
    with books.database.connection() as connection:
        return trial_balance(connection)


@pytest.fixture
def busy(books: Books) -> Books:
    """Books in which something was issued, paid, refused and redeemed, in two currencies."""
    funds, dollars = books.account(AccountKind.SAFEGUARDING), books.account(AccountKind.SAFEGUARDING, "USD")
    a, b, c = books.account(ref="a"), books.account(ref="b"), books.account(currency="USD")
    books.posted(
        books.transfer(funds, a, 500, Operation.LOAD, reference="r"),
        books.transfer(dollars, c, 70, Operation.LOAD, reference="r", currency="USD"),
        books.transfer(a, b, 200),
        books.transfer(b, a, 50),
        books.transfer(b, funds, 100, Operation.REDEEM_BANK),
    )
    assert not books.post(books.transfer(a, b, 10_000))[0].posted
    return books


def test_an_empty_ledger_is_balanced(books: Books) -> None:
    found = taken(books)
    assert (found.balanced, found.safeguarded, found.totals) == (True, True, ())


def test_totals_per_currency_and_kind(busy: Books) -> None:
    found = taken(busy)
    assert found.balanced
    assert found.safeguarded
    assert [(t.currency, t.debits, t.credits, t.outstanding, t.backing) for t in found.totals] == [
        ("EUR", 850, 850, 400, 400),
        ("USD", 70, 70, 70, 70),
    ]
    assert [(line.currency, line.kind.value, line.accounts, line.balance) for line in found.lines] == [
        ("EUR", "customer", 2, 400),
        ("EUR", "safeguarding", 1, 400),
        ("USD", "customer", 1, 70),
        ("USD", "safeguarding", 1, 70),
    ]


def test_entries_cancel_in_each_transfer_and_in_every_currency(busy: Books) -> None:
    """A debit is positive, a credit negative: what is posted adds up to nothing."""
    of_transfer = (
        "SELECT t.amount, array_agg(e.amount ORDER BY e.amount) FROM ledger.transfer AS t"
        " LEFT JOIN ledger.entry AS e ON e.transfer_id = t.id GROUP BY t.id, t.amount ORDER BY t.id"
    )
    of_currency = (
        "SELECT a.currency, sum(e.amount) FROM ledger.entry AS e"
        " JOIN ledger.account AS a ON a.id = e.account_id GROUP BY a.currency ORDER BY a.currency"
    )
    of_account = (
        "SELECT a.debits_posted - a.credits_posted, sum(e.amount) FROM ledger.account AS a"
        " JOIN ledger.entry AS e ON e.account_id = a.id GROUP BY a.id"
    )
    with busy.database.connection() as connection:
        found = connection.execute(of_transfer).fetchall()
        assert sorted(amount for amount, _ in found) == [50, 70, 100, 200, 500]
        assert all(entries == [-amount, amount] for amount, entries in found)
        assert connection.execute(of_currency).fetchall() == [("EUR", 0), ("USD", 0)]
        accounts = connection.execute(of_account).fetchall()
    assert len(accounts) == 5
    assert all(net == entries for net, entries in accounts)


def test_what_is_not_covered_shows(books: Books) -> None:
    own, wallet = books.account(AccountKind.OWN_FUNDS), books.account()
    books.posted(books.transfer(own, wallet, 10, Operation.DISBURSE))
    found = taken(books)
    assert found.balanced
    assert not found.safeguarded


A = "(SELECT id FROM ledger.account WHERE external_ref = 'a')"
B = "(SELECT id FROM ledger.account WHERE external_ref = 'b')"
LAST = f"account_id = {A} AND version = 2"


@pytest.mark.parametrize(
    "tampering",
    [
        f"UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE id = {A}",
        "UPDATE ledger.account SET debits_posted = debits_posted + 5, credits_posted = credits_posted + 5"
        f" WHERE id = {A}",
        f"UPDATE ledger.account SET version = version + 1 WHERE id = {A}",
        f"UPDATE ledger.account SET closed_at = now() WHERE id = {A}",
        f"UPDATE ledger.entry SET amount = amount + 1 WHERE {LAST}",
        f"UPDATE ledger.entry SET balance_after = balance_after + 1 WHERE {LAST}",
        f"UPDATE ledger.entry SET amount = -amount WHERE {LAST}",
        f"UPDATE ledger.entry SET amount = 0 WHERE {LAST}",
        "UPDATE ledger.entry SET amount = -amount WHERE transfer_id ="
        f" (SELECT id FROM ledger.transfer WHERE debit_account = {A})",
        f"UPDATE ledger.entry SET transfer_id = gen_random_uuid() WHERE {LAST}",
        f"UPDATE ledger.entry SET version = 9 WHERE {LAST}",
        f"UPDATE ledger.entry SET account_id = gen_random_uuid() WHERE {LAST}",
        f"DELETE FROM ledger.entry WHERE {LAST}",
        f"INSERT INTO ledger.entry SELECT {A}, 9, transfer_id, amount, balance_after, posted_at"
        f" FROM ledger.entry WHERE {LAST}",
        "INSERT INTO ledger.entry SELECT gen_random_uuid(), 1, transfer_id, amount, amount, posted_at"
        f" FROM ledger.entry WHERE {LAST}",
        f"UPDATE ledger.transfer SET amount = amount + 1 WHERE debit_account = {A}",
        f"UPDATE ledger.transfer SET credit_account = gen_random_uuid() WHERE debit_account = {A}",
        f"UPDATE ledger.transfer SET debit_version = debit_version + 1 WHERE debit_account = {A}",
        f"UPDATE ledger.transfer SET credit_balance = credit_balance + 1 WHERE debit_account = {A}",
        f"DELETE FROM ledger.transfer WHERE debit_account = {A}",
        f"DELETE FROM ledger.claim WHERE id = (SELECT id FROM ledger.transfer WHERE debit_account = {A})",
        "DELETE FROM ledger.refusal",
        "INSERT INTO ledger.claim VALUES (gen_random_uuid(), sha256('x'))",
        f"DELETE FROM ledger.account WHERE id = {A}",
    ],
)
def test_tampering_shows(busy: Books, tampering: str) -> None:
    """Done by one who has every right, with every trigger off."""
    busy.owner(tampering)
    assert not taken(busy).balanced


def test_two_entries_changed_alike_show(busy: Books) -> None:
    """Debits still equal credits: only the chains of the two accounts are broken."""
    busy.owner(
        "UPDATE ledger.entry SET amount = amount + sign(amount) WHERE transfer_id ="
        f" (SELECT id FROM ledger.transfer WHERE debit_account = {A})",
        f"UPDATE ledger.transfer SET amount = amount + 1 WHERE debit_account = {A}",
        f"UPDATE ledger.account SET debits_posted = debits_posted + 1 WHERE id = {A}",
        f"UPDATE ledger.account SET credits_posted = credits_posted + 1 WHERE id = {B}",
    )
    found = taken(busy)
    assert len(found.wrong_accounts) == 2
    assert not found.balanced


def test_wrong_accounts_and_transfers_are_named(busy: Books) -> None:
    busy.owner(f"UPDATE ledger.entry SET amount = amount + 1 WHERE {LAST}")
    found = taken(busy)
    assert len(found.wrong_accounts) == 1
    assert len(found.wrong_transfers) == 1
