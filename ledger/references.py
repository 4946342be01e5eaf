"""References: the operator's own names for accounts and transfers."""

REFERENCE_MAX = 128


def is_reference(text: str) -> bool:
    """Whether `text` has 1 to 128 characters, all storable by PostgreSQL: no NUL, no lone surrogate."""
    if not 0 < len(text) <= REFERENCE_MAX or "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
