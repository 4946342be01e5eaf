"""Evidence: what is known of a person, and the expressions over it that decide a tier.

Expressions only ask for evidence, never for its absence: more evidence never loses a tier.
"""

from collections.abc import Set as AbstractSet
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

KINDS_MAX = 20

Kind = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{1,39}$")]
"""The name of a kind of evidence, such as `address_proof`."""

Kinds = Annotated[tuple[Kind, ...], Field(max_length=KINDS_MAX)]

KINDS = {
    "name": "a name",
    "dob": "a birth date",
    "address": "an address, as stated",
    "phone": "a telephone number in service",
    "phone_otp": "a telephone number that answered a one-time code",
    "registered_phone": "a telephone number registered in the holder's name",
    "sim_registration": "the registration of the SIM card in the holder's name",
    "sim_registration_data": "the data of the SIM card's registration",
    "photo": "a photograph",
    "digital_photo": "a photograph taken at enrolment",
    "biometric_verification": "a biometric matched against the state's register",
    "id_document": "a document of identity, by kind and number",
    "valid_official_document": "an official document in force, seen",
    "copy_kept": "a copy of the document, kept",
    "national_id_or_passport": "a national identity card or a passport",
    "passport": "a passport",
    "visa": "a visa",
    "physical_check": "the documents checked in the holder's presence",
    "voter_card": "a voter's card",
    "ward_executive_letter": "a letter of the ward's executive officer",
    "BVN": "a bank verification number (Nigeria)",
    "NIN": "a national identification number (Nigeria)",
    "CNIC": "a computerised national identity card, verified (Pakistan)",
    "CNIC_image": "an image of the computerised national identity card (Pakistan)",
    "self_declared_name": "a name as the holder declares it",
    "id_number_unverified": "the number of an identity document, not verified",
    "address_proof": "a proof of address",
    "identified_not_verified": "the holder identified, the identity not verified yet",
    "identity_recorded_by_issuer": "the holder's identity, recorded by the issuer",
    "full_cdd": "customer due diligence in full",
    "full_kyc": "know-your-customer checks in full",
    "full_kyc_or_video_cip": "know-your-customer checks in full, or identification by video",
    "external_channel_1": "the identity confirmed over an external channel",
    "external_channel_2": "the identity confirmed over a second external channel",
    "external_channel_3": "the identity confirmed over a third external channel",
    "external_channel_4": "the identity confirmed over a fourth external channel",
    "external_channel_5": "the identity confirmed over a fifth external channel",
}
"""The kinds of evidence that can be recorded, in words. A pack may name kinds of its own beside them."""


class EvidenceCount(BaseModel):
    """At least so many of the kinds listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: Kinds
    at_least: int = Field(ge=1)

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.at_least > len(set(self.of)):
            raise ValueError(f"at least {self.at_least} of {len(set(self.of))} kinds can never be shown")
        return self


class EvidenceExpression(BaseModel):
    """What a tier asks for: every part that is given must be met; nothing given asks for nothing.

    `unknown`: what the text asks for is not known, so no evidence is enough and the operator decides.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    all: Kinds = ()
    any: Kinds = ()
    count: EvidenceCount | None = None
    unknown: bool = False

    @model_validator(mode="after")
    def _said(self) -> Self:
        if self.unknown and (self.all or self.any or self.count):
            raise ValueError("evidence is either unknown or listed")
        for part in ("all", "any"):
            if part in self.model_fields_set and not getattr(self, part):
                raise ValueError(f"{part!r} lists no kind: leave it out to ask for nothing")
        for listed in (self.all, self.any, self.count.of if self.count else ()):
            if len(set(listed)) < len(listed):
                raise ValueError("a kind of evidence stands twice in one list")
        return self

    @property
    def kinds(self) -> frozenset[str]:
        """Every kind that the expression names."""
        return frozenset(self.all) | frozenset(self.any) | frozenset(self.count.of if self.count else ())

    def holds(self, kinds: AbstractSet[str]) -> bool:
        """Whether evidence of `kinds` is enough."""
        return not self.missing(kinds)

    def missing(self, kinds: AbstractSet[str]) -> list[str]:
        """What is still asked for, in words: evidence kinds, or a choice among them."""
        if self.unknown:
            return ["a decision of the operator, for what the text asks for is not known"]
        missing = [kind for kind in self.all if kind not in kinds]
        if self.any and not kinds & set(self.any):
            missing.append("one of " + ", ".join(self.any))
        if self.count and len(kinds & set(self.count.of)) < self.count.at_least:
            missing.append(f"{self.count.at_least} of " + ", ".join(self.count.of))
        return missing

    def implies(self, other: "EvidenceExpression") -> bool:
        """Whether, by the form of both, whatever satisfies this expression satisfies `other` too."""
        if self.unknown or other.unknown:
            return False
        shown = set(self.all)
        any_shown = bool(shown & set(other.any)) or bool(self.any and set(self.any) <= set(other.any))
        counted = other.count is None or len(shown & set(other.count.of)) >= other.count.at_least
        if other.count and self.count and set(self.count.of) <= set(other.count.of):
            counted = counted or self.count.at_least >= other.count.at_least
        return set(other.all) <= shown and (not other.any or any_shown) and counted
