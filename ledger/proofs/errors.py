"""What goes wrong with the log and its proofs."""

from typing import ClassVar

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


class CheckpointRefused(EmoneyError):
    """A checkpoint that is malformed, so that no witness cosigns it. `status`: HTTP's, for each kind."""

    status: ClassVar[int] = 400


class LogUnknown(CheckpointRefused):
    """A checkpoint of a log whose key the witness does not know."""

    status = 404


class LogSignatureInvalid(CheckpointRefused):
    """A checkpoint that is not signed by a key of its log that the witness knows."""

    status = 403


class CosignedSizeDiffers(CheckpointRefused):
    """A proof from another size than the witness cosigned last. `size`: that one, 0 where there is none."""

    status = 409

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class LogInconsistent(CheckpointRefused):
    """A log that does not continue what the witness cosigned: a fork, rewritten history, or a wrong proof."""

    status = 422


class WitnessDamaged(ConfigurationError):
    """What a witness cosigned last is lost, damaged or open to others; it cosigns nothing on that ground."""


class WitnessFailed(EmoneyError):
    """A witness that did not cosign: not reached, refusing, or answering with no cosignature of its own."""
