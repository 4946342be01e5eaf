"""aml/alerts: see the modules."""
