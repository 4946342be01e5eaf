"""A payment and its fee as one group: both are posted, or neither is."""

from emoney import Emoney
from emoney.ledger import AccountKind, transfers

with Emoney.open() as em:
    payer = em.kyc.enrol({"external_ref": "yaa", "phone": "+233201112223", "currency": "GHS"}).account_id
    shop = em.ledger.open_account(AccountKind.MERCHANT, "GHS", "shop-1")
    fees = em.ledger.open_account(AccountKind.FEES, "GHS", "fees")
    bank = em.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    em.ledger.post(
        [transfers.issue(funds=bank, wallet=payer, amount=10_000, currency="GHS", receipt="slip 7")]
    )

    def payment(amount: int, fee: int) -> list[bool]:
        """Pay `amount` to the shop and `fee` to the operator, together."""
        pay = transfers.pay(payer=payer, merchant=shop, amount=amount, currency="GHS")
        return [outcome.posted for outcome in em.ledger.post(transfers.with_fee(pay, fees=fees, fee=fee))]

    print(payment(9_900, 100))
    print(payment(1, 1))
