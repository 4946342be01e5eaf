"""Who did it: the operator's own names for its staff and systems."""

import re

from kyc.errors import InvalidRequest

REASON_MAX = 500
_ACTOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}")


def checked_actor(name: str) -> str:
    """`name` when it can stand in a record. Raises InvalidRequest.

    One spelling for one person: ASCII without blanks, so that nobody is a second person by a space or by a
    letter that looks alike. Capitals make no difference either, where two names are compared.
    """
    if not isinstance(name, str) or not _ACTOR.fullmatch(name):
        raise InvalidRequest(
            "an actor is an id of your own, such as clerk-7: up to 100 letters, digits and . _ : @ / -"
        )
    return name


def same_actor(one: str, other: str) -> bool:
    """Whether two names are those of one person."""
    return one.lower() == other.lower()


def checked_reason(because: str) -> str:
    """`because` when it says something that can be stored. Raises InvalidRequest."""
    if not isinstance(because, str) or not because.strip() or len(because) > REASON_MAX or "\0" in because:
        raise InvalidRequest(f"say why in 1 to {REASON_MAX} characters, without personal data")
    return because
