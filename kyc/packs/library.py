"""The library of policy packs: folders of files, read strictly, found by id or by currency.

A folder has packs as `ID.yaml` and the rates of index units as `rates/UNIT.yaml`; it may be missing. The
shipped folder comes first, the operator's own after it. A file of a later folder under a name of an earlier
one is refused, unless it says `replaces: shipped`. A broken file is told with its place, and concerns only
what needs it. A library reads each file once, when it is first asked for; `reread` makes one that reads
anew. Cost: about 15 ms for each pack.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import ValidationError

from emoney import data
from emoney.kyc.errors import InvalidPack, UnknownPack, UnknownUnit
from emoney.kyc.packs.contradictions import demand_followed, demand_none, overlaps
from emoney.kyc.packs.file import TEXT_MAX, content_of, invalid, line_of, syntax_line
from emoney.kyc.packs.rates import IndexUnit, parse_unit
from emoney.kyc.packs.schema import Pack

POLICIES = "policies"
"""The shipped folder, and that of an installation's own under its home."""
RATES = "rates"
"""The folder of rates inside a folder of packs."""


@dataclass(frozen=True, slots=True)
class BrokenPack:
    """A pack that cannot be used, and why. `currency`: its own where that could be read."""

    id: str
    folder: str
    error: InvalidPack
    currency: str | None = None


class _File(NamedTuple):
    """A file of the library. `rank`: the place of its folder."""

    rank: int
    entry: Traversable


class _Surveyed(NamedTuple):
    packs: tuple[Pack, ...]
    broken: tuple[BrokenPack, ...]


