"""Bank statements to test with: written as a bank would, in camt.053 and in MT940."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape

IBAN = "BE71096123456769"


@dataclass(frozen=True)
class Entry:
    """An entry of a bank's: amount in minor units, positive where funds came in."""

    amount: int
    day: date
    reference: str | None = None
    bank_reference: str | None = None
    status: str = "BOOK"


def units(minor: int) -> Decimal:
    return abs(Decimal(minor)).scaleb(-2)


def side(minor: int) -> str:
    return "DBIT" if minor < 0 else "CRDT"


def camt(
    path: Path,
    name: str,
    opening: int,
    *entries: Entry,
    closes: date,
    opens: date | None = None,
    closing: int | None = None,
    currency: str = "EUR",
    iban: str = IBAN,
    version: str = "08",
) -> Path:
    """A camt.053 document of one statement; `closing`: what adds up, unless it is given."""
    booked = sum(entry.amount for entry in entries if entry.status == "BOOK")
    closing = opening + booked if closing is None else closing
    status = "<Sts>{}</Sts>" if version < "08" else "<Sts><Cd>{}</Cd></Sts>"
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.{version}"><BkToCstmrStmt>\n'
        f"<GrpHdr><MsgId>m</MsgId><CreDtTm>2026-03-11T06:00:00Z</CreDtTm></GrpHdr>\n"
        f"<Stmt><Id>{escape(name)}</Id>\n<CreDtTm>2026-03-11T06:00:00Z</CreDtTm>\n"
        f"<FrToDt><FrDtTm>{opens or closes}T00:00:00Z</FrDtTm><ToDtTm>{closes}T23:59:59Z</ToDtTm></FrToDt>\n"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>{currency}</Ccy></Acct>\n"
    ]
    for code, minor, day in (("OPBD", opening, opens or closes), ("CLBD", closing, closes)):
        parts.append(
            f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{units(minor)}</Amt>'
            f"<CdtDbtInd>{side(minor)}</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>\n"
        )
    for entry in entries:
        own = "" if entry.bank_reference is None else f"<AcctSvcrRef>{entry.bank_reference}</AcctSvcrRef>"
        own_amount = "" if version == "02" else f'<Amt Ccy="{currency}">{units(entry.amount)}</Amt>'
        own_amount += "" if version == "02" else f"<CdtDbtInd>{side(entry.amount)}</CdtDbtInd>"
        parts.append(
            f'<Ntry><Amt Ccy="{currency}">{units(entry.amount)}</Amt>'
            f"<CdtDbtInd>{side(entry.amount)}</CdtDbtInd>"
            f"{status.format(entry.status)}<BookgDt><Dt>{entry.day}</Dt></BookgDt>{own}"
            "<BkTxCd><Prtry><Cd>x</Cd></Prtry></BkTxCd><NtryDtls><TxDtls><Refs>"
            f"<EndToEndId>{escape(entry.reference or 'NOTPROVIDED')}</EndToEndId></Refs>{own_amount}"
            "<RltdPties><Dbtr>"
            f"{'<Nm>Ada Lovelace</Nm>' if version < '08' else '<Pty><Nm>Ada Lovelace</Nm></Pty>'}"
            "</Dbtr></RltdPties></TxDtls></NtryDtls></Ntry>\n"
        )
    parts.append("</Stmt></BkToCstmrStmt></Document>\n")
    path.write_text("".join(parts), encoding="utf-8")
    return path


def mt940(
    path: Path, number: int, opening: int, *entries: Entry, closes: date, closing: int | None = None
) -> Path:
    """An MT940 message of one statement."""
    closing = opening + sum(entry.amount for entry in entries) if closing is None else closing

    def balance(tag: str, minor: int) -> str:
        return f":{tag}:{'D' if minor < 0 else 'C'}{closes:%y%m%d}EUR{comma(minor)}"

    def comma(minor: int) -> str:
        return str(units(minor)).replace(".", ",")

    lines = [":20:STMT", f":25:{IBAN}", f":28C:{number}/1", balance("60F", opening)]
    for entry in entries:
        mark = "D" if entry.amount < 0 else "C"
        own = "" if entry.bank_reference is None else f"//{entry.bank_reference}"
        lines.append(
            f":61:{entry.day:%y%m%d%m%d}{mark}{comma(entry.amount)}NTRF{entry.reference or 'NONREF'}{own}"
        )
        lines.append(":86:Ada Lovelace, rent")
    lines += [balance("62F", closing), "-"]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="ascii")
    return path
