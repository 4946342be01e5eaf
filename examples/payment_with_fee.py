"""A payment and its fee as one group: both are posted, or neither is."""

from jobs import Emoney
from ledger import AccountKind, Operation
from ledger import emoney as ops
from ledger.ids import new_id

with Emoney.open() as em:
    payer = em.kyc.enrol({"external_ref": "yaa", "phone": "+233201112223", "currency": "GHS"}).account_id
    shop = em.ledger.open_account(AccountKind.MERCHANT, "GHS", "shop-1")
    fees = em.ledger.open_account(AccountKind.FEES, "GHS", "fees")
    bank = em.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    em.ledger.post([ops.issue(funds=bank, wallet=payer, amount=10_000, currency="GHS", receipt="slip 7")])

    def payment(amount: int, fee: int) -> list[bool]:
        """Pay `amount` to the shop and `fee` to the operator, together."""
        group = new_id()
        pay = ops.pay(
            payer=payer, payee=shop, amount=amount, currency="GHS", operation=Operation.PAY, group=group
        )
        charge = ops.pay(
            payer=payer, payee=fees, amount=fee, currency="GHS", operation=Operation.FEE, group=group
        )
        return [outcome.posted for outcome in em.ledger.post([pay, charge])]

    print(payment(9_900, 100))
    print(payment(1, 1))
