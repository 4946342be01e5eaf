"""kyc/evidence: see the modules."""
