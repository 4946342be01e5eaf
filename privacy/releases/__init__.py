"""privacy/releases: see the modules."""
