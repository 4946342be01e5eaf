"""References: the operator's own names for accounts and transfers, for who acts, and why."""

import re

from emoney.ledger.base.errors import InvalidInput

REFERENCE_MAX = 128
ACTOR_MAX = 128
REASON_MAX = 200
GROUND_MAX = 500
_SECOND_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}")


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


def check_actor(actor: str) -> None:
    """Raise InvalidInput unless `actor` names who acts in 1 to 128 printable characters."""
    if not isinstance(actor, str) or not 0 < len(actor) <= ACTOR_MAX or not actor.isprintable():
        raise InvalidInput(f"an actor has 1 to {ACTOR_MAX} printable characters")


def check_reason(reason: str) -> None:
    """Raise InvalidInput unless `reason` has 1 to 200 printable characters."""
    if not isinstance(reason, str) or not 0 < len(reason) <= REASON_MAX or not reason.isprintable():
        raise InvalidInput(f"a reason has 1 to {REASON_MAX} printable characters")


def checked_person(actor: str, error: type[InvalidInput]) -> str:
    """`actor` where two persons must differ, or `error`.

    One spelling for one person: ASCII without blanks, so that nobody is a second person by a space or by a
    letter that looks alike. Capitals make no difference either, where two names are compared.
    """
    if not isinstance(actor, str) or not _SECOND_PERSON.fullmatch(actor):
        raise error(
            "an actor is an id of your own, such as clerk-7: up to 100 letters, digits and . _ : @ / -"
        )
    return actor


def checked_ground(because: str, error: type[InvalidInput]) -> str:
    """`because` when it says something, in 1 to 500 characters that can be stored, or `error`."""
    if not isinstance(because, str) or not because.strip() or len(because) > GROUND_MAX or "\0" in because:
        raise error(f"say why in 1 to {GROUND_MAX} characters, without personal data")
    return because
