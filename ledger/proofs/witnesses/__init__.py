"""Witnesses: third parties who cosign a log's checkpoint once they saw that it continues the last one."""

from emoney.ledger.proofs.witnesses.cosignatures import add, sizes, submission
from emoney.ledger.proofs.witnesses.submission import BODY_BYTES_MAX, Submission
from emoney.ledger.proofs.witnesses.witness import Witness

__all__ = ["Witness", "Submission", "BODY_BYTES_MAX", "submission", "add", "sizes"]
