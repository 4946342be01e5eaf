"""Policy packs: a law's numbers with their sources, read from YAML."""
