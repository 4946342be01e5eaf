"""Evidence: what is known of a person and how, and the expressions over it that decide a tier."""

from collections.abc import Set as AbstractSet

from pydantic import BaseModel, ConfigDict, Field


class EvidenceCount(BaseModel):
    """At least so many of the kinds listed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    of: tuple[str, ...]
    at_least: int = Field(ge=1)


class EvidenceExpression(BaseModel):
    """What a tier asks for: every part that is given must hold; nothing given asks for nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    count: EvidenceCount | None = None

    def holds(self, kinds: AbstractSet[str]) -> bool:
        """Whether evidence of `kinds` is enough."""
        return not self.missing(kinds)

    def missing(self, kinds: AbstractSet[str]) -> list[str]:
        """What is still asked for, in words: evidence kinds, or a choice among them."""
        missing = [kind for kind in self.all if kind not in kinds]
        if self.any and not kinds & set(self.any):
            missing.append("one of " + ", ".join(self.any))
        if self.count and len(kinds & set(self.count.of)) < self.count.at_least:
            missing.append(f"{self.count.at_least} of " + ", ".join(self.count.of))
        return missing


def shown_by(*, phone: bool, id_document: bool, extra: AbstractSet[str]) -> frozenset[str]:
    """The kinds of evidence that an enrolment shows.

    A number in service carries its SIM registration, whose data the operator may reuse (Act 987). An address
    alone is no proof of address: that comes as a kind of `extra`.
    """
    kinds = set(extra)
    if phone:
        kinds |= {"phone", "sim_registration_data"}
    if id_document:
        kinds.add("id_document")
    return frozenset(kinds)
