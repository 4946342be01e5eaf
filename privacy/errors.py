"""What the privacy package raises. No message ever carries the content of a field."""

from emoney.ledger.base.errors import ConfigurationError, EmoneyError, InvalidInput, Unavailable


class CannotOpen(EmoneyError):
    """A sealed field did not open.

    One error with one text for a wrong key, another place, an altered or a truncated ciphertext: whoever
    provokes it learns nothing about which it was.
    """

    def __init__(self) -> None:
        super().__init__("The sealed field cannot be opened: it is damaged or does not belong here.")


class KeyDestroyed(EmoneyError):
    """The key was destroyed. A subject's: what it sealed is gone, and nothing more is sealed for the subject.
    A pseudonym epoch's: its pseudonyms are not made any more."""


class KeyUnavailable(ConfigurationError):
    """The key-encryption key that a subject key was wrapped under is not in this provider."""


class KeyGone(KeyUnavailable):
    """The provider answered that it has no such key: it was destroyed there, or never was."""


class KeyCompromised(EmoneyError):
    """The key is marked compromised: nothing is sealed or opened with it until it is rotated away."""


class KeyExpired(EmoneyError):
    """The key's cryptoperiod for opening is over: rotate first."""


class KeyMisused(EmoneyError):
    """A key was asked to do what another kind of key is for."""


class ProviderUnreachable(Unavailable):
    """The key service did not answer in time. Nothing was sealed, opened or given out; a retry is safe."""


class KeyInUse(EmoneyError):
    """A key to destroy that other keys or new pseudonyms still need: rotate first."""


class KeyringLocked(ConfigurationError):
    """The keyring is under a passphrase that is missing or wrong."""


class KeyringMissing(ConfigurationError):
    """There is no keyring here, but there are subject keys that were wrapped under one."""


class KeyringUnsafe(ConfigurationError):
    """The keyring's file or directory could be read or replaced by others."""


class KeyringDamaged(ConfigurationError):
    """The keyring's file is not what was written: restore it from its backup."""


class InvalidField(InvalidInput):
    """A value that cannot be sealed, or a place that cannot be named. The value is not in the message."""


class UnknownPurpose(InvalidInput):
    """A purpose that fields are not opened for."""


class PurposeNotApproved(UnknownPurpose):
    """A purpose that the approved assessment does not list."""


class IndexRefused(InvalidInput):
    """A blind index that would tell too much, by its declaration or as measured."""


class RotationUnfinished(EmoneyError):
    """Something was left under an old key."""


class TooManyFields(InvalidInput):
    """More fields in one call than the vault takes."""


class UndeclaredColumns(EmoneyError):
    """Mapped columns that do not say what they hold, why and for how long."""


class InvalidKnowledge(ConfigurationError):
    """The assessment's knowledge base does not fit together."""


class InvalidBreach(InvalidInput):
    """A breach that cannot stand in the register as it was given."""


class UnknownBreach(InvalidInput):
    """A breach that is not in the register."""


class UnknownKey(InvalidInput):
    """A key-encryption key under which this database has no keys."""


class InvalidPeriod(InvalidInput):
    """A period that ends before it begins, or that has more in it than can be listed."""


class InvalidDataRequest(InvalidInput):
    """A request of a person, or a decision about it, that cannot stand as it was given."""


class UnknownDataRequest(InvalidInput):
    """A request that was not recorded."""


class KeptByLaw(EmoneyError):
    """What was to be erased must be kept: a retention duty, a legal hold or an open relationship stands
    against it. The ground is in the message."""


class ProcessingRestricted(EmoneyError):
    """The fields are not opened for this purpose: the processing of the person's data is restricted."""


class CertificateWrong(EmoneyError):
    """What a certificate of destruction claims is not so."""
