"""What goes wrong with the log and its proofs."""

from emoney.ledger.base.errors import ConfigurationError, EmoneyError


class NotSealed(EmoneyError):
    """What was asked for is not under a signed checkpoint yet: seal first."""


class LogDamaged(EmoneyError):
    """The stored log contradicts itself, its checkpoint or the rows it commits to."""


class SigningKeyMissing(ConfigurationError):
    """The log has signed checkpoints, and their key is not in this home."""


class SigningKeyUnsafe(ConfigurationError):
    """The signing key could be read or replaced by others."""


class SigningKeyWrong(ConfigurationError):
    """The signing key is damaged, or is not the one that signed this log."""
