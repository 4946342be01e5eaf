"""Proofs that nothing was changed: a signed Merkle log of what happened, verifiable offline."""

from emoney.ledger.proofs.auditing import Audit, Finding, audit
from emoney.ledger.proofs.checkpoints import signing_key
from emoney.ledger.proofs.proving import Proofs, Prover, consistency, ids_of, proofs_of
from emoney.ledger.proofs.sealing import Sealed, seal
from emoney.ledger.proofs.signing import SigningKey
from emoney.ledger.proofs.statement import write_proved
from emoney.ledger.proofs.verifying import ProofInvalid, PublicKey, WitnessKey, cosigned, verify
from emoney.ledger.proofs.witnesses import Witness

__all__ = [
    "seal",
    "Sealed",
    "SigningKey",
    "signing_key",
    "proofs_of",
    "Proofs",
    "Prover",
    "ids_of",
    "consistency",
    "write_proved",
    "audit",
    "Audit",
    "Finding",
    "verify",
    "PublicKey",
    "WitnessKey",
    "cosigned",
    "Witness",
    "ProofInvalid",
]
