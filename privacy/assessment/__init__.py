"""privacy/assessment: see the modules."""
