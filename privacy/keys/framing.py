"""Unambiguous bytes for what a ciphertext is bound to."""


def framed(*parts: bytes) -> bytes:
    """The parts one after the other, each behind its length in four bytes, big endian.

    ("ab", "c") and ("a", "bc") differ, so no part can borrow bytes from its neighbour.
    """
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)
