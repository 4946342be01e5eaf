"""Settings: where they come from, what goes before what, what is told of wrong ones, and that nothing below
the door reads the environment."""

import json
import logging
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from commands import Command
from pydantic import ValidationError

from emoney.jobs import schedule
from emoney.jobs.installation import Emoney
from emoney.jobs.settings import Settings
from emoney.jobs.settings.listing import MASK, listed, masked_url
from emoney.jobs.settings.sections import (
    DatabaseSettings,
    JobName,
    Provider,
    SafeguardingSettings,
    ScheduleSettings,
    WebhookSettings,
)
from emoney.jobs.settings.settings import known
from emoney.jobs.webhooks import Policy
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.pool import PoolOptions
from emoney.privacy.keys.choosing import NAMES
from emoney.privacy.keys.options import KeyOptions
from emoney.privacy.keys.root_key import PASSPHRASE_CHARACTERS

ROOT = Path(__file__).resolve().parents[2]
PASSWORD, PASSPHRASE, SECRET, PIN = "pass-wort-731", "four sober llamas waltz", "s" * 31 + "t", "90210"
URL = f"postgresql://owner:{PASSWORD}@db.internal:5433/emoney?sslmode=require"


@pytest.fixture(autouse=True)
def bare(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable is set but EMONEY_HOME."""
    assert home
    for leaf in known().values():
        if leaf.name != "home":
            monkeypatch.delenv(leaf.variable, raising=False)


def write(home: Path, text: str, mode: int = 0o600) -> Path:
    path = home / "settings.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def wrong(**given: Any) -> str:
    """What is told of wrong settings."""
    with pytest.raises(ConfigurationError) as refused:
        Settings(**given)
    assert refused.value.__cause__ is None
    met: BaseException | None = refused.value
    while met is not None:  # pydantic's error holds the values
        assert not isinstance(met, ValidationError)
        met = met.__context__
    return str(refused.value)


# Where they come from


def test_an_argument_goes_before_a_variable_that_before_the_file_and_that_before_the_default(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, '[database]\npool_size = 2\npool_overflow = 3\napplication_name = "file"\n')
    monkeypatch.setenv("EMONEY_DATABASE_POOL_SIZE", "4")
    monkeypatch.setenv("EMONEY_DATABASE_APPLICATION_NAME", "variable")
    found = Settings(database={"application_name": "argument"})
    names = ("application_name", "pool_size", "pool_overflow", "pool_wait_s")
    assert [getattr(found.database, name) for name in names] == ["argument", 4, 3, 30]
    sources = [found.source(f"database.{name}") for name in names]
    assert sources == ["argument", "environment", "file", "default"]


def test_the_file_is_the_one_of_the_home_that_is_meant(tmp_path: Path, home: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(home, 'environment = "production"\n')
    assert Settings().in_production
    assert Settings().home == home
    assert Settings(home=other).home == other
    assert not Settings(home=other).in_production


VARIABLES = {
    "EMONEY_ENV": ("environment", "production"),
    "EMONEY_DATABASE_URL": ("database.url", URL),
    "EMONEY_KEY_PROVIDER": ("keys.provider", "aws-kms"),
    "EMONEY_FORMER_KEY_PROVIDER": ("keys.former_provider", "local"),
    "EMONEY_ROOT_KEY_FILE": ("keys.root_key_file", "/run/secrets/root"),
    "EMONEY_KEYRING_PASSPHRASE": ("keys.passphrase", PASSPHRASE),
    "EMONEY_AWS_KMS_KEY": ("keys.aws_kms_key", "alias/emoney"),
    "EMONEY_GCP_KEY_RING": ("keys.gcp_key_ring", "projects/p/locations/l/keyRings/r"),
    "EMONEY_VAULT_MOUNT": ("keys.vault_mount", "emoney-transit"),
    "VAULT_ADDR": ("keys.vault_address", "https://vault.internal:8200"),
    "VAULT_TOKEN": ("keys.vault_token", "hvs.token"),
    "VAULT_NAMESPACE": ("keys.vault_namespace", "payments"),
    "EMONEY_PKCS11_MODULE": ("keys.pkcs11_module", "/usr/lib/module.so"),
    "EMONEY_PKCS11_TOKEN": ("keys.pkcs11_token", "emoney"),
    "EMONEY_PKCS11_PIN": ("keys.pkcs11_pin", PIN),
    "EMONEY_WEBHOOK_SECRET": ("webhook.secret", SECRET),
    "EMONEY_WEBHOOK_SECRET_FILE": ("webhook.secret_file", "/run/secrets/webhook"),
    "EMONEY_SAFEGUARDING_AT": ("safeguarding.at", "06:45"),
    "EMONEY_SAFEGUARDING_TIME_ZONE": ("safeguarding.time_zone", "Africa/Accra"),
    "EMONEY_SAFEGUARDING_TRANSIT_DAYS": ("safeguarding.transit_days", "5"),
}
"""Those of before there were settings, but EMONEY_HOME and EMONEY_WEBHOOK_URL, which have tests of their own."""  # noqa: E501


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_variable_sets_what_it_did(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, text = VARIABLES[variable]
    monkeypatch.setenv(variable, text)
    value: Any = Settings()
    for part in name.split("."):
        value = getattr(value, part)
    assert str(value.get_secret_value() if hasattr(value, "get_secret_value") else value) == text
    assert [each.name for each in listed(Settings()) if each.source == "environment"] == ["home", name]
    monkeypatch.setenv(variable, "")
    if name == "keys.passphrase":  # a secret that was to be mounted and is not: no key file instead
        assert "keys.passphrase (EMONEY_KEYRING_PASSPHRASE): must have 12 to 1024" in wrong()
    else:
        assert Settings().source(name) == "default"


def test_lists_and_tables_come_from_variables_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMONEY_PACKS_FOLDERS", "/srv/packs:/srv/more")
    monkeypatch.setenv("EMONEY_SCHEDULE_CRON", '{"seal": "*/5 * * * *", "monitor": "off"}')
    found = Settings()
    assert found.packs.folders == (Path("/srv/packs"), Path("/srv/more"))
    assert schedule.find("seal").when(found) == ("*/5 * * * *", "UTC")
    assert schedule.find("seal").wanted(found)
    assert not schedule.find("monitor").wanted(found)
    monkeypatch.setenv("EMONEY_SCHEDULE_CRON", "seal")
    assert "schedule.cron (EMONEY_SCHEDULE_CRON): write JSON such as" in wrong()


def test_the_door_takes_a_mapping_or_the_object(home: Path, owner_url: str) -> None:
    with Emoney.open(owner_url, settings={"webhook": {"attempts_max": 3}}) as emoney:
        assert emoney.settings.webhook.policy.attempts_max == 3
        assert emoney.settings.source("database.url") == "argument"
        assert emoney.home == home
    settings = Settings(database={"url": owner_url})
    with Emoney.open(settings=settings) as emoney:
        assert emoney.settings is settings
    with pytest.raises(ConfigurationError, match="within the settings"):
        Emoney.open(owner_url, settings=settings)
    section = DatabaseSettings(pool_size=5)
    assert Settings(database=section).source("database.pool_size") == "argument"
    assert Settings(database=section).source("database.url") == "default"


def test_the_pool_is_as_it_is_set(home: Path, owner_url: str) -> None:
    write(
        home, "[database]\npool_size = 1\npool_overflow = 1\nlock_timeout_s = 1.5\nstatement_timeout_s = 9\n"
    )
    with Emoney.open(owner_url, settings={"database": {"application_name": "tills"}}) as emoney:
        assert emoney.database.pool.size + emoney.database.pool.overflow == 2
        with emoney.database.connection() as connection:
            shown = [
                connection.execute(f"SHOW {name}").fetchone()
                for name in ("application_name", "lock_timeout", "statement_timeout")
            ]
    assert shown == [("tills",), ("1500ms",), ("9s",)]


# What is told of wrong ones


def test_every_error_is_told_at_once_and_no_secret_with_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        home,
        f"""
        enviroment = "production"
        databse = {{ url = "{URL}" }}
        webhook = "{SECRET}"
        [keys]
        provider = "hsm"
        passphrase = "{PASSPHRASE[:7]}"
        [safeguarding]
        transit_days = 1000
        time_zone = "Mars/Olympus"
        [schedule]
        cron = {{ seal = "now", sael = "* * * * *" }}
        """,
    )
    monkeypatch.setenv("EMONEY_DATABASE_POOL_SIZE", "many")
    monkeypatch.setenv("EMONEY_DATABASE_URL", f"postgresql://owner:{PASSWORD}@[db/emoney")
    monkeypatch.setenv("EMONEY_SAFEGUARDING_AT", "24:00")
    told = wrong(packs={"folders": 7})
    for line in (
        "enviroment: there is no such setting (did you mean environment?)",
        "databse: there is no such setting",
        "webhook: must be a table of settings",
        "keys.provider in settings.toml: must be 'local', 'aws-kms', 'gcp-kms', 'vault' or 'pkcs11', not 'hsm'",  # noqa: E501
        "keys.passphrase in settings.toml: must have 12 to 1024 characters",
        "safeguarding.transit_days in settings.toml: must be less than or equal to 999, not '1000'",
        "safeguarding.time_zone in settings.toml: write a time zone of the IANA database",
        "database.pool_size (EMONEY_DATABASE_POOL_SIZE): must be a whole number, not 'many'",
        "database.url (EMONEY_DATABASE_URL): EMONEY_DATABASE_URL cannot be read: write postgresql://",
        "safeguarding.at (EMONEY_SAFEGUARDING_AT): write a time of the day such as 09:00, not '24:00'",
        "packs.folders: must be a valid tuple",
        "schedule.cron",
    ):
        assert line in told
    for secret in (PASSWORD, PASSPHRASE[:7], SECRET):
        assert secret not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[database]\npol_size = 2", "database.pol_size: there is no such setting (did you mean database.pool_size?)"),  # noqa: E501
        ("[safe]\nat = '09:00'", "safe: there is no such setting"),
        ("home = '/srv'", "home: cannot be set in settings.toml, which lies in it"),
        ("[webhook]\nurl = 'http://example.org/'\nsecret_file = '/x'", None),
        ("[webhook]\nurl = 'https://example.org/'", "set webhook.secret (EMONEY_WEBHOOK_SECRET)"),
        ("[webhook]\nurl = 'https://example.org/'\nsecret = 'short'", "at least 32 characters"),
        ("[keys]\nprovider = 'vault'\nvault_token = 'x'", "set keys.vault_address (VAULT_ADDR) to the address"),  # noqa: E501
        ("[keys]\nformer_provider = 'pkcs11'", "set keys.pkcs11_module (EMONEY_PKCS11_MODULE) to the path"),
        ("[database]\npool_size = 1\npool_overflow = 0", "database: Pool: size and overflow are 1 together"),
        ("[database]\nstatement_timeout_s = 0", "database.statement_timeout_s in settings.toml: must be greater"),  # noqa: E501
        ("[database]\napplication_name = 'é'", "database.application_name in settings.toml: write 1 to 63 printable"),  # noqa: E501
        ("[schedule.cron]\nseal = 'now'", 'seal: write five fields of cron such as "30 2 * * *", or "off"'),
        ("[database\n", "settings.toml is no TOML"),
        ("\udcff", "settings.toml is not UTF-8"),
        ("#" * (1 << 21), "has more than 1048576 bytes"),
    ],
)  # fmt: skip
def test_what_the_file_has_wrong_is_named(home: Path, text: str, told: str | None) -> None:
    path = home / "settings.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    if told is None:  # what a file holds is looked at when it is wanted
        assert Settings().webhook.url is not None
    else:
        assert told in wrong()


@pytest.mark.parametrize(
    "setting",
    [
        f'database = {{ url = "{URL}" }}',
        f'keys = {{ passphrase = "{PASSPHRASE}" }}',
        f'webhook = {{ secret = "{SECRET}" }}',
        f'keys = {{ pkcs11_pin = "{PIN}" }}',
    ],
)
def test_a_file_with_a_secret_is_its_owners_alone(home: Path, setting: str) -> None:
    path = write(home, setting)
    assert Settings()
    for mode in (0o640, 0o604, 0o644):
        path.chmod(mode)
        told = wrong()
        assert "settings.toml has permissions" in told
        assert "must have 0600" in told


def test_a_file_that_others_can_change_is_refused_whatever_it_holds(home: Path) -> None:
    path = write(home, "[database]\npool_size = 2\n", 0o644)
    assert Settings().database.pool_size == 2
    for mode in (0o664, 0o646):
        path.chmod(mode)
        assert "others could change what it says" in wrong()


def test_a_slip_in_a_variables_name_is_told_and_stops_nothing(
    home: Path,
    owner_url: str,
    command: Command,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("EMONEY_DATABASE_POL_SIZE", "3")
    monkeypatch.setenv("EMONEY_ACTOR", "ops-1")
    slip = "EMONEY_DATABASE_POL_SIZE: there is no such variable (did you mean EMONEY_DATABASE_POOL_SIZE?)"
    shown = command("settings", "show", "--json")
    assert (shown.code, shown.err.strip()) == (0, f"notice: {slip}")
    with caplog.at_level(logging.WARNING, "emoney"), Emoney.open():
        assert [record.getMessage() for record in caplog.records] == [slip]


# What is shown


def test_show_tells_every_setting_its_source_and_no_secret(
    home: Path, command_line: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home, f'[keys]\npassphrase = "{PASSPHRASE}"\n[schedule.cron]\nseal = "off"\n')
    monkeypatch.setenv("EMONEY_DATABASE_URL", URL)
    monkeypatch.setenv("EMONEY_WEBHOOK_URL", "https://example.org/hook?key=hush")
    monkeypatch.setenv("EMONEY_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("EMONEY_PKCS11_PIN", PIN)
    code, out, err = command_line("settings", "show", "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert [row["name"] for row in rows] == list(known())
    assert {frozenset(row) for row in rows} == {frozenset({"name", "value", "source"})}
    found = {row["name"]: (row["value"], row["source"]) for row in rows}
    assert found["database.url"] == (f"postgresql://owner:{MASK}@db.internal:5433/emoney?sslmode=require", "environment")  # fmt: skip  # noqa: E501
    assert found["keys.passphrase"] == (MASK, "file")
    assert found["webhook.secret"] == found["keys.pkcs11_pin"] == (MASK, "environment")
    assert found["webhook.url"] == (f"https://example.org/{MASK}", "environment")
    assert found["keys.vault_token"] == (None, "default")
    assert found["schedule.cron"] == ({"seal": "off"}, "file")
    assert found["database.pool_size"] == (8, "default")
    shown = command_line("settings", "show")
    assert shown.code == 0
    assert "safeguarding.time_zone" in shown.out
    settings = Settings()
    for text in (out, shown.out, repr(settings), str(settings), repr(settings.keys.options)):
        for secret in (PASSWORD, PASSPHRASE, SECRET, PIN):
            assert secret not in text


def test_show_ends_with_what_is_wrong(home: Path, command_line: Command) -> None:
    write(home, "[database]\npool_size = 0\n[safeguarding]\nat = 'noon'\n")
    code, out, err = command_line("settings", "show", "--json")
    assert (code, json.loads(out)["error"]["code"]) == (1, "configuration_error")
    assert "database.pool_size" in err
    assert "safeguarding.at" in err


@pytest.mark.parametrize(
    ("name", "address", "shown"),
    [
        ("webhook.url", "https://example.org", "https://example.org"),
        ("webhook.url", "https://example.org/", "https://example.org/"),
        ("webhook.url", "https://example.org:8443/hook/hush", f"https://example.org:8443/{MASK}"),
        ("webhook.url", "https://example.org?key=hush", f"https://example.org/{MASK}"),
        ("keys.vault_address", "https://vault.internal:8200", "https://vault.internal:8200"),
        ("keys.vault_address", "https://u:hush@vault:8200/v", f"https://{MASK}@vault:8200/v"),
        ("keys.vault_address", "https://u:hu@sh@vault", MASK),
        ("keys.vault_address", "https://u:hu/sh@vault", MASK),
        ("keys.vault_address", "https://u:1/hush@vault", MASK),
        ("keys.vault_address", "https://vault/?t=hush", f"https://vault/?{MASK}"),
        ("keys.vault_address", "hush", MASK),
    ],
)
def test_an_address_is_shown_without_its_secrets(name: str, address: str, shown: str) -> None:
    section, leaf = name.split(".")
    given = {leaf: address} | ({"secret": SECRET} if section == "webhook" else {})
    (found,) = (each.value for each in listed(Settings(**{section: given})) if each.name == name)
    assert found == shown


def test_an_unknown_key_is_not_told_whole(home: Path) -> None:
    write(home, '[database]\n"postgresql://u:hush@h" = 1\n')
    assert "database.postgresql…: there is no such setting" in (told := wrong())
    assert "hush" not in told
    write(home, f'"{"k" * 500}" = 1\n')
    assert f"{'k' * 40}…: there is no such setting" in (told := wrong())
    assert "k" * 41 not in told


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://h/d", "postgresql://h/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql+psycopg://u:hush@h:5/d", f"postgresql://u:{MASK}@h:5/d"),
        ("postgresql://u:hu%40sh@h/d", f"postgresql://u:{MASK}@h/d"),
        ("host=h user=u password=hush dbname=d", f"postgresql://u:{MASK}@h/d"),
        ("postgresql://u@h/d?password=hush", f"postgresql://u:{MASK}@h/d"),
        ("postgresql://h/d?sslpassword=hush", f"postgresql://h/d?sslpassword={MASK}"),
        ("postgresql://u:hu/sh@h/d", MASK),
        ("postgresql://u:hu@sh@h/d", None),
        ("postgresql://u:hu?sh@h/d", None),
        ("postgresql://u:hu#sh@h/d", None),
        ("postgresql:///d?host=/run/pg", "postgresql://%2Frun%2Fpg/d"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str | None) -> None:
    assert shown is None or masked_url(url) == shown
    assert not re.search("hu|sh", masked_url(url).replace("sslpassword", ""))


# One home for each concept


def test_defaults_and_names_are_those_of_what_they_set() -> None:
    assert WebhookSettings().policy == Policy()
    assert DatabaseSettings().pool == PoolOptions()
    assert Settings().keys.options == KeyOptions()
    assert get_args(Provider) == NAMES
    assert set(get_args(JobName)) == set(schedule.JOBS)
    assert PASSPHRASE_CHARACTERS == (12, 1024)
    assert SafeguardingSettings().cron == schedule.JOBS["reconcile"].cron
    assert ScheduleSettings().cron == {}


def test_only_the_room_of_settings_reads_the_environment() -> None:
    reading = re.compile(r"\bos\.(environ|getenv)(?!\[\S+\] = )|\bfrom os import .*\b(environ|getenv)")
    readers = {
        str(path.relative_to(ROOT))
        for package in ("data", "ledger", "privacy", "kyc", "aml", "jobs")
        for path in (ROOT / package).rglob("*.py")
        if reading.search(path.read_text(encoding="utf-8"))
    }
    assert readers == {"jobs/settings/sources.py"}


def documented() -> list[str]:
    """The rows of the table in docs/settings.md, as the classes have them."""
    rows = []
    for leaf in known().values():
        default = "" if leaf.default in (None, {}) else f"`{leaf.default}`"
        if leaf.name == "home":
            default = "the platform's user data directory; as root `/var/lib/emoney`"
        rows.append(f"| `{leaf.name}` | `{leaf.variable}` | {default} | {leaf.what} |")
    return rows


def test_the_docs_have_every_setting_as_it_is() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("| `")] == documented()
    assert all(leaf.what for leaf in known().values())
