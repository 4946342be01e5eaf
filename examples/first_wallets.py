"""Two wallets, an issue of e-money, and a transfer that a limit refuses."""

from emoney import Emoney
from emoney.ledger import AccountKind, transfers

with Emoney.open() as em:
    ama = em.kyc.enrol({"external_ref": "w-1001", "phone": "+233201234567", "currency": "GHS"})
    kofi = em.kyc.enrol({"external_ref": "w-1002", "phone": "+233207654321", "currency": "GHS"})
    bank = em.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    load = transfers.issue(
        funds=bank, wallet=ama.account_id, amount=400_000, currency="GHS", receipt="slip 1"
    )
    send = transfers.send(payer=ama.account_id, payee=kofi.account_id, amount=300_001, currency="GHS")
    for outcome in em.ledger.post([load, send]):
        print(outcome.refusal.rule if outcome.refusal else "posted")
