"""privacy/pseudonyms: see the modules."""
