"""kyc/limits: see the modules."""
