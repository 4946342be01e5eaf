"""The commands on policy packs: list, show, check, explain, accept, and what a wallet may still do."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from commands import Command
from shipped import PACKS

from emoney import data
from emoney.jobs.installation import Emoney
from emoney.kyc import PackLibrary, approved_actions
from emoney.kyc.errors import PackNotAccepted
from emoney.kyc.packs import acceptance
from emoney.ledger import AccountKind, NewAccount, Operation, Transfer, proofs
from emoney.ledger.accounts import account as accounts
from emoney.ledger.base.errors import ConfigurationError, InvalidRequest
from emoney.ledger.base.ids import new_id
from emoney.ledger.proofs import ProofInvalid, SigningKey

ENVIRONMENT = "EMONEY_ENV"
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


def _explain(cli: Command, *arguments: str) -> dict[str, Any]:
    code, out, err = cli("kyc", "explain", *arguments, "--json")
    assert code == 0, err
    return dict(json.loads(out))


GHANA = ("--pack", "gh-bog-2024", "--tier", "minimum", "--operation", "p2p_out")


def test_explain_answers_in_the_documented_shape(command_line: Command) -> None:
    state = '{"used": [{"direction": "out", "operation": "any", "window": "day", "amount": 2950.10}]}'
    said = _explain(command_line, *GHANA, "--amount", "49.91", "--state", state)
    assert list(said)[:4] == ["decision", "rule", "headroom", "source"]
    assert (said["decision"], said["rule"]) == ("deny", "gh-bog-2024/minimum/flow-out-any-day")
    assert (said["headroom"], said["limit"], said["used"]) == ("49.90", "3000.00", "2950.10")
    assert "gh2024" in said["source"]
    said = _explain(command_line, *GHANA, "--amount", "49.90", "--state", state)
    assert (said["decision"], said["rule"], said["headroom"], said["source"]) == (
        "allow",
        None,
        "49.90",
        None,
    )
    code, out, _ = command_line("kyc", "explain", *GHANA, "--amount", "49.91", "--state", state)
    assert code == 0
    assert "still allowed 49.90" in out


@pytest.mark.parametrize(
    ("pack", "tier", "operation", "amount", "state", "decision"),
    [
        # each key by itself changes the answer
        ("gh-bog-2024", "minimum", "load", "1", {}, "allow"),
        ("gh-bog-2024", "minimum", "load", "1", {"balance": 5000}, "deny"),
        ("waemu-bceao-008-2015", "identified", "load", "1", {"wallet_balances": [1000000, 1000000]}, "deny"),
        (
            "gh-bog-2024",
            "minimum",
            "p2p_out",
            "1",
            {"used": [{"direction": "out", "operation": "any", "window": "calendar_month", "amount": 10000}]},
            "deny",
        ),
        ("in-rbi-ppi-2021", "small_cash", "load", "1", {"at": "2026-06-10T12:00:00+05:30"}, "allow"),
        (
            "in-rbi-ppi-2021",
            "small_cash",
            "load",
            "1",
            {"opened": "2024-06-10", "at": "2026-06-10T12:00:00+05:30"},
            "require_upgrade",
        ),
        ("gh-bog-2024", "minimum", "load", "1", {"at": "2024-02-29T12:00:00"}, "deny"),
        ("fr-cmf-r561-16-1", "anonymous_emoney", "load_cash", "1", {"at": "2026-06-10"}, "deny"),
        (
            "fr-cmf-r561-16-1",
            "anonymous_emoney",
            "load_cash",
            "1",
            {"at": "2026-06-10", "reloadable": False},
            "allow",
        ),
        (
            "fr-cmf-r561-16-1",
            "anonymous_emoney",
            "load_cash",
            "1",
            {"at": "2026-06-10", "reloadable": False, "loaded_before": True},
            "deny",
        ),
        (
            "in-rbi-ppi-2021",
            "full_kyc",
            "p2p_out_registered_payee",
            "1",
            {
                "payee": "A",
                "used": [
                    {
                        "operation": "p2p_out_registered_payee",
                        "window": "calendar_month",
                        "amount": 200000,
                        "payee": "A",
                    }
                ],
            },
            "deny",
        ),
        (
            "in-rbi-ppi-2021",
            "full_kyc",
            "p2p_out_registered_payee",
            "1",
            {
                "payee": "B",
                "used": [
                    {
                        "operation": "p2p_out_registered_payee",
                        "window": "calendar_month",
                        "amount": 200000,
                        "payee": "A",
                    }
                ],
            },
            "allow",
        ),
        ("eu-amld5-art12", "anonymous_emoney", "pay_any", "1", {"at": "2026-06-10"}, "allow"),
        (
            "eu-amld5-art12",
            "anonymous_emoney",
            "pay_any",
            "1",
            {"at": "2026-06-10", "one_country": False},
            "require_cdd",
        ),
        (
            "eu-amld5-art12",
            "anonymous_emoney",
            "crypto_out",
            "1",
            {"at": "2026-06-10", "goods_only": True},
            "deny",
        ),
        (
            "mx-cnbv-niveles",
            "N2",
            "load",
            "13000",
            {"at": "2024-06-15", "phone_not_validated": True},
            "deny",
        ),
        ("mx-cnbv-niveles", "N2", "load", "13000", {"at": "2024-06-15"}, "allow"),
        (
            "pk-sbp-bb-2016",
            "L1",
            "load",
            "1",
            {"at": "2024-06-01", "balance": 400000, "cohorts": ["eid_2024"]},
            "allow",
        ),
        (
            "sg-mas-2023",
            "personal_payment_account",
            "load",
            "1",
            {"balance": 20000},
            "allow_until_end_of_day",
        ),
    ],
)
def test_every_key_of_the_state_counts(
    command_line: Command,
    pack: str,
    tier: str,
    operation: str,
    amount: str,
    state: dict[str, Any],
    decision: str,
) -> None:
    question = ("--pack", pack, "--tier", tier, "--operation", operation, "--amount", amount)
    assert _explain(command_line, *question, "--state", json.dumps(state))["decision"] == decision


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "say --pack"),
        ((*GHANA,), 2, "say --pack"),
        ((*GHANA, "--amount", "1", "--refusal", "x"), 2, "alone"),
        (("--refusal", "x"), 2, "UUID"),
        ((*GHANA, "--amount", "1", "--state", "{"), 2, "not JSON at line 1, column 2"),
        ((*GHANA, "--amount", "1", "--state", '{"balance": NaN}'), 2, "not JSON"),
        ((*GHANA, "--amount", "1", "--state", "[]"), 1, "the state"),
        ((*GHANA, "--amount", "1", "--state", '{"blance": 1}'), 1, "blance: is no key; there are balance"),
        ((*GHANA, "--amount", "1", "--state", '{"balance": -1}'), 1, "balance"),
        ((*GHANA, "--amount", "1", "--state", '{"balance": 0.001}'), 1, "decimal places"),
        ((*GHANA, "--amount", "1", "--state", '{"at": "yesterday"}'), 1, "at"),
        ((*GHANA, "--amount", "1", "--state", '{"opened": "2999-01-01"}'), 1, "is after"),
        (
            (*GHANA, "--amount", "1", "--state", '{"used": [{"operation": "any", "window": "week"}]}'),
            1,
            "window",
        ),
        (
            (
                *GHANA,
                "--amount",
                "1",
                "--state",
                '{"used": [{"operation": "load", "direction": "out", "window": "day"}]}',
            ),
            1,
            "load goes in only",
        ),
        ((*GHANA, "--amount", "0"), 1, "above zero"),
        ((*GHANA, "--amount", "1.001"), 1, "decimal places"),
        ((*GHANA[:-1], "teleport", "--amount", "1"), 1, "no operation 'teleport'"),
        (("--pack", "gh", *GHANA[2:], "--amount", "1"), 1, "no policy pack"),
        ((*GHANA[:2], "--tier", "gold", *GHANA[4:], "--amount", "1"), 1, "no tier 'gold'"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(
    command_line: Command, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended, out, err = command_line("kyc", "explain", *arguments)
    assert (ended, out) == (code, "")
    assert said in err.replace("\n", " ")


@pytest.mark.parametrize("pack_id", PACKS.ids())
def test_show_names_every_limit_and_source(command_line: Command, pack_id: str) -> None:
    pack = PACKS.pack(pack_id)
    code, out, _ = command_line("kyc", "pack", "show", pack_id)
    assert code == 0
    for tier in pack.tiers:
        assert f"{tier.title}: {tier.id}" in out
        assert all(name in out for rule in tier.rules for name in rule.names)
    assert ("then accept before production" in out) is not pack.all_primary
    _, out, _ = command_line("kyc", "pack", "show", pack_id, "--json")
    assert json.loads(out)["needs_acceptance"] is not pack.all_primary


def test_check_tells_whether_a_pack_of_ones_own_will_do(command_line: Command, tmp_path: Path) -> None:
    text = (data.folder("policies") / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    own = tmp_path / "own.yaml"
    own.write_text(
        text.replace("id: gh-bog-2024", "id: gh-own").replace("line: gh-mobile-money", "line: gh-own")
    )
    assert command_line("kyc", "pack", "check", str(own))[0] == 0
    own.write_text(text.replace("id: gh-bog-2024", "id: gh-own"))
    code, _, err = command_line("kyc", "pack", "check", str(own))
    assert code == 1
    assert "gh-bog-2024 and gh-own of the line gh-mobile-money are both in force" in err.replace("\n", " ")
    own.write_text(text.replace("amount: 3000,", "amount: lots,"))
    code, _, err = command_line("kyc", "pack", "check", str(own))
    assert code == 1
    assert "tiers.0.rules.0.amount" in err
    own.write_bytes(b"\xff")
    assert command_line("kyc", "pack", "check", str(own))[0] == 1


def test_the_schema_command_prints_the_published_schema(command_line: Command) -> None:
    _, out, _ = command_line("kyc", "pack", "schema")
    published = Path(__file__).resolve().parents[3] / "docs" / "policy-pack.schema.json"
    assert out == published.read_text(encoding="utf-8")


PERSON = {"external_ref": "ama", "currency": "GHS", "phone": "+233201234567"}


def _post(emoney: Emoney, debit: Any, credit: Any, amount: int, operation: Operation) -> Any:
    sent = Transfer(new_id(), debit, credit, amount, "GHS", operation, "slip", effective_at=NOW)
    return emoney.ledger.post([sent])[0]


def test_a_past_refusal_and_the_present_headroom(command: Command, home: Path, owner_url: str) -> None:
    with Emoney.open(clock=lambda: NOW) as emoney:
        ama = emoney.kyc.enrol(PERSON)
        bank, shop = new_id(), new_id()
        with emoney.database.connection() as connection:
            accounts.open_accounts(
                connection,
                [
                    NewAccount(bank, AccountKind.SAFEGUARDING, "GHS", NOW),
                    NewAccount(shop, AccountKind.MERCHANT, "GHS", NOW),
                ],
            )
        assert _post(emoney, bank, ama.account_id, 500_000, Operation.LOAD).posted
        assert _post(emoney, ama.account_id, shop, 299_999, Operation.PAY).posted
        refused = _post(emoney, ama.account_id, shop, 2, Operation.PAY)
        posted = _post(emoney, ama.account_id, shop, 1, Operation.PAY)
    said = _explain(command, "--refusal", str(refused.transfer_id))
    assert list(said)[:4] == ["decision", "rule", "headroom", "source"]
    assert (said["decision"], said["rule"]) == ("deny", "gh-bog-2024/minimum/flow-out-any-day")
    assert (said["headroom"], said["limit"], said["used"], said["amount"]) == (
        "0.01",
        "3000.00",
        "2999.99",
        "0.02",
    )
    assert (said["pack"], said["tier"], said["operation"]) == ("gh-bog-2024", "minimum", "pay")
    code, out, _ = command("kyc", "explain", "--refusal", str(refused.transfer_id))
    assert code == 0
    assert "still allowed 0.01" in out
    code, _, err = command("kyc", "explain", "--refusal", str(posted.transfer_id))
    assert code == 1
    assert "posted, or never sent" in err

    code, out, err = command("kyc", "headroom", "ama", "--json")
    assert code == 0, err
    left = {rule["rule"].rsplit("/", 1)[1]: rule for rule in json.loads(out)["rules"]}
    assert left["balance"]["headroom"] == "3000.00"
    assert set(left) == {"balance", "flow-out-any-day", "flow-out-any-calendar_month"}
    code, out, _ = command("kyc", "headroom", "ama")
    assert "flow-out-any-calendar_month" in out
    code, _, err = command("kyc", "headroom", str(bank))
    assert code == 1
    assert "under no limits" in err


def test_production_demands_that_a_pack_is_accepted_as_it_is(
    command: Command, home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, "production")
    monkeypatch.setenv("EMONEY_KEYRING_PASSPHRASE", "of the keys of this test")
    with Emoney.open(clock=lambda: NOW) as emoney:
        with pytest.raises(PackNotAccepted, match="emoney kyc pack accept gh-bog-2024 --actor NAME"):
            emoney.kyc.enrol(PERSON)
        # all of these numbers were read in the legal text
        assert emoney.kyc.enrol({"external_ref": "a", "currency": "EUR"}).pack == "eu-amld5-art12"
    monkeypatch.setenv(ENVIRONMENT, "development")
    code, out, err = command("kyc", "pack", "accept", "gh-bog-2024", "--actor", "Efua Mensah", "--json")
    assert code == 0, err
    accepted = json.loads(out)
    assert accepted["still_missing"] == []
    assert accepted["note"].startswith("emoney/kyc/pack-acceptance/v1\n")
    monkeypatch.setenv(ENVIRONMENT, "production")
    monkeypatch.setenv("EMONEY_KEYRING_PASSPHRASE", "of the keys of this test")
    with Emoney.open(clock=lambda: NOW) as emoney, pytest.raises(PackNotAccepted):
        emoney.kyc.enrol(PERSON)  # one person's word
    code, out, err = command("kyc", "pack", "accept", "gh-bog-2024", "--actor", "efua", "--json")
    assert code == 0, err
    approve = (
        "kyc",
        "approvals",
        "approve",
        json.loads(out)["request"],
        "--reason",
        "read it too",
        "--actor",
    )
    assert command(*approve, "Efua")[0] == 1
    with Emoney.open(clock=lambda: NOW) as emoney, pytest.raises(PackNotAccepted):
        emoney.kyc.enrol(PERSON)  # asked for only
    assert command(*approve, "kofi")[0] == 0
    with Emoney.open(clock=lambda: NOW) as emoney:
        assert emoney.kyc.enrol(PERSON).tier == "minimum"
    code, out, _ = command("kyc", "pack", "acceptances", "--json")
    assert code == 0
    alone, found = json.loads(out)
    assert (alone["accepted_by"], alone["approval"]) == ("Efua Mensah", None)
    assert (found["pack"], found["accepted_by"]) == ("gh-bog-2024", "efua")
    assert (found["current"], found["signature"], found["approval"]) == (True, "holds", approve[3])
    assert (alone["approved_by"], found["approved_by"]) == (None, "kofi")

    text = (data.folder("policies") / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    changed = text.replace("legal: ", "legal: Another text, after ") + "\nreplaces: shipped\n"
    (home / "policies").mkdir()
    (home / "policies" / "gh-bog-2024.yaml").write_text(changed, encoding="utf-8")
    with Emoney.open(clock=lambda: NOW) as emoney, pytest.raises(PackNotAccepted):
        emoney.kyc.enrol(PERSON | {"external_ref": "kofi"})


def test_an_approval_accepts_the_content_it_was_asked_for_and_no_other(
    command: Command, home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(ENVIRONMENT, "production")
    monkeypatch.setenv("EMONEY_KEYRING_PASSPHRASE", "of the keys of this test")
    pack = PackLibrary.of(in_production=True).pack("gh-bog-2024")
    text = (data.folder("policies") / "gh-bog-2024.yaml").read_text(encoding="utf-8")
    (tmp_path / "gh-bog-2024.yaml").write_text(text.replace("legal: ", "legal: Another text, after "))
    others = PackLibrary([tmp_path])
    changed = others.pack("gh-bog-2024")
    with Emoney.open(clock=lambda: NOW) as emoney, emoney.database.connection() as connection:
        asked = acceptance.request(connection, pack, actor="efua", reason="verified", at=NOW)
        key = proofs.signing_key(connection, emoney.home)
        said: dict[str, Any] = {"actor": "kofi", "reason": "read too", "at": NOW}
        with (
            pytest.raises(InvalidRequest, match="approve it with the installation's key"),
            connection.transaction(),
        ):
            approved_actions.approve(connection, asked, packs=PACKS, **said)
        with (
            pytest.raises(InvalidRequest, match="was changed since: ask anew"),
            connection.transaction(force_rollback=True),
        ):
            approved_actions.approve(connection, asked, packs=others, key=key, **said)
        with pytest.raises(psycopg.errors.ForeignKeyViolation), connection.transaction():
            acceptance.accept(connection, pack, key, actor="efua", at=NOW, approval=asked)  # not approved yet
        approved_actions.approve(connection, asked, packs=PACKS, key=key, **said)
        with pytest.raises(psycopg.errors.ForeignKeyViolation), connection.transaction():
            acceptance.accept(connection, changed, key, actor="efua", at=NOW, approval=asked)
        [accepted] = acceptance.every(connection)
        assert acceptance.missing(connection, pack) == []
    assert accepted.note.splitlines()[0] == "emoney/kyc/pack-acceptance/v2"
    assert accepted.note.splitlines()[5:8] == ["efua", str(asked), "kofi"]
    accepted.demand_signed(key.public)
    for forged in ({"approved_by": "ama"}, {"approved_by": None}, {"approval": None, "approved_by": None}):
        with pytest.raises(ProofInvalid, match="does not say what was signed"):
            replace(accepted, **forged).demand_signed(key.public)


def test_an_acceptance_is_append_only_and_a_forged_one_is_found(
    command: Command, home: Path, owner_url: str
) -> None:
    assert command("kyc", "pack", "accept", "gh-bog-2024", "--actor", " ")[0] == 1
    assert command("kyc", "pack", "accept", "gh-bog-2024", "--actor", "Efua")[0] == 0
    with psycopg.connect(owner_url, autocommit=True) as connection:
        for change in (
            "UPDATE kyc.pack_acceptance SET accepted_by = 'Kofi'",
            "DELETE FROM kyc.pack_acceptance",
            "TRUNCATE kyc.pack_acceptance",
        ):
            with pytest.raises(psycopg.Error):
                connection.execute(change)
        connection.execute(
            "INSERT INTO kyc.pack_acceptance"
            " SELECT gen_random_uuid(), pack_id, content_hash, 'Kofi', accepted_at, note"
            " FROM kyc.pack_acceptance"
        )
    code, out, _ = command("kyc", "pack", "acceptances")
    assert code == 1
    assert "say what was signed" in " ".join(out.split())
    assert "PRIVATE" not in str(SigningKey.load(home).public)


def test_an_unknown_environment_is_refused(
    command: Command, home: Path, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, "prod")
    with pytest.raises(
        ConfigurationError,
        match=r"environment \(EMONEY_ENV\): must be 'production' or 'development', not 'prod'",
    ):
        Emoney.open(clock=lambda: NOW)
