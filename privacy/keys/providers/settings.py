"""What the key services have in common: their extras, and the bounds on waiting for them."""

import hashlib
import importlib
from types import ModuleType

from emoney.ledger.base.extras import demanded

CONNECT_TIMEOUT_S = 3
ANSWER_TIMEOUT_S = 5
ATTEMPTS = 2
"""A call ends within about (CONNECT + ANSWER) * ATTEMPTS seconds, whatever the service does."""


def extra(module: str, name: str) -> ModuleType:
    """The library of an optional extra. Raises MissingExtra, saying how to install it."""
    with demanded(name):
        return importlib.import_module(module)


def context_code(context: bytes) -> str:
    """A context as services take it: its SHA-256 in hexadecimal. They log it, so nobody's id is in it."""
    return hashlib.sha256(b"emoney/privacy/provider-context" + context).hexdigest()
