"""kyc/life: see the modules."""
