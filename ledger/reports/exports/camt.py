"""A statement as ISO 20022 camt.053.001.08, the bank-to-customer statement.

The element types are those of the `pyiso20022` binding, so that order, names and formats are the schema's;
they are written one entry at a time, so a statement of any length takes the memory of one page.

A credit (`CRDT`) raises the account's balance and a debit lowers it, whatever side of the chart it stands on:
a safeguarding account's statement reads as the bank's own. Identifiers of more than the schema's 35
characters (34 for an account) give way to the ledger's ids in hexadecimal; a reference too long for its field
is told as unstructured remittance information, where 140 characters fit.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, BinaryIO, cast
from uuid import UUID, uuid5

from lxml import etree
from pyiso20022.camt import camt_053_001_08 as camt
from xsdata.formats.dataclass.serializers import TreeSerializer
from xsdata.models.datatype import XmlDateTime

from emoney.ledger.accounts.account import Account
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.reports.as_of import just_before
from emoney.ledger.reports.statements import Statement, StatementLine
from emoney.ledger.transfers.money import to_decimal

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_TEXT_MAX = 35
_ACCOUNT_MAX = 34
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_camt(connection: Connection, statement: Statement, out: BinaryIO, *, made_at: datetime) -> int:
    """Write the statement to `out` as UTF-8 XML; returns the number of entries. Memory: one page of entries.

    `made_at`: the document's creation time. The message's id follows from the account and the period, so the
    same statement made again has the same id.
    """
    account = statement.account
    message_id = uuid5(account.id, f"{statement.start.isoformat()}/{statement.end.isoformat()}").hex
    count = 0
    with etree.xmlfile(out, encoding="UTF-8") as file:
        file.write_declaration()
        with file.element(_tag("Document"), nsmap={None: NAMESPACE}), file.element(_tag("BkToCstmrStmt")):
            header = camt.GroupHeader81(msg_id=message_id, cre_dt_tm=_moment(made_at))
            _write(file, _element("GrpHdr", header))
            with file.element(_tag("Stmt")):
                for name, value in _statement_head(statement, message_id, made_at):
                    _write(file, _element(name, value))
                for line in statement.lines(connection):
                    _write(file, _element("Ntry", _entry(line, account.currency)))
                    count += 1
    out.write(b"\n")
    return count


def _statement_head(statement: Statement, message_id: str, made_at: datetime) -> list[tuple[str, Any]]:
    """What comes before the entries, as (element, value) in the schema's order."""
    account = statement.account
    currency = account.currency
    period = camt.DateTimePeriod1(fr_dt_tm=_moment(statement.start), to_dt_tm=_moment(statement.end))
    held = camt.CashAccount39(id=_account_id(_own_name(account), account.id), ccy=currency)
    return [
        ("Id", message_id),
        ("CreDtTm", _moment(made_at)),
        ("FrToDt", period),
        ("Acct", held),
        ("Bal", _balance("OPBD", statement.opening.balance, currency, statement.start)),
        ("Bal", _balance("CLBD", statement.closing.balance, currency, just_before(statement.end))),
    ]


def _balance(code: str, minor: int, currency: str, at: datetime) -> camt.CashBalance8:
    return camt.CashBalance8(
        tp=camt.BalanceType13(cd_or_prtry=camt.BalanceType10Choice(cd=code)),
        amt=_amount(minor, currency),
        cdt_dbt_ind=_direction(minor),
        dt=camt.DateAndDateTime2Choice(dt_tm=_moment(at)),
    )


def _entry(line: StatementLine, currency: str) -> camt.ReportEntry10:
    reference = None if line.reference is None else _xml_text(line.reference)
    short = reference is not None and len(reference) <= _TEXT_MAX
    references = camt.TransactionReferences6(
        acct_svcr_ref=line.transfer_id.hex, end_to_end_id=reference if short else None
    )
    remittance = camt.RemittanceInformation16(ustrd=[reference]) if reference and not short else None
    other = camt.CashAccount38(id=_account_id(line.counterparty, line.counterparty_id))
    parties = (
        camt.TransactionParties6(dbtr_acct=other)
        if line.change > 0
        else camt.TransactionParties6(cdtr_acct=other)
    )
    details = camt.EntryTransaction10(refs=references, rltd_pties=parties, rmt_inf=remittance)
    return camt.ReportEntry10(
        ntry_ref=str(line.version),
        amt=_amount(line.change, currency),
        cdt_dbt_ind=_direction(line.change),
        sts=camt.EntryStatus1Choice(cd="BOOK"),
        bookg_dt=camt.DateAndDateTime2Choice(dt_tm=_moment(line.posted_at)),
        val_dt=camt.DateAndDateTime2Choice(dt_tm=_moment(line.effective_at)),
        acct_svcr_ref=line.transfer_id.hex,
        bk_tx_cd=camt.BankTransactionCodeStructure4(
            prtry=camt.ProprietaryBankTransactionCodeStructure1(cd=line.operation.value, issr="emoney")
        ),
        ntry_dtls=[camt.EntryDetails9(tx_dtls=[details])],
    )


def _own_name(account: Account) -> str:
    return account.external_ref or account.id.hex


def _account_id(name: str, account_id: UUID) -> camt.AccountIdentification4Choice:
    text = _xml_text(name)
    if len(text) > _ACCOUNT_MAX:
        text = account_id.hex
    return camt.AccountIdentification4Choice(othr=camt.GenericAccountIdentification1(id=text))


def _amount(minor: int, currency: str) -> camt.ActiveOrHistoricCurrencyAndAmount:
    value: Decimal = abs(to_decimal(minor, currency))
    return camt.ActiveOrHistoricCurrencyAndAmount(value=value, ccy=currency)


def _direction(minor: int) -> camt.CreditDebitCode:
    return camt.CreditDebitCode.DBIT if minor < 0 else camt.CreditDebitCode.CRDT


def _moment(at: datetime) -> XmlDateTime:
    return XmlDateTime.from_datetime(at.astimezone(UTC))


def _xml_text(text: str) -> str:
    """`text` with what XML 1.0 cannot hold shown as U+FFFD."""
    return _NOT_XML.sub("\ufffd", text)


_serializer = TreeSerializer()


def _element(name: str, value: Any) -> Any:
    """`value` as an element of this name in the schema's namespace."""
    if isinstance(value, str | XmlDateTime):
        element = etree.Element(_tag(name))
        element.text = str(value)
        return element
    rendered = cast(Any, _serializer.render(value)).getroot()
    rendered.tag = _tag(name)
    return rendered


def _write(file: Any, element: Any, *, end: str = "\n") -> None:
    """Write `element` and what is in it under the document's namespace declaration, not one of its own."""
    with file.element(element.tag, dict(element.attrib)):
        if element.text:
            file.write(element.text)
        for child in element:
            _write(file, child, end="")
    if end:
        file.write(end)


def _tag(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"
