"""Which controls are in place: looked up in the inventory and in the running database, not believed."""

from dataclasses import dataclass
from enum import StrEnum

from emoney.privacy.assessment.facts import Facts
from emoney.privacy.assessment.inventory import MUST_BE_SEALED, Inventory, unsealed
from emoney.privacy.assessment.knowledge import Control


class Status(StrEnum):
    """What this report can say of a control."""

    SHOWN = "shown"
    """Seen in this system, now."""
    TESTED = "by test"
    """Held by the code and shown by its tests; a database cannot show it."""
    MISSING = "not found"
    """Looked for and not found here. Lowers no risk."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A control, whether it is in place, and what was seen."""

    control: Control
    status: Status
    seen: str

    @property
    def counts(self) -> bool:
        """Whether it may lower a risk."""
        return self.status is not Status.MISSING


Finding = tuple[bool, str]


def look(controls: tuple[Control, ...], inventory: Inventory, facts: Facts) -> list[Evidence]:
    """The evidence for each control, in the order given."""
    return [_evidence(control, inventory, facts) for control in controls]


def _evidence(control: Control, inventory: Inventory, facts: Facts) -> Evidence:
    match control.check:
        case "by test":
            return Evidence(control, Status.TESTED, "Held by the code; the project's tests try to break it.")
        case "no direct identifiers":
            found, seen = _no_direct_identifiers(inventory, control.in_schema)
        case "identifiers sealed":
            found, seen = _identifiers_sealed(inventory)
        case "keys wrapped":
            found, seen = _keys_wrapped(facts)
        case "append-only":
            found, seen = _append_only(facts, control.tables)
        case "ordinary role":
            found, seen = _ordinary_role(facts)
        case "all declared":
            found, seen = _all_declared(inventory, facts)
        case "tables present":
            found, seen = _tables_present(facts, control.tables)
    return Evidence(control, Status.SHOWN if found else Status.MISSING, seen)


def _no_direct_identifiers(inventory: Inventory, schema: str | None) -> Finding:
    columns = [row for row in inventory.rows if row.schema == schema]
    direct = [row for row in columns if row.category in MUST_BE_SEALED]
    if direct:
        return False, f"{direct[0].name} is declared as {direct[0].category}."
    return bool(columns), f"None of the {len(columns)} columns of {schema} leads straight to a person."


def _identifiers_sealed(inventory: Inventory) -> Finding:
    clear = unsealed(inventory)
    held = len(inventory.of(*MUST_BE_SEALED))
    if clear:
        return False, f"{len(clear)} of {held} such columns are in clear: {', '.join(clear[:5])}."
    return True, f"All {held} columns of identity, contact and government id are sealed."


def _keys_wrapped(facts: Facts) -> Finding:
    keys = sum(facts.keys_by_state.values())
    if not keys:
        return False, "There are no subject keys yet."
    plural = "" if facts.keks == 1 else "s"
    return True, f"{keys:,} subject keys, wrapped under {facts.keks} key-encryption key{plural}."


def _append_only(facts: Facts, names: tuple[str, ...]) -> Finding:
    for name in names:
        table = facts.table(name)
        if table is None:
            return False, f"There is no table {name}."
        if not table.append_only:
            return False, f"Nothing refuses changes of {name}."
        if table.may_update or table.may_delete:
            return False, f"The application's role has the right to change {name}."
    return True, f"Triggers and grants refuse changes of {', '.join(names)}."


def _ordinary_role(facts: Facts) -> Finding:
    if facts.role_is_plain:
        return True, "The application's role owns nothing and has no special attribute."
    return False, "The application's role owns tables or has special attributes."


def _all_declared(inventory: Inventory, facts: Facts) -> Finding:
    if facts.unmapped:
        return False, f"{len(facts.unmapped)} columns are not mapped: {', '.join(facts.unmapped[:5])}."
    return True, f"All {len(inventory.rows)} columns of the database are mapped and declared."


def _tables_present(facts: Facts, names: tuple[str, ...]) -> Finding:
    absent = [name for name in names if facts.table(name) is None]
    if absent:
        return False, f"There is no table {absent[0]}."
    return True, f"The database has {', '.join(names)}."
