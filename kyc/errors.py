"""What the KYC floor raises. No message carries personal data."""

from emoney.ledger.base.errors import EmoneyError, InvalidInput


class InvalidPack(InvalidInput):
    """A policy pack, or a file of rates, that does not follow its schema or contradicts itself.

    `place`: the way to what is wrong, from the top of the file; `rule`: the same as text, such as
    `tiers.0.rules.2`. `file`, `line`: where it was read, the line from 1. None or empty where not known.
    """

    def __init__(
        self,
        message: str,
        *,
        place: tuple[str | int, ...] = (),
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        super().__init__(message)
        self.place = place
        self.file = file
        self.line = line

    @property
    def rule(self) -> str | None:
        """What is wrong, as a dotted path; None where it is the file as a whole."""
        return ".".join(str(part) for part in self.place) or None

    def found_in(self, file: str, line: int | None) -> "InvalidPack":
        """The same, saying which file and line; as it is where it says so already."""
        if self.file is not None:
            return self
        at = file if line is None else f"{file}, line {line}"
        return InvalidPack(f"{at}: {self}", place=self.place, file=file, line=line)


class UnknownPack(InvalidInput):
    """A pack id that no policy pack of the library has, or a currency that no single one is for."""


class UnknownUnit(InvalidInput):
    """An index unit whose rates no file of the library has."""


class PackNotAccepted(InvalidInput):
    """In production, a pack with numbers from outside the legal text that no one has accepted in writing."""


class InvalidState(InvalidInput):
    """A state, of what would happen if, that is not well formed."""


class PackNotInForce(InvalidInput):
    """A pack at a moment outside its dates, or a draft."""


class UnknownTier(InvalidInput):
    """A name of a tier that the pack does not have."""


class NoTier(InvalidInput):
    """The evidence given reaches no tier of the pack."""


class InvalidPerson(InvalidInput):
    """A person's details that cannot be enrolled; the message names fields, never their values."""


class AlreadyEnrolled(InvalidInput):
    """The operator's reference of a person that is enrolled already."""


class ReferenceTaken(InvalidInput):
    """The operator's reference already names an account of the ledger that is not this person's wallet."""


class UnknownWallet(InvalidInput):
    """An account that is no wallet, or that no decision has put at a tier yet."""


class UnfitAccount(InvalidInput):
    """An account that the pack's limits cannot be put on: another kind, another currency, other limits."""


class InvalidDecision(InvalidInput):
    """A decision on a tier that does not say when, why and on what."""


class InvalidEvidence(InvalidInput):
    """Evidence, or a change of its state, that cannot be: the message names kinds and states, no values."""


class UnregisteredProvider(InvalidInput):
    """A provider that is not registered, or not for this state, method, assurance or login."""


class UnknownEvidence(InvalidInput):
    """An id under which no evidence is recorded."""


class TooManyWallets(InvalidInput):
    """One wallet more than the pack lets a person have."""


class UnknownPerson(InvalidInput):
    """A reference or an id of nobody who is enrolled."""


class InvalidSettings(InvalidInput):
    """A file of the operator's settings that does not follow its schema."""


class InvalidGuardian(InvalidPerson):
    """Someone who may not answer for a minor, or a minor for whom nobody does."""


class InvalidOwnership(InvalidInput):
    """Owners of an entity that do not add up, are not enrolled, or own one another."""


class NotIdentified(InvalidInput):
    """A person who shows too little for what is asked."""


class UnknownFactor(InvalidInput):
    """A risk factor that the operator's policy does not know."""


class InvalidTerms(InvalidInput):
    """Terms that are not published, or consent that cannot be recorded."""


class InvalidStep(InvalidInput):
    """A step of dormancy, or after a death, that does not follow from where the wallet or person stands."""


class ProviderUnavailable(EmoneyError):
    """The identity provider did not answer. A retry is safe."""


class UnknownReference(InvalidInput):
    """A reference that the identity provider has nobody under."""
