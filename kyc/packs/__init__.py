"""kyc/packs: see the modules."""
