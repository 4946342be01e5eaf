"""Officers: who acts for the operator under a login of their own, so that the database knows who it is."""

from emoney.ledger.officers.officer import (
    Officer,
    OfficerChange,
    OfficerRole,
    acting,
    add,
    change_roles,
    history,
    listed,
    login_of,
    reinstate,
    suspend,
    with_login,
)

__all__ = [
    "Officer",
    "OfficerChange",
    "OfficerRole",
    "acting",
    "add",
    "change_roles",
    "history",
    "listed",
    "login_of",
    "reinstate",
    "suspend",
    "with_login",
]
