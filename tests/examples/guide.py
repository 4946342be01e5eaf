"""A guide's blocks, taken from its Markdown and run in order, as a reader would type them.

What is run: every `console` block (the lines that begin with `$`), `python` block and `sql` block. The lines
that follow a command, and a `text` block that follows Python, are what it prints: each must come, in this
order, among what it did print; `…` stands for anything, `<NAME>` for an id, which later commands may name. A
command ends with exit code 0 unless a comment behind it says `# exit code 1`. `<!-- file: NAME -->` before a
block makes it a file. `sh` blocks, and those of other languages, are shown only.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest
from commands import Command
from psycopg.conninfo import make_conninfo

SERVER = "db.internal"
"""The host of the guides' databases, which the test's own stands in for."""

FILES = ("cp", "mkdir")
"""What else a guide may run."""

_BLOCK = re.compile(r"(?:^<!-- file: (?P<file>\S+) -->\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S)
_NAME = re.compile(r"<([A-Z]+)>")
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|local-[0-9a-f]{16}"
_DATABASE = re.compile(rf"postgresql://\S+@{re.escape(SERVER)}/\w+(\?\S+)?")
_PASSWORD = re.compile(r"^CREATE ROLE (\w+) LOGIN PASSWORD '([^']+)'", re.M)


class Block(NamedTuple):
    """A fenced block: its language, its text, and the file that it is, if it is one."""

    kind: str
    text: str
    file: str | None


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    return [Block(found["kind"], found["text"], found["file"]) for found in _BLOCK.finditer(page)]


@dataclass
class Run:
    """Runs the blocks of a guide in a folder of its own."""

    command: Command
    owner_url: str
    folder: Path
    patch: pytest.MonkeyPatch
    names: dict[str, str] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)
    space: dict[str, Any] = field(default_factory=lambda: {"__name__": "guide"})

    def page(self, page: str) -> None:
        """Run a whole page."""
        self.patch.chdir(self.folder)
        printed: str | None = None
        ways: dict[str, Callable[[str], str | None]] = {
            "console": self.console,
            "python": self.python,
            "sql": self.sql,
        }
        for block in blocks(page):
            if block.file is not None:
                Path(block.file).write_text(block.text, encoding="utf-8")
            elif block.kind == "text" and printed is not None:
                self.shows(printed, block.text.splitlines(), "python")
                printed = None
            elif block.kind in ways:
                printed = ways[block.kind](block.text)

    def console(self, text: str) -> None:
        """Run commands, and compare what they print with what is shown."""
        for typed, shown in _commands(text):
            line, _, comment = typed.partition("  #")
            line = self.known(line)
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                self.patch.setenv(name, self.here(value))
                continue
            words, given, out = _redirected(shlex.split(os.path.expandvars(line)))
            if words[0] in FILES:
                subprocess.run(words, check=True, timeout=240)
                continue
            assert words[0] == "emoney", f"a guide runs emoney, {' and '.join(FILES)}, not {line}"
            ended = self.command(*words[1:], given=Path(given).read_text(encoding="utf-8") if given else "")
            code = re.search(r"exit code (\d)", comment)
            assert ended.code == (int(code[1]) if code else 0), f"{line}: {ended}"
            if out:
                Path(out).write_text(ended.out, encoding="utf-8")
            self.shows(ended.out + ended.err, shown, line)

    def python(self, text: str) -> str:
        """Run Python in the guide's one namespace; what it prints."""
        out = StringIO()
        with redirect_stdout(out):
            exec(compile(text, "guide", "exec", dont_inherit=True), self.space)
        return out.getvalue()

    def sql(self, text: str) -> None:
        """Run SQL as the database's owner."""
        self.passwords |= dict(_PASSWORD.findall(text))
        with psycopg.connect(self.owner_url) as connection:
            connection.execute(text.encode())

    def shows(self, printed: str, shown: list[str], what: str) -> None:
        """Every line shown came, in order; the names in it are known from now on."""
        left = "\n".join(" ".join(line.split()) for line in printed.splitlines())
        for line in filter(None, (" ".join(each.split()) for each in shown)):
            pattern = re.escape(self.known(line)).replace("…", ".*")
            fresh = _NAME.findall(pattern)
            for name in fresh:
                pattern = pattern.replace(f"<{name}>", f"(?P<{name}>{_ID})")
            found = re.search(pattern, left)
            assert found, f"{what} does not print {line!r} here:\n{printed}"
            self.names |= found.groupdict()
            left = left[found.end() :]

    def known(self, text: str) -> str:
        """`text` with the ids that names stand for."""
        return _NAME.sub(lambda found: self.names.get(found[1], found[0]), text)

    def here(self, value: str) -> str:
        """A setting's value, with the test's database in place of the guide's."""
        if not _DATABASE.fullmatch(value):
            return value
        user = urlsplit(value).username
        if user == "owner":
            return self.owner_url
        return make_conninfo(self.owner_url, user=user, password=self.passwords[str(user)])


def _commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Each command with the lines shown after it; a backslash goes on in the next line."""
    typed: str | None = None
    shown: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            if typed is not None:
                yield typed, shown
            typed, shown = line[2:], []
        else:
            assert typed is not None or not line, f"no command prints this: {line}"
            shown.append(line)
    if typed is not None:
        yield typed, shown


def _redirected(words: list[str]) -> tuple[list[str], str | None, str | None]:
    """The words of a command, the file it reads and the one it writes."""
    kept, files = [], {"<": None, ">": None}
    left = iter(words)
    for word in left:
        if word in files:
            files[word] = next(left)  # type: ignore[assignment]
        else:
            kept.append(word)
    return kept, files["<"], files[">"]
