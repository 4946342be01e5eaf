"""The library of packs: an operator's own folder adds to the shipped one, and cannot break or shadow it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from shipped import PACKS

from emoney import data
from emoney.kyc import Enrolment, PackLibrary
from emoney.kyc.errors import InvalidPack, UnknownPack
from emoney.kyc.limits.compile import compile_profile
from emoney.kyc.wallets.end_of_day import run as end_of_day
from emoney.ledger import Database, Operation
from emoney.privacy import Vault

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
SHIPPED = data.folder("policies")
GHANA = (SHIPPED / "gh-bog-2024.yaml").read_text(encoding="utf-8")
OWN = GHANA.replace("id: gh-bog-2024", "id: own-ghana").replace("line: gh-mobile-money", "line: own-ghana")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An operator's own folder, with one pack."""
    (tmp_path / "own-ghana.yaml").write_text(OWN, encoding="utf-8")
    return tmp_path


def broken(library: PackLibrary) -> list[str]:
    return [each.id for each in library.broken()]


def test_a_folder_of_ones_own_adds_to_the_shipped_packs(folder: Path) -> None:
    library = PackLibrary.of(folder)
    assert library.ids() == sorted([*PACKS.ids(), "own-ghana"])
    assert (library.folder_of("own-ghana"), library.folder_of("gh-bog-2024")) == (str(folder), str(SHIPPED))
    assert library.pack("own-ghana").tiers == library.pack("gh-bog-2024").tiers
    assert broken(library) == []
    assert PackLibrary.of(folder / "nothing-there").ids() == PACKS.ids()
    with pytest.raises(UnknownPack):
        PACKS.pack("own-ghana")


def test_a_file_under_a_shipped_id_is_refused_and_both_are_named(folder: Path) -> None:
    theirs = folder / "gh-bog-2024.yaml"
    theirs.write_text(GHANA.replace("amount: 3000,", "amount: 2500,"), encoding="utf-8")
    library = PackLibrary.of(folder)
    with pytest.raises(InvalidPack) as refused:
        library.pack("gh-bog-2024")
    assert str(theirs) in str(refused.value)
    assert str(SHIPPED / "gh-bog-2024.yaml") in str(refused.value)
    assert broken(library) == ["gh-bog-2024"]
    assert library.pack("ke-cbk-2023").id == "ke-cbk-2023"


def test_one_that_says_it_replaces_the_shipped_one_does(folder: Path) -> None:
    text = GHANA.replace("amount: 3000,", "amount: 2500,") + "\nreplaces: shipped\n"
    (folder / "gh-bog-2024.yaml").write_text(text, encoding="utf-8")
    (folder / "own-ghana.yaml").write_text(OWN + "\nreplaces: shipped\n", encoding="utf-8")
    library = PackLibrary.of(folder)
    amounts = {rule.amount for rule in library.pack("gh-bog-2024").tiers[0].rules}
    assert 2500 in amounts
    assert 3000 not in amounts
    assert library.folder_of("gh-bog-2024") == str(folder)
    assert broken(library) == ["own-ghana"]  # there is nothing that it could replace
    with pytest.raises(InvalidPack, match="there is none of this name"):
        library.pack("own-ghana")


@pytest.mark.parametrize(
    ("before", "after", "at", "rule"),
    [
        ("amount: 3000,", "amount: lots,", "amount: lots", "tiers.0.rules.0.amount"),
        ("amount: 3000,", "amount: 30.005,", "amount: 30.005", "tiers.0.rules.0"),
        ("amount: 3000,", "amount: 3000, amount: 1,", "amount: 3000, amount", None),
        ("id: own-ghana", "id: another", "id: another", "id"),
        ("currency: GHS", "currency: [GHS", None, None),
        ("id: medium", "id: minimum", "tiers:", "tiers"),
    ],
)
def test_a_broken_file_is_told_with_its_line_and_rule_and_leaves_the_others(
    folder: Path, before: str, after: str, at: str | None, rule: str | None
) -> None:
    text = OWN.replace(before, after, 1)
    assert text != OWN
    file = folder / "own-ghana.yaml"
    file.write_text(text, encoding="utf-8")
    library = PackLibrary.of(folder)
    with pytest.raises(InvalidPack) as refused:
        library.pack("own-ghana")
    error = refused.value
    assert error.file == str(file)
    assert error.line is not None
    if at is not None:
        assert at in text.splitlines()[error.line - 1]
        assert f"{file}, line {error.line}: " in str(error)
    assert error.rule is None or rule is None or error.rule.startswith(rule)
    assert broken(library) == ["own-ghana"]
    assert library.packs() == PACKS.packs()


def test_what_is_no_text_is_told_with_its_line(folder: Path) -> None:
    (folder / "own-ghana.yaml").write_bytes(OWN.encode().replace(b"title:", b"title: \xff", 1))
    with pytest.raises(InvalidPack, match="line 6: is not UTF-8"):
        PackLibrary.of(folder).pack("own-ghana")


def test_a_pack_in_force_beside_a_shipped_one_of_its_line_is_the_broken_one(folder: Path) -> None:
    text = GHANA.replace("id: gh-bog-2024", "id: own-ghana")
    (folder / "own-ghana.yaml").write_text(text, encoding="utf-8")
    library = PackLibrary.of(folder)
    assert broken(library) == ["own-ghana"]
    with pytest.raises(InvalidPack, match="gh-mobile-money are both in force"):
        library.pack("own-ghana")
    assert library.pack("gh-bog-2024").id == "gh-bog-2024"


