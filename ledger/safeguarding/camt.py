"""Bank statements in ISO 20022 camt.053, versions 001.02 to 001.12, read one entry at a time.

The elements are read into the `pyiso20022` binding of the version that the document's namespace names. Only
booked entries count; pending and information entries are left out. An entry that is a batch of transactions
whose amounts are all given becomes one entry each, so that every one can be matched.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, get_args, get_type_hints

from lxml import etree
from xsdata.exceptions import ConverterError, ParserError, XmlContextError
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.parsers.config import ParserConfig
from xsdata.formats.dataclass.parsers.handlers import LxmlEventHandler

from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.safeguarding.bank_statements import (
    BankStatement,
    StatementEntry,
    StatementError,
    clean_reference,
)
from emoney.ledger.transfers.money import to_minor

_ROOT = re.compile(r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.(\d\d)\}Document")
_VERSIONS = ("02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
_PARTS = {"Id": None, "StmtPgntn": "stmt_pgntn", "ElctrncSeqNb": None, "FrToDt": "fr_to_dt", "Acct": "acct"}
_PARTS |= {"Bal": "bal", "Ntry": "ntry"}
_OPENING, _CLOSING, _INTERIM = ("OPBD", "PRCD"), ("CLBD",), "ITBD"

_MALFORMED = (ParserError, ConverterError, XmlContextError, AttributeError, KeyError, TypeError, ValueError)
"""What the binding raises, or what its values lack, where an element is not as the schema has it."""

_parser = XmlParser(
    config=ParserConfig(fail_on_unknown_properties=False, fail_on_converter_warnings=True),
    handler=LxmlEventHandler,
)


@dataclass(slots=True)
class _Draft:
    """A statement while it is being read."""

    line: int
    id: str | None = None
    page: str = ""
    sequence: int = 0
    starts_on: date | None = None
    account: str | None = None
    balances: list[tuple[str, date, str, int]] = field(default_factory=list)
    entries: list[StatementEntry] = field(default_factory=list)


def read_camt(path: Path) -> Iterator[BankStatement]:
    """The statements of a camt.053 document, in its order. Raises StatementError with the line.

    Memory: the entries of one statement. Entities, document types and anything outside the file are refused.
    """
    try:
        with path.open("rb") as file:
            yield from _statements(file)
    except etree.XMLSyntaxError as error:
        raise StatementError(f"not well-formed XML: {error.msg}", error.lineno or None) from None


def _statements(file: Any) -> Iterator[BankStatement]:
    events = etree.iterparse(
        file,
        events=("start", "end"),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    path: list[str] = []
    classes: dict[str, Any] = {}
    draft: _Draft | None = None
    for event, element in events:
        if event == "start":
            if not path:
                classes = _classes(element)
            path.append(str(element.tag).rpartition("}")[2])  # lxml's own names refuse what its parser let in
            if path == ["Document", "BkToCstmrStmt", "Stmt"]:
                draft = _Draft(line=element.sourceline)
            continue
        if len(path) == 4 and draft is not None and path[-1] in _PARTS:
            _take(draft, path[-1], element, classes)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
        elif len(path) == 3 and draft is not None and path[-1] == "Stmt":
            yield _finished(draft)
            draft = None
            element.clear()
        path.pop()


def _classes(root: Any) -> dict[str, Any]:
    """The binding's classes for the parts of a statement, of the version that `root` names."""
    if root.getroottree().docinfo.doctype:
        raise StatementError("a bank statement has no document type declaration", root.sourceline)
    named = _ROOT.fullmatch(root.tag)
    if named is None or named[1] not in _VERSIONS:
        raise StatementError(
            f"the document is not a camt.053.001.{_VERSIONS[0]} to .{_VERSIONS[-1]} but {root.tag[:120]}",
            root.sourceline,
        )
    document = import_module(f"pyiso20022.camt.camt_053_001_{named[1]}").Document
    statement = _type_of(_type_of(document, "bk_to_cstmr_stmt"), "stmt")
    there = get_type_hints(statement)
    return {name: _type_of(statement, attribute) for name, attribute in _PARTS.items() if attribute in there}


def _type_of(owner: Any, name: str) -> Any:
    """The class of an attribute, without the list or the None around it."""
    hint = get_type_hints(owner)[name]
    return next((arg for arg in get_args(hint) if arg is not type(None)), hint)


def _take(draft: _Draft, name: str, element: Any, classes: dict[str, Any]) -> None:
    line = element.sourceline
    if name == "Id":
        draft.id = (element.text or "").strip()
        return
    if name == "ElctrncSeqNb":
        draft.sequence = _sequence((element.text or "").strip())
        return
    try:
        value = _parser.parse(element, classes[name])
        if name == "Acct":
            draft.account = _account(value)
        elif name == "StmtPgntn":
            draft.page = "" if value.last_pg_ind and value.pg_nb == "1" else f"/{value.pg_nb}"
        elif name == "FrToDt":
            draft.starts_on = _fr_date(value)
        elif name == "Bal":
            amount = _signed(value.amt, value.cdt_dbt_ind)
            draft.balances.append((_text(value.tp.cd_or_prtry.cd), _date(value.dt), value.amt.ccy, amount))
        else:
            draft.entries.extend(_entries(value))
    except (*_MALFORMED, InvalidInput) as error:
        why = str(error) if isinstance(error, InvalidInput) else "an element is missing or malformed"
        raise StatementError(f"{name}: {why}", line) from error


