"""Accounts: opened, found, and their places in the hierarchy."""
