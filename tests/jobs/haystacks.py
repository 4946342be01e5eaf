"""Searching whatever a run has left behind for values, however they are written."""

import base64
import gzip
import html
import io
import quopri
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyarrow.parquet as pq
from psycopg import sql

_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-7", "latin-1", "cp1252", "cp500")


def forms(value: str) -> dict[str, bytes]:
    """The value in every common encoding, by name; those of letters in three cases."""
    found: dict[str, bytes] = {}
    for case, text in (("", value), (" lower", value.lower()), (" upper", value.upper())):
        raws = {"utf-8": text.encode()} | {
            name: text.encode(name, "ignore")
            for name in _WIDE
            if text.encode(name, "ignore").decode(name) == text
        }
        for name, raw in raws.items():
            found[name + case] = raw
            found[f"{name} reversed{case}"] = raw[::-1]
            found[f"{name} hex{case}"] = raw.hex().encode()
            found[f"{name} HEX{case}"] = raw.hex().upper().encode()
            for shift in range(3):
                found[f"{name} base64+{shift}{case}"] = _base64(raw, shift)
                found[f"{name} base64url+{shift}{case}"] = _base64(raw, shift).translate(_URL_SAFE)
        found["url" + case] = urllib.parse.quote(text, safe="").encode()
        found["url+" + case] = urllib.parse.quote_plus(text, safe="").encode()
        found["url, all" + case] = "".join(f"%{byte:02X}" for byte in text.encode()).encode()
        found["html" + case] = html.escape(text).encode()
        found["html names" + case] = text.encode("ascii", "xmlcharrefreplace")
        found["html decimal" + case] = "".join(f"&#{ord(each)};" for each in text).encode()
        found["html hex" + case] = "".join(f"&#x{ord(each):x};" for each in text).encode()
        found["json" + case] = text.encode("ascii", "backslashreplace")
        found["json, all" + case] = "".join(f"\\u{ord(each):04x}" for each in text).encode()
        found["json, ALL" + case] = "".join(f"\\u{ord(each):04X}" for each in text).encode()
        found["octal" + case] = "".join(
            chr(byte) if byte < 128 else f"\\{byte:03o}" for byte in text.encode()
        ).encode()
        found["bytes literal" + case] = repr(text.encode())[2:-1].encode()
        found["quoted-printable" + case] = quopri.encodestring(text.encode())
    if value.isdigit():
        even = value if len(value) % 2 == 0 else value + "f"
        found["packed decimal"] = bytes.fromhex(even)
        found["packed decimal, swapped"] = bytes.fromhex(
            "".join(even[at + 1] + even[at] for at in range(0, len(even), 2))
        )
    return {name: raw for name, raw in found.items() if len(raw) >= 4}


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _base64(raw: bytes, shift: int) -> bytes:
    """The characters of base64 that depend on nothing but `raw`, which begins `shift` bytes into a group."""
    code = base64.b64encode(b"\0" * shift + raw)
    skipped = (0, 2, 3)[shift]  # characters that depend on the bytes before
    return code[skipped : (shift + len(raw)) * 8 // 6]


class Needles:
    """Values in all their forms, ready to be searched for.

    Thousands of forms in hundreds of megabytes: every window of eight bytes is hashed and looked up in a
    bitmap of the forms' first windows, and only where that hits are the forms themselves compared.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._by_form: dict[bytes, tuple[str, str]] = {}
        for value in values:
            for name, raw in forms(value).items():
                self._by_form.setdefault(raw, (value, name))
        self._short = [raw for raw in self._by_form if len(raw) < _WINDOW]
        self._by_start: dict[int, list[bytes]] = {}
        for raw in self._by_form.keys() - set(self._short):
            self._by_start.setdefault(int.from_bytes(raw[:_WINDOW], "little"), []).append(raw)
        starts = np.array(list(self._by_start), dtype="<u8")
        self._bitmap = np.zeros(1 << _HASH_BITS, dtype=bool)
        self._bitmap[_hashes(starts)] = True

    def found_in(self, content: bytes) -> list[tuple[str, str]]:
        """Each value that is there, and in which form."""
        found = {raw for raw in self._short if raw in content}
        for offset in range(min(_WINDOW, max(0, len(content) - _WINDOW + 1))):
            windows = np.frombuffer(
                content, dtype="<u8", offset=offset, count=(len(content) - offset) // _WINDOW
            )
            for at in np.flatnonzero(self._bitmap[_hashes(windows)]):
                place = int(at) * _WINDOW + offset
                for raw in self._by_start.get(int(windows[at]), ()):
                    if content.startswith(raw, place):
                        found.add(raw)
        return sorted(self._by_form[raw] for raw in found)

    def found(self, places: Iterable[tuple[str, bytes]]) -> list[tuple[str, str, str]]:
        """Where each value was found: place, value, form."""
        return [(place, *told) for place, content in places for told in self.found_in(content)]


_WINDOW = 8
_HASH_BITS = 24


def _hashes(windows: Any) -> Any:
    """A hash of each window, of 24 bits."""
    return (windows * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _HASH_BITS)


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder, or the file itself; what is compressed is opened too."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else [folder]:
        if not path.is_file():
            continue
        name = str(path.relative_to(folder.parent))
        content = path.read_bytes()
        yield name, content
        yield f"the name of {name}", name.encode()
        if content[:2] == b"\x1f\x8b":
            yield f"{name} unzipped", gzip.decompress(content)
        if content[:4] == b"PAR1":
            rows = pq.read_table(io.BytesIO(content)).to_pylist()
            yield f"{name} as rows", "\n".join(map(str, rows)).encode()


def tables(url: str) -> Iterator[tuple[str, bytes]]:
    """Each table's rows as the superuser reads them: as text, and all bytes as they are."""
    with psycopg.connect(url) as owner:
        names = owner.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('ledger', 'privacy', 'kyc', 'aml')"
            " AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition"
        ).fetchall()
        for name in names:
            rows: list[tuple[Any, ...]] = owner.execute(
                sql.SQL("TABLE {}").format(sql.Identifier(*name))
            ).fetchall()
            parts = [part if isinstance(part, bytes) else str(part).encode() for row in rows for part in row]
            yield ".".join(name), b"\n".join(parts)
