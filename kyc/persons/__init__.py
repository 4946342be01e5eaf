"""kyc/persons: see the modules."""
