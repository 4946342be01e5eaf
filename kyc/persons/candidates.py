"""Candidates: persons whose details are good and reach a tier of a pack. Nothing is written here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from emoney.kyc.errors import InvalidGuardian, InvalidPerson
from emoney.kyc.evidence.tiers import tier_for
from emoney.kyc.packs.evidence import KINDS
from emoney.kyc.packs.library import PackLibrary
from emoney.kyc.packs.schema import Pack, Tier
from emoney.kyc.parties.settings import Parties
from emoney.kyc.persons.details import PersonDetails, parse_person
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.ids import new_id


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person who can be enrolled. `label`: which of the batch, for errors."""

    label: str
    id: UUID
    account_id: UUID
    details: PersonDetails
    pack: Pack
    tier: Tier

    @property
    def ref(self) -> str:
        """The operator's reference."""
        return self.details.external_ref

    @property
    def declares(self) -> frozenset[str]:
        """What was declared of the kinds that the pack asks for."""
        return self.details.declares & self.pack.evidence_kinds

    @property
    def shows(self) -> frozenset[str]:
        """The kinds of evidence that the details show or declare."""
        return self.details.shows | self.declares


class Examiner:
    """Examines the persons of one call: under one pack, or the one of each currency, at one moment."""

    def __init__(self, library: PackLibrary, pack_id: str | None, now: datetime, settled: Parties) -> None:
        self._library = library
        self._pack_id = pack_id
        self._now = now
        self._settled = settled
        self._packs: dict[str, Pack] = {}

    def examine(self, details: Any, label: str = "") -> Candidate:
        """The candidate that these details make.

        Raises InvalidPerson, NoTier, UnknownPack, PackNotInForce; each begins with `label`.
        """
        try:
            person = parse_person(details, self._now.date())
            pack = self._pack(person)
            self._demand_known_kinds(person, pack)
            natural = person.kind == "natural"
            tier = tier_for(pack, person.shows | person.declares, natural=natural)
            self._demand_of_age(person, pack)
            return Candidate(label, new_id(), new_id(), person, pack, tier)
        except InvalidInput as error:
            if not label:
                raise
            raise type(error)(f"{label}{error}") from None

    def _pack(self, person: PersonDetails) -> Pack:
        if person.currency not in self._packs:
            self._packs[person.currency] = self._find_pack(person.currency)
        return self._packs[person.currency]

    def _find_pack(self, currency: str) -> Pack:
        if self._pack_id is None:
            return self._library.of_currency(currency, self._now)
        pack = self._library.pack(self._pack_id)
        pack.demand_in_force(self._now)
        if pack.currency != currency:
            raise InvalidPerson(f"currency: pack {pack.id} is for wallets in {pack.currency}")
        return pack

    def _demand_known_kinds(self, person: PersonDetails, pack: Pack) -> None:
        known = pack.evidence_kinds.union(KINDS)  # a kind of another pack is no mistake: the person may move
        if unknown := set(person.evidence) - known:
            # not named: free text may be anything, and evidence is not sealed
            raise InvalidPerson(
                f"evidence: {len(unknown)} of the kinds are in no policy pack; "
                f"there are {', '.join(sorted(known - {'phone', 'id_document'}))}"
            )

    def _demand_of_age(self, person: PersonDetails, pack: Pack) -> None:
        """Minors name who answers for them, and others do not."""
        if person.birth_date is None:
            if person.guardian is not None:
                raise InvalidGuardian("guardian: is for minors; give the birth_date")
            return
        minor = self._settled.of_age_on(person.birth_date, pack.id) > pack.local_day(self._now)
        if minor and person.guardian is None:
            raise InvalidGuardian(
                "guardian: a minor needs one: the external_ref of an enrolled, verified adult"
            )
        if not minor and person.guardian is not None:
            raise InvalidGuardian("guardian: is for minors, and birth_date is of an adult")
