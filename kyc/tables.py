"""The KYC tables, gathered from their rooms: for the inventory of what is held."""

import emoney.kyc.evidence.tables
import emoney.kyc.life.tables
import emoney.kyc.packs.tables
import emoney.kyc.parties.tables
import emoney.kyc.persons.tables
import emoney.kyc.wallets.tables  # noqa: F401  mapped there, found here
