"""Parties as an operator's JSON gives them, beside the details of the person: owners, a business account.

No error carries a value: it says which field is wrong and what would be right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emoney.kyc.errors import InvalidGuardian, InvalidOwnership, InvalidPerson
from emoney.kyc.evidence import person as persons
from emoney.kyc.parties import businesses, ownership
from emoney.kyc.parties.businesses import Role
from emoney.kyc.parties.ownership import OWNERS_MAX, WHOLE_BP, BeneficialOwner, Owner
from emoney.kyc.parties.settings import Parties
from emoney.kyc.persons.enrolment import Enrolled, Enrolment
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.base.postgres.savepoints import all_or_nothing

_Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$")]
_RIGHT = {
    "person": "the external_ref of an enrolled person",
    "share_bp": f"a whole number of basis points, 0 to {WHOLE_BP}",
    "dispersed_bp": f"a whole number of basis points, 0 to {WHOLE_BP}",
    "control": "true or false",
    "senior_manager": "true or false",
    "owners": f"a list of at most {OWNERS_MAX} owners",
    "external_ref": "1 to 128 letters, digits and . _ : / -, beginning with a letter or a digit",
    "currency": "an ISO 4217 code in capitals, such as GHS",
    "under": "the external_ref of an agent's account",
}


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)


class GivenOwner(_Given):
    """An owner: an enrolled person, natural or an entity, by reference."""

    person: _Reference
    share_bp: int = Field(default=0, ge=0, le=WHOLE_BP)
    control: bool = False
    senior_manager: bool = False


class GivenOwners(_Given):
    """All who own an entity. `dispersed_bp`: held by owners too small to name, basis points."""

    owners: list[GivenOwner] = Field(max_length=OWNERS_MAX)
    dispersed_bp: int = Field(default=0, ge=0, le=WHOLE_BP)


class GivenAccount(_Given):
    """The account of a business. `under`: the account of the agent it works under."""

    external_ref: _Reference
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    under: _Reference | None = None


_Model = TypeVar("_Model", bound=_Given)


def parse_owners(content: Any) -> GivenOwners:
    """Owners from parsed JSON. Raises InvalidOwnership."""
    found = _parsed(content, GivenOwners)
    if isinstance(found, str):
        raise InvalidOwnership(found)
    return found


def parse_account(content: Any) -> GivenAccount:
    """The account of a business from parsed JSON. Raises InvalidPerson."""
    found = _parsed(content, GivenAccount)
    if isinstance(found, str):
        raise InvalidPerson(f"account: {found}")
    return found


def _parsed(content: Any, model: type[_Model]) -> _Model | str:
    """What is given, or what is wrong with it; raised elsewhere, where no cause remembers the input."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False)[0]
    place = [part for part in first["loc"] if isinstance(part, int) or part in _RIGHT]
    where = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
    field = next((part for part in reversed(place) if isinstance(part, str)), None)
    if first["type"] == "extra_forbidden":
        return f"{where or 'the object'}: has an unknown field; there are {', '.join(_fields(model))}"
    if first["type"] == "missing":
        return f"{where}: is missing"
    return f"{where or 'the object'}: must be {_RIGHT.get(field or '', 'a JSON object')}"


def _fields(model: type[BaseModel]) -> list[str]:
    own = list(model.model_fields)
    return [*own, *GivenOwner.model_fields] if model is GivenOwners else own


@dataclass(frozen=True, slots=True)
class EnrolledParty:
    """A party that was enrolled, with what came with it."""

    enrolled: Enrolled
    owners: list[BeneficialOwner] | None = None
    account_id: UUID | None = None
    account_ref: str | None = None


@all_or_nothing
def enrol_minor(
    enrolment: Enrolment, connection: Connection, details: Any, *, pack_id: str | None = None
) -> EnrolledParty:
    """Enrol a minor, who names a guardian. Raises InvalidGuardian, and what enrolment raises."""
    given = _object(details)
    if given.get("guardian") is None or given.get("birth_date") is None:
        raise InvalidGuardian("guardian and birth_date: a minor has both; give the guardian's external_ref")
    [enrolled] = enrolment.enrol_in(connection, [dict(given)], pack_id=pack_id)
    return EnrolledParty(enrolled)


