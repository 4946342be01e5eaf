"""Two wallets, an issue of e-money, and a transfer that a limit refuses."""

from emoney import Emoney
from emoney.ledger import AccountKind, Money, transfers

with Emoney.open() as em:
    ama = em.kyc.find("w-1001") or em.kyc.enrol(
        {"external_ref": "w-1001", "phone": "+233201234567", "currency": "GHS"}
    )
    kofi = em.kyc.find("w-1002") or em.kyc.enrol(
        {"external_ref": "w-1002", "phone": "+233207654321", "currency": "GHS"}
    )
    bank = em.ledger.open_account(AccountKind.SAFEGUARDING, "GHS", "bank-1")
    em.receipts.record(bank, "slip 1", Money("4000.00", "GHS"), actor="treasury-1", reason="credited")
    load = transfers.issue(
        funds=bank, wallet=ama.account_id, amount=Money("4000.00", "GHS"), receipt="slip 1", key="load-1"
    )
    send = transfers.send(
        payer=ama.account_id, payee=kofi.account_id, amount=Money("3000.01", "GHS"), key="order-4711"
    )
    for outcome in em.ledger.post([load, send]):
        print(outcome.key, outcome.refusal.rule if outcome.refusal else "posted")
    print(em.ledger.reading.transfer(load.id).money)
