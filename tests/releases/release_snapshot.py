"""Snapshots of releases: a database as a version made it, rows in every room, for later ones to go on from.

`make release-snapshot` writes the one of this version. A snapshot is a folder of the version's name:

| file              | what                                                                                  |
|-------------------|---------------------------------------------------------------------------------------|
| `database.sql.gz` | the database, schema and rows, by `pg_dump`                                           |
| `home.tar.gz`     | the installation's files: keys made for it, which guard made-up persons, and history  |
| `facts.json`      | what must be the same after every upgrade, and which revisions made the schema        |

RELEASED names the versions that are out, a line each. Their snapshots, and the revisions that made them, are
not changed any more.
"""

import gzip
import json
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import psycopg

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
RELEASED = FOLDER / "RELEASED"
AGAIN = "run `make release-snapshot` and commit what it writes"

sys.path.insert(0, str(FOLDER.parent))  # when this is run, and not imported by a test

from dumping import dumped, restore  # noqa: E402
from full_house import FullHouse  # noqa: E402
from revision_files import digests  # noqa: E402
from surviving import contents, counts  # noqa: E402

from emoney import Emoney  # noqa: E402
from emoney.ledger.base.postgres.database import APPLICATION_ROLE  # noqa: E402
from emoney.privacy.privileges import Reader  # noqa: E402
from emoney.testing import SetClock, Template, server  # noqa: E402


@dataclass(frozen=True)
class Facts:
    """What is known of a snapshot.

    `moment`: where its clock stood. `revisions`: digests of the files of each that made the schema. `xact`:
    its server's counter of transactions. `checkpoint`: the last of its proof log. `counts`, `contents`: see
    `surviving`.
    """

    version: str
    moment: str
    revisions: dict[str, str]
    xact: int
    checkpoint: str
    counts: dict[str, int]
    contents: dict[str, str]


@dataclass(frozen=True)
class Snapshot:
    """The snapshot in `folder`."""

    folder: Path

    @property
    def facts(self) -> Facts:
        return Facts(**json.loads((self.folder / "facts.json").read_text(encoding="utf-8")))

    @property
    def moment(self) -> datetime:
        return datetime.fromisoformat(self.facts.moment)

    def restore(self, url: str, home: Path) -> None:
        """Bring the empty database at `url`, and `home`, to where the snapshot was taken."""
        facts = self.facts
        with psycopg.connect(url, autocommit=True) as owner:
            own = (f"emoney_{name}" for name in ("import", "officer", "policy", "receipts"))
            for role in (APPLICATION_ROLE, *own, *Reader):
                if not owner.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone():
                    owner.execute(f"CREATE ROLE {role} NOLOGIN".encode())
        restore(url, gzip.decompress((self.folder / "database.sql.gz").read_bytes()))
        with psycopg.connect(url, autocommit=True) as owner:
            # another server counts its own transactions, and what comes now must come after
            owner.execute(
                "DO $$ BEGIN WHILE pg_current_xact_id()::text::bigint"
                f" <= {facts.xact:d} LOOP COMMIT; END LOOP; END $$".encode()
            )
        (home / "keys").mkdir(mode=0o700)
        with tarfile.open(self.folder / "home.tar.gz") as files:
            files.extractall(home, filter="data")


def snapshots() -> list[Snapshot]:
    """All that are kept."""
    return [Snapshot(path.parent) for path in sorted(FOLDER.glob("*/facts.json"))]


def released() -> tuple[str, ...]:
    """The versions that are out."""
    return tuple(line for line in RELEASED.read_text().splitlines() if line and not line.startswith("#"))


def this_version() -> str:
    """As `pyproject.toml` has it."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def amiss(found: Sequence[Facts], now: Mapping[str, str], out: Collection[str], version: str) -> list[str]:
    """What is not as it must be, with what to do about it. `now`: the revisions of this version and their
    digests; `out`: the versions that are released."""
    wrong = []
    for facts in found:
        edited = [id_ for id_, digest in facts.revisions.items() if now.get(id_) != digest]
        if facts.version in out and edited:
            wrong += [
                f"{id_} is in the release {facts.version} and is not edited any more: put its files back, "
                "and write a revision that goes on from it"
                for id_ in edited
            ]
        elif facts.version in out and facts.version == version and now != facts.revisions:
            wrong.append(f"{version} is released: give the next version in pyproject.toml")
        elif facts.version not in out and facts.version != version:
            wrong.append(f"{facts.version} is neither released nor this version: remove its snapshot")
        elif facts.version not in out and now != facts.revisions:
            wrong.append(f"the schema is not the one of the snapshot of {version} any more: {AGAIN}")
    kept = {facts.version for facts in found}
    wrong += [f"{each} is in RELEASED and has no snapshot" for each in out if each not in kept]
    return wrong


def write(version: str) -> Snapshot:
    """Make a database with rows in every room, and write it as the snapshot of `version`."""
    folder = FOLDER / version
    folder.mkdir(exist_ok=True)
    with _filled() as (url, home, moment):
        (folder / "database.sql.gz").write_bytes(
            gzip.compress(dumped(url, "--no-owner", "--restrict-key=snapshot"), 9, mtime=0)
        )
        with tarfile.open(folder / "home.tar.gz", "w:gz", compresslevel=9) as files:
            for path in sorted(home.rglob("*")):
                if path.is_file() and path.relative_to(home).parts[0] in ("keys", "history"):
                    files.add(path, path.relative_to(home).as_posix(), filter=_nobodys)
        with psycopg.connect(url) as owner:
            (xact,) = owner.execute("SELECT pg_current_xact_id()::text::bigint").fetchone() or (0,)
            (note,) = owner.execute(
                "SELECT note FROM ledger.checkpoint ORDER BY size DESC LIMIT 1"
            ).fetchone() or ("",)
            facts = Facts(version, moment.isoformat(), digests(), xact, note, counts(owner), contents(owner))
    text = json.dumps(asdict(facts), indent=2, ensure_ascii=False)
    (folder / "facts.json").write_text(text + "\n", encoding="utf-8")
    return Snapshot(folder)


@contextmanager
def _filled() -> Iterator[tuple[str, Path, datetime]]:
    clock = SetClock()
    with server() as url, tempfile.TemporaryDirectory() as made:
        home, folder = Path(made, "home"), Path(made)
        home.mkdir()
        Template(url)
        with Emoney.open(url, home, clock) as emoney:
            FullHouse(emoney, clock).fill(folder)
        yield url, home, clock()


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    if this_version() in released():
        sys.exit(
            f"{this_version()} is released: its snapshot stays. Give the next version in pyproject.toml."
        )
    written = write(this_version())
    size = sum(path.stat().st_size for path in written.folder.iterdir())
    print(f"{written.folder.relative_to(ROOT)}: {size / 1024:.0f} KiB")
