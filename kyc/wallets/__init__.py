"""Wallets: opened at a tier, put under its limits, restricted, frozen, let go."""
