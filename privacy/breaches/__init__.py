"""privacy/breaches: see the modules."""
