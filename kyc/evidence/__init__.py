"""Evidence: what is known of a person, who stands behind it, the tier it reaches, the risk."""
