"""Search in sealed values: blind indexes, and what they leak."""