def test_of_a_currency_only_where_no_broken_file_might_be_meant(folder: Path) -> None:
    (folder / "own-ghana.yaml").write_text(OWN.replace("amount: 3000,", "amount: lots,"), encoding="utf-8")
    library = PackLibrary.of(folder)
    assert library.of_currency("KES", NOW).id == "ke-cbk-2023"
    with pytest.raises(InvalidPack, match="name the pack that is meant"):
        library.of_currency("GHS", NOW)
    (folder / "own-ghana.yaml").write_text("currency: [", encoding="utf-8")
    with pytest.raises(InvalidPack):
        library.reread().of_currency("KES", NOW)


def test_packs_that_follow_each_other_in_a_circle_are_refused(folder: Path) -> None:
    for one, other in (("own-a", "own-b"), ("own-b", "own-a")):
        text = OWN.replace("id: own-ghana", f"id: {one}").replace("to: null", "to: 2027-01-01", 1)
        text += f"\nsucceeded_by: {{pack: {other}, tiers: {{minimum: minimum}}}}\n"
        (folder / f"{one}.yaml").write_text(text, encoding="utf-8")
    library = PackLibrary.of(folder)
    assert broken(library) == ["own-a", "own-b"]
    with pytest.raises(InvalidPack, match="follows itself"):
        library.pack("own-a")


def test_a_successor_that_is_not_there_is_told_with_its_line(folder: Path) -> None:
    text = OWN.replace("to: null", "to: 2027-01-01", 1)
    text += "\nsucceeded_by: {pack: own-later, tiers: {minimum: minimum}}\n"
    (folder / "own-ghana.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InvalidPack, match="'own-later', which is no policy pack") as refused:
        PackLibrary.of(folder).pack("own-ghana")
    assert refused.value.line == len(text.splitlines())


def test_rates_of_ones_own_stand_beside_the_shipped_ones(folder: Path) -> None:
    peru = (SHIPPED / "pe-sbs-2026.yaml").read_text(encoding="utf-8")
    rates = (SHIPPED / "rates" / "UIT.yaml").read_text(encoding="utf-8")
    (folder / "rates").mkdir()
    own = folder / "rates" / "UITX.yaml"
    own.write_text(rates.replace("unit: UIT", "unit: UITX"), encoding="utf-8")
    text = (
        peru.replace("id: pe-sbs-2026", "id: own-peru")
        .replace("line: pe-emoney", "line: own")
        .replace("unit: UIT", "unit: UITX")
    )
    (folder / "own-peru.yaml").write_text(text, encoding="utf-8")
    library = PackLibrary.of(folder)
    pack, shipped = library.pack("own-peru"), library.pack("pe-sbs-2026")
    assert [each.amount for each in compile_profile(pack, pack.tiers[0]).rules] == [
        each.amount for each in compile_profile(shipped, shipped.tiers[0]).rules
    ]
    own.write_text(rates.replace("unit: UIT", "unit: UITX").replace("rate: ", "rate: x"), encoding="utf-8")
    library = library.reread()
    assert broken(library) == ["own-peru"]
    assert library.broken()[0].error.file == str(own)
    shadow = folder / "rates" / "UIT.yaml"
    shadow.write_text(rates, encoding="utf-8")
    with pytest.raises(InvalidPack, match="is of the same name"):
        PackLibrary.of(folder).pack("pe-sbs-2026")
    shadow.write_text(rates.replace("to: 2027-01-01", "to: 2028-01-01") + "\nreplaces: shipped\n")
    assert PackLibrary.of(folder).unit("UIT").rates[-1].to.year == 2028
    assert PackLibrary.of(folder).pack("pe-sbs-2026").unit("UIT").rates[-1].to.year == 2028


def test_a_library_reads_once_and_another_one_anew(folder: Path) -> None:
    library = PackLibrary.of(folder)
    assert library.pack("own-ghana").title == PACKS.pack("gh-bog-2024").title
    (folder / "own-ghana.yaml").unlink()
    assert library.pack("own-ghana").id == "own-ghana"
    with pytest.raises(UnknownPack):
        library.reread().pack("own-ghana")


def test_enrolled_under_a_pack_of_ones_own(
    database: Database, vault: Vault, folder: Path, ama: dict[str, Any], till: Any
) -> None:
    (folder / "own-ghana.yaml").write_text(
        OWN.replace("scope: wallet, amount: 5000,", "scope: wallet, amount: 40,"), encoding="utf-8"
    )
    desk = Enrolment(database, vault, lambda: NOW, packs=PackLibrary.of(folder))
    phone_only = {name: ama[name] for name in ("external_ref", "currency", "phone")}
    enrolled = desk.enrol(phone_only, pack_id="own-ghana")
    assert (enrolled.pack, enrolled.tier) == ("own-ghana", "minimum")
    refused = till("GHS").load(enrolled.account_id, "40.01").refusal
    assert refused.rule == "own-ghana/minimum/balance"
    assert till("GHS").send(enrolled.account_id, "0.01", Operation.P2P).refusal is not None


def test_the_end_of_the_day_deals_with_the_good_packs_and_counts_the_broken(
    database: Database, folder: Path
) -> None:
    (folder / "own-ghana.yaml").write_text("[", encoding="utf-8")
    midnight = datetime(2026, 6, 10, 16, tzinfo=UTC)
    done = end_of_day(database, midnight, packs=PackLibrary.of(folder))
    assert (done.broken, done.days) == (1, end_of_day(database, midnight, packs=PACKS).days + 1)