class PackLibrary:
    """Policy packs and index units of some folders, of which a later one adds to an earlier one.

    Give one library to all that work together: made once by the installation (`Emoney.packs`).
    `in_production`: its packs are used only as two persons accepted them (`kyc.packs.acceptance`).
    """

    def __init__(self, folders: Iterable[Traversable], *, in_production: bool = False) -> None:
        self.folders = tuple(folders)
        self.in_production = in_production
        self._packs: dict[str, Pack] = {}
        self._units: dict[str, IndexUnit] = {}

    @classmethod
    def of(cls, *own: Path, in_production: bool = False) -> Self:
        """The shipped packs and, after them, those of the operator's `own` folders."""
        return cls([data.folder(POLICIES), *own], in_production=in_production)

    @classmethod
    def of_home(cls, home: Path | None) -> Self:
        """The shipped packs and those of an installation: of `HOME/policies`, where there is a home."""
        return cls.of(*([] if home is None else [home / POLICIES]))

    def reread(self) -> Self:
        """A library of the same folders that has read nothing yet: for a process that runs on."""
        return type(self)(self.folders, in_production=self.in_production)

    def ids(self) -> list[str]:
        """The ids of all packs, broken ones too, sorted."""
        return sorted(self._pack_files)

    def pack(self, pack_id: str) -> Pack:
        """The pack of this id.

        One of the operator's own is compared with all the others first. Raises UnknownPack; InvalidPack,
        with file, line and rule.
        """
        pack = self._pack(pack_id, ())
        if self._pack_files[pack_id][-1].rank > 0:
            for broken in self.broken():
                if broken.id == pack_id:
                    raise broken.error
        return pack

    def packs(self) -> tuple[Pack, ...]:
        """All packs that can be used, by id; `broken` has the others."""
        return self._surveyed.packs

    def broken(self) -> tuple[BrokenPack, ...]:
        """The packs that cannot be used, by id: of two that contradict each other, the later folder's."""
        return self._surveyed.broken

    def folder_of(self, pack_id: str) -> str:
        """The folder with the file of a pack. Raises UnknownPack."""
        return str(self.folders[self._files_of(pack_id)[-1].rank])

    def of_currency(self, currency: str, at: datetime) -> Pack:
        """The one pack in force at `at` for wallets in `currency`.

        Of several, the one of the currency's own jurisdiction. Raises UnknownPack when there is none, or when
        there are several to choose from; InvalidPack when a broken one might be meant.
        """
        for broken in self.broken():
            if broken.currency in (None, currency):
                raise InvalidPack(
                    f"{broken.error}; until that is mended, name the pack that is meant",
                    place=broken.error.place,
                    file=broken.error.file,
                    line=broken.error.line,
                )
        found = [pack for pack in self.packs() if pack.currency == currency and pack.in_force(at)]
        # the code of a currency begins with that of the country or union that issues it (ISO 4217)
        at_home = [pack for pack in found if currency.startswith(pack.jurisdiction)]
        if len(found) > 1 and len(at_home) == 1:
            found = at_home
        if len(found) == 1:
            return found[0]
        if found:
            raise UnknownPack(f"name one of the packs in {currency}: {', '.join(pack.id for pack in found)}")
        there_are = ", ".join(sorted({pack.currency for pack in self.packs() if pack.in_force(at)}))
        raise UnknownPack(
            f"no policy pack in force at {at:%Y-%m-%d} is in {currency}; there are packs in {there_are}"
        )

    def unit(self, name: str) -> IndexUnit:
        """The index unit of this name. Raises UnknownUnit, InvalidPack."""
        if name not in self._units:
            files = self._unit_files.get(name)
            if files is None:
                raise UnknownUnit(f"there are no rates of the index unit {name[:20]!r}")
            text = _text_of(files[-1].entry)
            try:
                unit = parse_unit(content_of(text, "index unit"))
                _demand_called(name, unit.unit, "index unit", "unit")
                _demand_told(files, unit.replaces, f"index unit {name}")
            except InvalidPack as error:
                raise _placed(error, files[-1].entry, text) from error
            self._units[name] = unit
        return self._units[name]

    def read(self, text: str) -> Pack:
        """A pack from the text of its YAML file, in which no key may stand twice. Raises InvalidPack."""
        return self.parse(content_of(text, "policy pack"))

    def read_file(self, file: Path) -> Pack:
        """A pack from a file anywhere, as `read`. Raises InvalidPack, with file, line and rule."""
        text = _text_of(file)
        try:
            return self.read(text)
        except InvalidPack as error:
            raise _placed(error, file, text) from error

    def parse(self, content: Any) -> Pack:
        """A pack from the content of its file, among the packs and rates of this library.

        Raises InvalidPack, saying where and what is wrong.
        """
        return self._parsed(content, ())

    def _parsed(self, content: Any, way: tuple[str, ...]) -> Pack:
        try:
            pack = Pack.model_validate(content)
        except ValidationError as error:
            raise invalid("policy pack", error, "the pack") from error
        after: Pack | None = None
        if pack.succeeded_by is not None:
            with suppress(UnknownPack):
                after = self._pack(pack.succeeded_by.pack, (*way, pack.id))
        units: dict[str, IndexUnit] = {}
        for name in pack.units:
            with suppress(UnknownUnit):
                units[name] = self.unit(name)
        pack.link(after, units, in_production=self.in_production)
        demand_none(pack)
        return pack

    def _pack(self, pack_id: str, way: tuple[str, ...]) -> Pack:
        """The pack by itself. `way`: the packs that it follows."""
        if pack_id in way:
            raise InvalidPack(f"policy pack {pack_id}: follows itself, by way of {', '.join(way)}")
        if pack_id not in self._packs:
            files = self._files_of(pack_id)
            text = _text_of(files[-1].entry)
            try:
                pack = self._parsed(content_of(text, "policy pack"), way)
                _demand_called(pack_id, pack.id, "policy pack", "id")
                _demand_told(files, pack.replaces, f"policy pack {pack_id}")
                demand_followed(pack, None if pack.succeeded_by is None else _successor(pack))
            except InvalidPack as error:
                raise _placed(error, files[-1].entry, text) from error
            self._packs[pack_id] = pack
        return self._packs[pack_id]

    def _files_of(self, pack_id: str) -> list[_File]:
        if pack_id not in self._pack_files:
            raise UnknownPack(f"there is no policy pack {pack_id[:60]!r}; there are {', '.join(self.ids())}")
        return self._pack_files[pack_id]

    @cached_property
    def _pack_files(self) -> Mapping[str, list[_File]]:
        return _files(self.folders)

    @cached_property
    def _unit_files(self) -> Mapping[str, list[_File]]:
        return _files([folder / RATES for folder in self.folders])

    @cached_property
    def _surveyed(self) -> _Surveyed:
        packs: dict[str, Pack] = {}
        errors: dict[str, InvalidPack] = {}
        for pack_id in self.ids():
            try:
                packs[pack_id] = self._pack(pack_id, ())
            except InvalidPack as error:
                errors[pack_id] = error
        for one, other, said in overlaps(list(packs.values())):
            rank = {pack: self._pack_files[pack][-1].rank for pack in (one.id, other.id)}
            for pack_id in (each for each in rank if rank[each] == max(rank.values())):
                entry = self._pack_files[pack_id][-1].entry
                errors.setdefault(pack_id, _placed(InvalidPack(said, place=("valid",)), entry))
        broken = (
            BrokenPack(pack_id, self.folder_of(pack_id), errors[pack_id], self._currency_of(pack_id))
            for pack_id in sorted(errors)
        )
        return _Surveyed(tuple(pack for pack in packs.values() if pack.id not in errors), tuple(broken))

    def _currency_of(self, pack_id: str) -> str | None:
        """What a broken pack's file says of its currency, as far as it can be read."""
        try:
            content = content_of(_text_of(self._pack_files[pack_id][-1].entry), "policy pack")
        except InvalidPack:
            return None
        currency = content.get("currency") if isinstance(content, dict) else None
        return currency if isinstance(currency, str) else None


