"""privacy/vault: see the modules."""
