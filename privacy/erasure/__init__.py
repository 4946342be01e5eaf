"""privacy/erasure: see the modules."""
