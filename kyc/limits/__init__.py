"""Limits of a tier: a pack's rules compiled for the ledger, tried without a wallet, and explained."""
