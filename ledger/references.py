"""References: the operator's own names for accounts and transfers, for who acts, and why."""

from ledger.errors import InvalidInput

REFERENCE_MAX = 128
ACTOR_MAX = 128
REASON_MAX = 200


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
    if not 0 < len(actor) <= ACTOR_MAX or not actor.isprintable():
        raise InvalidInput(f"an actor has 1 to {ACTOR_MAX} printable characters")


def check_reason(reason: str) -> None:
    """Raise InvalidInput unless `reason` has 1 to 200 printable characters."""
    if not 0 < len(reason) <= REASON_MAX or not reason.isprintable():
        raise InvalidInput(f"a reason has 1 to {REASON_MAX} printable characters")
