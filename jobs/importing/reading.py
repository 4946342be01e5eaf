"""CSV files, plain or gzip, read line by line in bounded memory.

Whatever is wrong with a file as a file is a BadFile: encoding, a gzip cut short, an endless line, a missing
column. The text before the fault is handed out first, so that the first fault of a file is the one reported.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path

from emoney.jobs.importing.bad_file import BadFile, BadValue, shown

LINE_BYTES_MAX = 64 * 1024
_CHUNK_BYTES = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class CsvTable:
    """The named columns of a CSV file with a header; iterating gives their texts row by row.

    `columns`: two or more, handed out in this order; the file may hold others. Blank lines are passed over.
    Raises BadFile, here or while iterating.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self.file = path.name
        self._rows = csv.reader(chain.from_iterable(_texts(path)), strict=True)
        header = self._next_row()
        if header is None:
            raise BadFile(self.file, "the file is empty", f"a header with {', '.join(columns)} comes first")
        for column in columns:
            if header.count(column) != 1:
                raise BadFile(
                    self.file,
                    "the header lacks it" if column not in header else "the header names it twice",
                    f"needed are {', '.join(columns)}",
                    line=self.line,
                    column=column,
                )
        self._width = len(header)
        self._pick = itemgetter(*(header.index(column) for column in columns))

    @property
    def line(self) -> int:
        """The line last read, from 1."""
        return self._rows.line_num

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """The columns' texts, row by row; `line` tells where."""
        width, pick = self._width, self._pick
        try:
            for row in self._rows:
                if len(row) != width:
                    if not row:
                        continue
                    raise BadFile(
                        self.file,
                        f"the row has {len(row)} fields",
                        f"the header has {width}",
                        line=self.line,
                    )
                yield pick(row)
        except csv.Error as error:
            raise self._malformed(error) from None

    def bad(self, wrong: BadValue) -> BadFile:
        """The error for a wrong value of the row last read."""
        return BadFile(self.file, wrong.what, wrong.right, line=self.line, column=wrong.column)

    def _next_row(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as error:
            raise self._malformed(error) from None

    def _malformed(self, error: csv.Error) -> BadFile:
        return BadFile(
            self.file,
            f"not CSV ({error})",
            "fields are parted by commas, lines end in LF or CRLF, and every quote is closed",
            line=max(1, self.line),
        )


def _texts(path: Path) -> Iterator[io.StringIO]:
    """The file's text in pieces of whole lines."""
    file, lines_before = path.name, 0
    rest = b""
    first = True
    with open_file(path) as raw:
        stream = gzip.GzipFile(fileobj=raw) if _is_gzip(raw) else raw
        while True:
            chunk, fault = _read(stream, file)
            if first:
                chunk, first = chunk.removeprefix(_BOM), False
            data = rest + chunk
            end = len(data) if not chunk and fault is None else data.rfind(b"\n") + 1
            piece, rest = data[:end], data[end:]
            if len(rest) > LINE_BYTES_MAX:
                fault = BadFile(file, "the line is too long", f"a line has at most {LINE_BYTES_MAX} bytes")
            if piece:
                text, wrong = _decoded(piece, file)
                fault = wrong or fault
                yield io.StringIO(text, newline="\n")
                lines_before += text.count("\n")
            if fault is not None:
                raise BadFile(
                    file, fault.what, fault.right, line=lines_before + 1, column=fault.column
                ) from fault.__cause__
            if not chunk:
                return


def open_file(path: Path) -> io.BufferedReader:
    """The file, opened to read its bytes. Raises BadFile when that is not possible."""
    try:
        return path.open("rb")
    except OSError as error:
        raise BadFile(
            path.name, f"cannot be opened ({error.strerror})", "name a file that this user may read"
        ) from error


def _is_gzip(raw: io.BufferedReader) -> bool:
    return raw.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)


def _read(stream: gzip.GzipFile | io.BufferedReader, file: str) -> tuple[bytes, BadFile | None]:
    """The next bytes, or none and what is wrong with the file."""
    try:
        return stream.read1(_CHUNK_BYTES), None
    except EOFError:
        return b"", BadFile(file, "the gzip file ends too early", "it was cut short; copy it again")
    except (zlib.error, gzip.BadGzipFile) as error:
        return b"", BadFile(file, f"the gzip file is damaged ({error})", "copy it again")
    except OSError as error:
        return b"", BadFile(file, f"cannot be read ({error.strerror})", "check the disk it is on")


def _decoded(piece: bytes, file: str) -> tuple[str, BadFile | None]:
    """The text of `piece` up to its first faulty line, and that line's fault."""
    fault = None
    long = _first_long_line(piece)
    if long is not None:
        fault = BadFile(file, "the line is too long", f"a line has at most {LINE_BYTES_MAX} bytes")
        piece = piece[:long]
    try:
        return piece.decode("utf-8"), fault
    except UnicodeDecodeError as error:
        start = piece.rfind(b"\n", 0, error.start) + 1
        wrong = BadFile(
            file,
            f"byte {shown(hex(piece[error.start]))} at position {error.start - start + 1} is not UTF-8",
            "save the file as UTF-8",
        )
        return piece[:start].decode("utf-8"), wrong


def _first_long_line(piece: bytes) -> int | None:
    """Where the first line beyond LINE_BYTES_MAX begins."""
    start = 0
    lines = piece.split(b"\n")
    if max(map(len, lines)) <= LINE_BYTES_MAX:
        return None
    for line in lines:
        if len(line) > LINE_BYTES_MAX:
            return start
        start += len(line) + 1
    return None
