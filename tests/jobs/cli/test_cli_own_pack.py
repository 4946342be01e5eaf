"""A policy pack of the operator's own, from the file in its folder to the refusal, and when it is broken."""

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from commands import Command

from emoney import data
from emoney.jobs.installation import Emoney
from emoney.ledger import AccountKind, NewAccount, Operation, Outcome, Transfer
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.ids import new_id

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
PERSON = {"external_ref": "ama", "currency": "GHS", "phone": "+233201234567"}


def load(emoney: Emoney, bank: UUID, wallet: UUID, amount: int) -> Outcome:
    sent = Transfer(new_id(), bank, wallet, amount, "GHS", Operation.LOAD, "slip", effective_at=NOW)
    [outcome] = emoney.ledger.post([sent])
    return outcome


def test_a_pack_of_ones_own_is_listed_enrolled_under_and_its_limit_refuses(
    command: Command, home: Path, owner_url: str, tmp_path: Path
) -> None:
    text = (data.folder("policies") / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    text = text.replace("id: gh-bog-2024", "id: own-2026").replace("line: gh-mobile-money", "line: own")
    folder = home / "policies"
    folder.mkdir()
    own = folder / "own-2026.yaml"
    own.write_text(text.replace("scope: wallet, amount: 5000,", "scope: wallet, amount: 40,"))
    code, out, _ = command("kyc", "packs", "--json")
    listed = {each["id"]: each for each in json.loads(out)}
    assert (code, listed["own-2026"]["folder"]) == (0, str(folder))
    assert listed["gh-bog-2024"]["folder"] == str(data.folder("policies"))
    code, out, _ = command("kyc", "packs")
    assert code == 0
    assert f"{folder}: 1 pack" in out.replace("\n", "")

    (tmp_path / "person.json").write_text(json.dumps(PERSON))
    code, out, err = command("kyc", "enrol", str(tmp_path / "person.json"), "--pack", "own-2026", "--json")
    assert code == 0, err
    enrolled = json.loads(out)
    assert (enrolled["pack"], enrolled["tier"]) == ("own-2026", "minimum")
    wallet = UUID(enrolled["account"])
    with Emoney.open(clock=lambda: NOW) as emoney:
        bank = new_id()
        with emoney.database.connection() as connection:
            accounts.open_accounts(connection, [NewAccount(bank, AccountKind.SAFEGUARDING, "GHS", NOW)])
        assert load(emoney, bank, wallet, 4000).posted
        refusal = load(emoney, bank, wallet, 1).refusal
        assert refusal is not None
        assert refusal.rule == "own-2026/minimum/balance"

    text = text.replace("amount: 5000,", "amount: lots,", 1)
    own.write_text(text)
    code, out, _ = command("kyc", "packs", "--json")
    found = {each["id"]: each for each in json.loads(out)}
    broken = found["own-2026"]
    assert (code, broken["file"]) == (1, str(own))
    assert (
        "amount: lots" in text.replace("amount: 5000,", "amount: lots,", 1).splitlines()[broken["line"] - 1]
    )
    assert broken["rule"].startswith("tiers.0.rules.")
    assert found["gh-bog-2024"]["error"] is None
    assert command("kyc", "pack", "show", "gh-bog-2024")[0] == 0
    code, _, err = command("kyc", "pack", "show", "own-2026")
    assert code == 1
    assert f"{own}, line {broken['line']}: policy pack: tiers.0.rules." in err.replace("\n", "")
    code, out, err = command("kyc", "rebind", "--json")
    assert code == 1
    [left] = json.loads(out)["left"]
    assert left["pack"] == "own-2026"
    assert "the pack is broken" in left["reason"]
