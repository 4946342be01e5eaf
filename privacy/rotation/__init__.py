"""privacy/rotation: see the modules."""