@all_or_nothing
def enrol_entity(
    enrolment: Enrolment,
    connection: Connection,
    details: Any,
    parties: Parties,
    *,
    actor: str,
    reason: str,
    at: datetime,
    pack_id: str | None = None,
) -> EnrolledParty:
    """Enrol a legal entity with its owners, all or nothing.

    `details`: those of the person, and `owners` and `dispersed_bp` beside them. Raises InvalidOwnership, and
    what enrolment raises.
    """
    given = dict(_object(details))
    if "owners" not in given:
        raise InvalidOwnership("owners: is missing; a legal entity is enrolled with all who own it")
    stated = parse_owners({name: given.pop(name) for name in ("owners", "dispersed_bp") if name in given})
    if given.setdefault("kind", "legal_entity") != "legal_entity":
        raise InvalidOwnership("kind: owners are of a legal_entity")
    [enrolled] = enrolment.enrol_in(connection, [given], pack_id=pack_id)
    found = state_owners(
        connection,
        enrolled.person_id,
        stated,
        parties,
        pack_id=enrolled.pack,
        actor=actor,
        reason=reason,
        at=at,
    )
    return EnrolledParty(enrolled, found)


@all_or_nothing
def state_owners(
    connection: Connection,
    entity_id: UUID,
    stated: GivenOwners,
    parties: Parties,
    *,
    pack_id: str | None,
    actor: str,
    reason: str,
    at: datetime,
) -> list[BeneficialOwner]:
    """State who owns an entity, by references. Raises UnknownPerson, InvalidOwnership."""
    owners = [
        Owner(persons.find(connection, each.person).id, each.share_bp, each.control, each.senior_manager)
        for each in stated.owners
    ]
    return ownership.state(
        connection,
        entity_id,
        owners,
        dispersed_bp=stated.dispersed_bp,
        threshold_bp=parties.owner_share_bp(pack_id),
        actor=actor,
        reason=reason,
        at=at,
    )


@all_or_nothing
def enrol_business(
    enrolment: Enrolment,
    connection: Connection,
    details: Any,
    role: Role,
    parties: Parties,
    *,
    actor: str,
    reason: str,
    at: datetime,
    pack_id: str | None = None,
) -> EnrolledParty:
    """Enrol an agent or a merchant, natural or an entity with owners, and open its account; all or nothing.

    `details`: as of a person or, with `owners`, of an entity, and `account` beside them. Raises UnfitAccount,
    NotIdentified, InvalidPerson, and what enrolment raises.
    """
    given = dict(_object(details))
    account = parse_account(given.pop("account", None))
    said: dict[str, Any] = {"actor": actor, "reason": reason, "at": at}
    if "owners" in given or given.get("kind") == "legal_entity":
        party = enrol_entity(enrolment, connection, given, parties, pack_id=pack_id, **said)
    else:
        [enrolled] = enrolment.enrol_in(connection, [given], pack_id=pack_id)
        party = EnrolledParty(enrolled)
    opened = open_business(connection, persons.find(connection, party.enrolled.wallet), role, account, **said)
    return EnrolledParty(party.enrolled, party.owners, opened, account.external_ref)


@all_or_nothing
def open_business(
    connection: Connection,
    person: persons.Person,
    role: Role,
    account: GivenAccount,
    *,
    actor: str,
    reason: str,
    at: datetime,
) -> UUID:
    """Open the account of a business for an enrolled person; gives its id. Raises as `businesses`."""
    under = None if account.under is None else businesses.account_of(connection, account.under)
    return businesses.open_account(
        connection,
        person,
        role,
        account.currency,
        account.external_ref,
        under=under,
        actor=actor,
        reason=reason,
        at=at,
    )


def _object(details: Any) -> Mapping[str, Any]:
    if not isinstance(details, Mapping):
        raise InvalidPerson("a party is one JSON object")
    return details
