"""Erasure: what a person may see, what ends, and the certificate of it."""
