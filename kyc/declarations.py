"""What the KYC tables declare of their columns: why they are held, on which ground, for how long."""

from emoney.ledger.base.declarations import Basis, Category, declare

_RETENTION = "5 years after the end of the relationship"
_PURPOSE = "customer due diligence"

DUE_DILIGENCE = declare(Category.PSEUDONYMOUS, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)
IDENTITY = declare(Category.IDENTITY, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)
CONTACT = declare(Category.CONTACT, "reaching the holder", Basis.CONTRACT, _RETENTION)
GOVERNMENT_ID = declare(Category.GOVERNMENT_ID, _PURPOSE, Basis.LEGAL_OBLIGATION, _RETENTION)
