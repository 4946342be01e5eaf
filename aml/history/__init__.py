"""aml/history: see the modules."""
