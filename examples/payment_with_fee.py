"""A payment and its fee as one group: both are posted, or neither is."""

from emoney import Emoney
from emoney.ledger import AccountKind, transfers

with Emoney.open() as em:
    yaa = em.kyc.find("yaa") or em.kyc.enrol(
        {"external_ref": "yaa", "phone": "+233201112223", "currency": "GHS"}
    )
    payer = yaa.account_id
    shop = em.ledger.open_account(AccountKind.MERCHANT, "GHS", "shop-1")
    fees = em.ledger.open_account(AccountKind.FEES, "GHS", "fees")
    bank = em.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    em.receipts.record(bank, "slip 7", 10_000, actor="treasury-1", reason="credited")
    load = transfers.issue(
        funds=bank, wallet=payer, amount=10_000, currency="GHS", receipt="slip 7", key="slip 7"
    )
    em.ledger.post([load])

    def payment(key: str, amount: int, fee: int) -> list[bool]:
        """Pay `amount` to the shop and `fee` to the operator, together."""
        pay = transfers.pay(payer=payer, merchant=shop, amount=amount, currency="GHS", key=key)
        return [outcome.posted for outcome in em.ledger.post(transfers.with_fee(pay, fees=fees, fee=fee))]

    print(payment("order-1", 9_900, 100))
    print(payment("order-2", 1, 1))
