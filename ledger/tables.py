"""The ledger's tables, gathered from its rooms: for the inventory of what is held."""

import emoney.ledger.accounts.tables
import emoney.ledger.limits.tables
import emoney.ledger.officers.tables
import emoney.ledger.outbox.tables
import emoney.ledger.posting.tables
import emoney.ledger.proofs.tables
import emoney.ledger.receipts.tables
import emoney.ledger.safeguarding.tables
import emoney.ledger.totals.tables
import emoney.ledger.two_persons.tables  # noqa: F401  mapped there, found here
