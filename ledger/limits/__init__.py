"""Limits: the rules of a profile, their windows, and what an account has used of them."""