def _files(folders: Iterable[Traversable]) -> Mapping[str, list[_File]]:
    """The files of all folders by the name that they are for, in the order of the folders."""
    found: dict[str, list[_File]] = {}
    for rank, folder in enumerate(folders):
        if folder.is_dir():
            for entry in folder.iterdir():
                if entry.name.endswith(".yaml") and entry.is_file():
                    found.setdefault(entry.name.removesuffix(".yaml"), []).append(_File(rank, entry))
    return found


def _demand_called(name: str, called: str, what: str, key: str) -> None:
    """That a file says what its name says. Raises InvalidPack."""
    if called != name:
        raise InvalidPack(f"{what} {name}: its file calls it {called}", place=(key,))


def _successor(pack: Pack) -> Pack | None:
    try:
        return pack.successor
    except UnknownPack:
        return None


def _demand_told(files: list[_File], replaces: str | None, what: str) -> None:
    """That the last file says whether it stands for an earlier one. Raises InvalidPack, naming both."""
    if len(files) > 1 and replaces is None:
        raise InvalidPack(
            f"{what}: {files[-2].entry} is of the same name: take another name, or write replaces: shipped "
            "where this one is meant to stand for that one"
        )
    if len(files) == 1 and replaces is not None:
        raise InvalidPack(
            f"{what}: replaces a shipped one, and there is none of this name", place=("replaces",)
        )


def _text_of(entry: Traversable) -> str:
    """The text of a file. Raises InvalidPack, naming the file."""
    file = str(entry)
    try:
        with entry.open("rb") as opened:
            raw: bytes = opened.read(4 * TEXT_MAX + 1)
    except OSError as error:
        raise InvalidPack(f"{file}: cannot be read ({error.strerror})", file=file) from error
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidPack(f"{file}, line {line}: is not UTF-8", file=file, line=line) from error


def _placed(error: InvalidPack, entry: Traversable, text: str | None = None) -> InvalidPack:
    line = syntax_line(error.__cause__)
    if line is None and error.file is None and error.place:
        line = line_of(_text_of(entry) if text is None else text, error.place)
    return error.found_in(str(entry), line)


def pack_schema() -> dict[str, Any]:
    """The JSON Schema of a pack's file. What it cannot say, a library checks: that sources exist, say."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | Pack.model_json_schema(by_alias=True)