def _account(account: Any) -> str:
    """The bank's name for an account; empty where it gives none."""
    other = account.id.othr
    return account.id.iban or (other.id if other is not None else "")


def _sequence(text: str) -> int:
    """The electronic sequence number; 0 where it is none that could be kept."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0


def _fr_date(period: Any) -> date | None:
    """The first day of a period, in whichever form its version gives it."""
    for name in ("fr_dt_tm", "fr_dt"):
        found = getattr(period, name, None)
        if found is not None:
            return _as_date(found)
    return None


def _entries(entry: Any) -> list[StatementEntry]:
    """What an Ntry stands for: nothing if it is not booked, one entry, or one for each of its
    transactions."""
    status = entry.sts
    if _text(getattr(status, "cd", status)) != "BOOK":
        return []
    amount, booked_on = _signed(entry.amt, entry.cdt_dbt_ind), _date(entry.bookg_dt or entry.val_dt)
    bank_reference = clean_reference(entry.acct_svcr_ref) or clean_reference(entry.ntry_ref)
    details = [transaction for block in entry.ntry_dtls for transaction in block.tx_dtls]
    single = [_amount_of(transaction, entry) for transaction in details]
    if len(details) > 1 and sum(found or 0 for found in single) == amount and all(single):
        return [
            StatementEntry(booked_on, found, _reference(transaction), _bank_reference(transaction))
            for transaction, found in zip(details, single, strict=True)
            if found
        ]
    if amount == 0:
        return []
    reference = _reference(details[0]) if len(details) == 1 else None
    if len(details) == 1:
        bank_reference = bank_reference or _bank_reference(details[0])
    return [StatementEntry(booked_on, amount, reference, bank_reference)]


def _amount_of(transaction: Any, entry: Any) -> int | None:
    """A transaction's own amount in the account's currency, signed; None where it is not given."""
    amount = getattr(transaction, "amt", None)
    if amount is None and transaction.amt_dtls is not None and transaction.amt_dtls.tx_amt is not None:
        amount = transaction.amt_dtls.tx_amt.amt
    if amount is None or amount.ccy != entry.amt.ccy:
        return None
    return _signed(amount, getattr(transaction, "cdt_dbt_ind", None) or entry.cdt_dbt_ind)


def _reference(transaction: Any) -> str | None:
    references = transaction.refs
    for name in ("end_to_end_id", "instr_id", "pmt_inf_id"):
        found = clean_reference(getattr(references, name, None))
        if found is not None:
            return found
    return None


def _bank_reference(transaction: Any) -> str | None:
    references = transaction.refs
    return clean_reference(getattr(references, "acct_svcr_ref", None)) or clean_reference(
        getattr(references, "tx_id", None)
    )


def _finished(draft: _Draft) -> BankStatement:
    if not draft.id:
        raise StatementError("the statement has no Id", draft.line)
    if draft.account is None:
        raise StatementError("the statement has no Acct", draft.line)
    opening = _balance(draft, _OPENING, 0)
    closing = _balance(draft, _CLOSING, -1)
    currencies = {currency for _, _, currency, _ in draft.balances}
    if len(currencies) != 1:
        raise StatementError("the statement's balances are in more than one currency", draft.line)
    closing_on = closing[1]
    first = draft.starts_on or min((entry.booked_on for entry in draft.entries), default=closing_on)
    statement = BankStatement(
        draft.id + draft.page,
        "camt053",
        draft.account,
        currencies.pop(),
        draft.sequence,
        min(first, closing_on),
        closing_on,
        opening[3],
        closing[3],
        tuple(draft.entries),
        draft.line,
    )
    statement.check()
    return statement


def _balance(draft: _Draft, codes: tuple[str, ...], interim: int) -> tuple[str, date, str, int]:
    """The booked balance of one of these types; a page in the middle has an interim one in its place."""
    for code in codes:
        for balance in draft.balances:
            if balance[0] == code:
                return balance
    pages = [balance for balance in draft.balances if balance[0] == _INTERIM]
    if not pages:
        raise StatementError(f"the statement has no balance of type {' or '.join(codes)}", draft.line)
    return pages[interim]


def _signed(amount: Any, direction: Any) -> int:
    minor = to_minor(amount.value, amount.ccy)
    if minor < 0:
        raise InvalidInput(f"the amount {amount.value} is negative; the direction belongs in CdtDbtInd")
    return minor if _text(direction) == "CRDT" else -minor


def _date(choice: Any) -> date:
    found = choice.dt if choice.dt is not None else choice.dt_tm
    return _as_date(found)


def _as_date(found: Any) -> date:
    return date(found.year, found.month, found.day)


def _text(code: Any) -> str:
    """A code, an enumeration's member in some versions and text in others."""
    return str(code.value if isinstance(code, Enum) else code)
