"""References: the operator's own names for accounts and transfers, for who acts, and why."""

import re
from typing import Self
from unicodedata import category

from emoney.ledger.base.errors import InvalidRequest

REFERENCE_MAX = 128
NAME_MAX = 200
ACTOR_MAX = 100
REASON_MAX = 500
_HIDDEN = {"Cc", "Cf", "Zl", "Zp"}
_ACTOR = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:@/-]{{0,{ACTOR_MAX - 1}}}")


class Actor(str):
    """Who acts where two persons must differ, as an id of the operator's own. Raises InvalidRequest.

    One spelling for one person: ASCII without blanks, so that nobody is a second person by a space or by a
    letter that looks alike. Capitals make no difference: `is_same_person`.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Self:
        """`name`, when it is such an id of 1 to 100 characters."""
        if not isinstance(name, str) or not _ACTOR.fullmatch(name):
            raise InvalidRequest(
                "an actor is an id of your own, such as clerk-7: "
                f"up to {ACTOR_MAX} letters, digits and . _ : @ / -"
            )
        return super().__new__(cls, name)

    def is_same_person(self, other: str) -> bool:
        """Whether two names are those of one person. The database compares them alike."""
        return self.lower() == other.lower()


class Reason(str):
    """Why: 1 to 500 printable characters, without personal data. Nothing is cut. Raises InvalidRequest."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """`text`, when it says something that can be stored and shown."""
        if not isinstance(text, str) or not text.strip() or len(text) > REASON_MAX or not text.isprintable():
            raise InvalidRequest(
                f"say why in 1 to {REASON_MAX} printable characters, without personal data; nothing is cut"
            )
        return super().__new__(cls, text)


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


def has_hidden(text: str) -> bool:
    """Whether a text has what is not seen: control characters, line ends, zero widths, turns of direction."""
    if text.isprintable():
        return False
    return any(category(character) in _HIDDEN for character in text)


def checked_name(actor: str) -> str:
    """`actor` when it names who acts alone, in 1 to 200 printable characters. Raises InvalidRequest."""
    if not isinstance(actor, str) or not 0 < len(actor) <= NAME_MAX or not actor.isprintable():
        raise InvalidRequest(f"an actor has 1 to {NAME_MAX} printable characters")
    return actor
