"""Pseudonyms: one per purpose, and the way back that takes two."""
