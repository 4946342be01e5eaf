"""A table of your own and a posting in one transaction: both are committed, or neither is."""

import psycopg

from emoney import Emoney
from emoney.ledger import AccountKind, InvalidInput, Money, Transfer, transfers

with Emoney.open() as em:
    bank = em.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    em.receipts.record(bank, "slip 9", Money("94.20", "GHS"), actor="treasury-1", reason="credited")
    shop = em.ledger.open_account(AccountKind.MERCHANT, "GHS", "shop-1")
    with psycopg.connect(em.owner_url) as owner:  # the application's login makes no tables
        owner.execute("CREATE TABLE IF NOT EXISTS shop_order (number text PRIMARY KEY, state text)")
        owner.execute("GRANT SELECT, INSERT, UPDATE ON shop_order TO emoney_app")

    def pay_in(number: str, load: Transfer) -> str:
        """Note an order and load the shop for it, together."""
        with psycopg.connect(em.database.url) as connection:  # one transaction, committed at its end
            connection.execute(
                "INSERT INTO shop_order VALUES (%s, 'open') ON CONFLICT (number) DO NOTHING", (number,)
            )
            try:
                (outcome,) = em.ledger.post_in(connection, [load])
                state = "paid" if outcome.posted else "refused"
            except InvalidInput:  # nothing of the posting is left; the order is
                state = "wrong"
            connection.execute("UPDATE shop_order SET state = %s WHERE number = %s", (state, number))
        return state

    def load(number: str, amount: Money) -> Transfer:
        key = f"order-{number}"
        return transfers.issue(funds=bank, wallet=shop, amount=amount, receipt="slip 9", key=key)

    print(pay_in("4711", load("4711", Money("47.10", "GHS"))))
    print(pay_in("4712", load("4712", Money("47.10", "EUR"))))
