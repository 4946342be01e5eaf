"""kyc/wallets: see the modules."""
