"""kyc/approvals: see the modules."""
