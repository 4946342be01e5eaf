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
    """What a tier asks for: every part that is given must hold; nothing given asks for nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    all: Kinds = ()
    any: Kinds = ()
    count: EvidenceCount | None = None

    @model_validator(mode="after")
    def _said(self) -> Self:
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
        missing = [kind for kind in self.all if kind not in kinds]
        if self.any and not kinds & set(self.any):
            missing.append("one of " + ", ".join(self.any))
        if self.count and len(kinds & set(self.count.of)) < self.count.at_least:
            missing.append(f"{self.count.at_least} of " + ", ".join(self.count.of))
        return missing

    def implies(self, other: "EvidenceExpression") -> bool:
        """Whether, by the form of both, whatever satisfies this expression satisfies `other` too."""
        shown = set(self.all)
        any_shown = bool(shown & set(other.any)) or bool(self.any and set(self.any) <= set(other.any))
        counted = other.count is None or len(shown & set(other.count.of)) >= other.count.at_least
        if other.count and self.count and set(self.count.of) <= set(other.count.of):
            counted = counted or self.count.at_least >= other.count.at_least
        return set(other.all) <= shown and (not other.any or any_shown) and counted
