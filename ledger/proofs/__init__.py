"""Proofs that nothing was changed: a signed Merkle log of transfers and refusals, verifiable offline."""

from ledger.proofs.auditing import Audit, Finding, audit
from ledger.proofs.checkpoints import signing_key
from ledger.proofs.proving import Proofs, consistency, ids_of, proofs_of
from ledger.proofs.sealing import Sealed, seal
from ledger.proofs.signing import SigningKey
from ledger.proofs.verifying import ProofInvalid, PublicKey, verify

__all__ = [
    "seal",
    "Sealed",
    "SigningKey",
    "signing_key",
    "proofs_of",
    "Proofs",
    "ids_of",
    "consistency",
    "audit",
    "Audit",
    "Finding",
    "verify",
    "PublicKey",
    "ProofInvalid",
]
