"""kyc/parties: see the modules."""
