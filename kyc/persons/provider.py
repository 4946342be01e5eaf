"""The operator's own identity provider: what enrolment asks of it, and one that reads a file.

A provider answers under a reference of its own with a person's details and the evidence it stands behind.
`enrol_from` enrols what it gives in one transaction: nobody is enrolled without the evidence that was given.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from emoney.kyc.errors import InvalidEvidence, ProviderUnavailable, UnknownReference
from emoney.kyc.evidence import records as evidence_records
from emoney.kyc.evidence.records import Assurance, EvidenceState, NewEvidence
from emoney.kyc.persons.enrolment import Enrolled, Enrolment
from emoney.kyc.wallets import retiering as following

FILE_BYTES_MAX = 64 * 1024 * 1024
LINE_BYTES_MAX = 65_536
EVIDENCE_MAX = 50


@dataclass(frozen=True, slots=True)
class ProvidedEvidence:
    """Evidence that a provider stands behind, as `kyc.evidence.records` describes it."""

    kind: str
    state: EvidenceState
    method: str
    assurance: Assurance
    expires_on: date | None = None


@dataclass(frozen=True, slots=True)
class ProvidedPerson:
    """What a provider knows of a person. `details`: fields of `PersonDetails` other than external_ref."""

    details: Mapping[str, Any] = field(repr=False)
    evidence: tuple[ProvidedEvidence, ...] = ()


class EnrolmentProvider(Protocol):
    """Whatever identifies persons for the operator. Safe to call again with the same reference."""

    @property
    def name(self) -> str:
        """The provider's name in records: an id as an actor's, such as `acme-id`."""

    def identify(self, reference: str) -> ProvidedPerson:
        """The person whom the provider identified under `reference`.

        Raises UnknownReference, ProviderUnavailable. No error may carry what it knows of the person.
        """


class FileProvider:
    """A provider that reads one JSON object a line: reference, details, evidence. For tests and first steps.

    The file is read when it is opened; at most FILE_BYTES_MAX. Raises ProviderUnavailable for a file that
    cannot be read, saying which line, and never what is in it.
    """

    def __init__(self, path: Path, name: str = "file") -> None:
        self._name = name
        self._known: dict[str, ProvidedPerson] = {}
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                raise ProviderUnavailable(f"the provider's file is larger than {FILE_BYTES_MAX} bytes")
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            raise ProviderUnavailable(f"the provider's file cannot be read: {error.strerror}") from None
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._add(number, line)

    @property
    def name(self) -> str:
        """See `EnrolmentProvider`."""
        return self._name

    def identify(self, reference: str) -> ProvidedPerson:
        """See `EnrolmentProvider`."""
        found = self._known.get(reference)
        if found is None:
            raise UnknownReference(f"provider {self._name} has nobody under this reference")
        return found

    def _add(self, number: int, line: bytes) -> None:
        person = _parsed(line)
        if person is None or person[0] in self._known:
            raise ProviderUnavailable(
                f"line {number} of the provider's file is not a person: an object with reference (once), "
                "details and evidence"
            )
        self._known[person[0]] = person[1]


def _parsed(line: bytes) -> tuple[str, ProvidedPerson] | None:
    """The person of a line; None for anything else, without an error that would quote it."""
    try:
        if len(line) > LINE_BYTES_MAX:
            return None
        content = json.loads(line)
        reference, details, evidence = content["reference"], content["details"], content.get("evidence", [])
        given = tuple(
            ProvidedEvidence(
                str(each["kind"]),
                EvidenceState(each["state"]),
                str(each["method"]),
                Assurance(each["assurance"]),
                date.fromisoformat(each["expires_on"]) if each.get("expires_on") else None,
            )
            for each in evidence
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(reference, str) or not isinstance(details, dict) or len(given) > EVIDENCE_MAX:
        return None
    return reference, ProvidedPerson(details, given)


def enrol_from(
    enrolment: Enrolment,
    provider: EnrolmentProvider,
    reference: str,
    external_ref: str,
    *,
    pack_id: str | None = None,
) -> Enrolled:
    """Enrol the person whom a provider identified, with the evidence it stands behind, at the tier reached.

    Raises what `Enrolment.enrol` and the provider raise.
    """
    person = provider.identify(reference)
    details = dict(person.details) | {"external_ref": external_ref}
    if ended := [each.kind for each in person.evidence if each.state in evidence_records.ENDED]:
        raise InvalidEvidence(f"provider {provider.name} gives evidence that has ended: {', '.join(ended)}")
    at = enrolment.clock()
    with enrolment.database.connection() as connection:
        [enrolled] = enrolment.enrol_in(connection, [details], pack_id=pack_id)
        evidence_records.record(
            connection,
            [
                NewEvidence(
                    enrolled.person_id, each.kind, each.state, each.method, each.assurance, each.expires_on
                )
                for each in person.evidence
            ],
            actor="enrolment",
            reason=f"identified by provider {provider.name}",
            at=at,
            provider=provider.name,
        )
        moved = following.follow(
            connection,
            enrolled.person_id,
            packs=enrolment.packs,
            at=at,
            actor="enrolment",
            reason="identified by provider",
            policies=enrolment.policies,
        )
    tier = moved[0].tier if moved else enrolled.tier
    return Enrolled(enrolled.wallet, enrolled.account_id, enrolled.person_id, enrolled.pack, tier)
