"""What can be set, by noun. Each field says what it is, its bounds and default; docs/settings.md is checked
against it.

A field's name in settings.toml is `section.field`; its variable is `EMONEY_SECTION_FIELD` unless it names
another.
"""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from emoney.ledger.base.errors import ConfigurationError

if TYPE_CHECKING:
    from emoney.jobs.cosigning import Address
    from emoney.jobs.webhooks import Policy, Webhook
    from emoney.ledger.base.postgres.pool import PoolOptions
    from emoney.privacy.keys.options import KeyOptions

Provider = Literal["local", "aws-kms", "gcp-kms", "vault", "pkcs11"]
JobName = Literal[
    "expire-holds",
    "seal",
    "cosign",
    "day-totals",
    "partitions",
    "evidence-expiry",
    "downgrades",
    "end-of-day",
    "rebind",
    "find-duplicates",
    "dormancy",
    "review-reminders",
    "coming-of-age",
    "extract",
    "monitor",
    "reconcile",
    "deliver",
]
OFF = "off"


def setting(default: Any, what: str, *, variable: str | None = None, **bounds: Any) -> Any:
    """A field. `what`: one line for the docs; `variable`: where its name does not follow from the field's."""
    return Field(default, description=what, json_schema_extra={"variable": variable}, **bounds)


class Section(BaseModel):
    """Settings of one noun. Unknown names are errors; what was wrong is told without its value."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=False)


Milliseconds = Annotated[float, Field(ge=0.001, le=86_400)]
"""Seconds, down to the millisecond that PostgreSQL counts in, up to a day."""


class DatabaseSettings(Section):
    """The operator's PostgreSQL, and the pool of connections to it."""

    url: SecretStr | None = setting(
        None, "The operator's own PostgreSQL, 15 to 18: `postgresql://user:password@host:port/database`"
    )
    pool_size: int = setting(8, "Connections that are kept", ge=1, le=1000)
    pool_overflow: int = setting(8, "Connections beyond these, closed after use", ge=0, le=1000)
    pool_wait_s: float = setting(30, "How long a caller waits for one to come free, seconds", gt=0, le=3600)
    connect_timeout_s: int = setting(10, "How long connecting may take, seconds", ge=2, le=3600)
    statement_timeout_s: Milliseconds | None = setting(None, "When the server ends a statement, seconds")
    lock_timeout_s: Milliseconds | None = setting(None, "When it ends waiting for a lock, seconds")
    idle_in_transaction_timeout_s: Milliseconds | None = setting(
        None, "When it ends a transaction in which nothing is asked, seconds"
    )
    application_name: str | None = setting(
        None, "How the server's views and log call the connections; without it as the URL says"
    )

    @model_validator(mode="after")
    def _enough(self) -> "DatabaseSettings":
        try:
            _ = self.pool
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def pool(self) -> "PoolOptions":
        """The pool's part, as a Database takes it. Raises ConfigurationError for sizes that do not do."""
        from emoney.ledger.base.postgres.pool import PoolOptions

        return PoolOptions(
            size=self.pool_size,
            overflow=self.pool_overflow,
            wait_s=self.pool_wait_s,
            connect_timeout_s=self.connect_timeout_s,
            statement_timeout_s=self.statement_timeout_s,
            lock_timeout_s=self.lock_timeout_s,
            idle_in_transaction_timeout_s=self.idle_in_transaction_timeout_s,
            application_name=self.application_name,
        )

    @field_validator("url")
    @classmethod
    def _readable(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            from emoney.ledger.base.postgres.database import demand_readable  # slow to load

            try:
                demand_readable(url.get_secret_value())
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        return url

    @field_validator("application_name")
    @classmethod
    def _printable(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[ -~]{1,63}", name):
            raise ValueError("write 1 to 63 printable ASCII characters")
        return name


class PackSettings(Section):
    """Where policy packs lie."""

    folders: tuple[Path, ...] | None = setting(
        None,
        "The operator's own policy packs beside the shipped ones; without it `policies` in the home. A "
        f"list in settings.toml, parted by `{os.pathsep}` in the variable",
        max_length=20,
    )


class KeySettings(Section):
    """What holds the key-encryption keys; docs/keys.md."""

    provider: Provider = setting("local", "The key provider", variable="EMONEY_KEY_PROVIDER")
    former_provider: Provider | None = setting(
        None, "The one that keys are being moved away from", variable="EMONEY_FORMER_KEY_PROVIDER"
    )
    root_key_file: Path | None = setting(
        None,
        "local: the root key's file, without it `keys/root.key` in the home",
        variable="EMONEY_ROOT_KEY_FILE",
    )
    passphrase: SecretStr | None = setting(
        None,
        "local: the passphrase of 12 to 1024 characters that the root key is under, in place of a file",
        variable="EMONEY_KEYRING_PASSPHRASE",
    )
    aws_kms_key: str | None = setting(
        None, "aws-kms: a prepared key; all else is set as boto3 reads it", variable="EMONEY_AWS_KMS_KEY"
    )
    gcp_key_ring: str | None = setting(
        None, "gcp-kms: `projects/…/locations/…/keyRings/…`", variable="EMONEY_GCP_KEY_RING"
    )
    vault_address: str | None = setting(
        None, "vault: such as `https://vault.internal:8200`", variable="VAULT_ADDR"
    )
    vault_token: SecretStr | None = setting(
        None, "vault: a token for its transit engine", variable="VAULT_TOKEN"
    )
    vault_namespace: str | None = setting(None, "vault: its namespace", variable="VAULT_NAMESPACE")
    vault_mount: str = setting(
        "transit", "vault: where the transit engine is mounted", variable="EMONEY_VAULT_MOUNT", min_length=1
    )
    pkcs11_module: str | None = setting(
        None, "pkcs11: the path of the vendor's library", variable="EMONEY_PKCS11_MODULE"
    )
    pkcs11_token: str | None = setting(None, "pkcs11: the token's label", variable="EMONEY_PKCS11_TOKEN")
    pkcs11_pin: SecretStr | None = setting(None, "pkcs11: the token's user PIN", variable="EMONEY_PKCS11_PIN")

    @field_validator("passphrase")
    @classmethod
    def _long(cls, passphrase: SecretStr | None) -> SecretStr | None:
        if passphrase is not None and not 12 <= len(passphrase.get_secret_value()) <= 1024:
            raise ValueError("must have 12 to 1024 characters")
        return passphrase

    @model_validator(mode="after")
    def _complete(self) -> "KeySettings":
        services = {self.provider, self.former_provider} - {"local", "aws-kms", None}
        if services:
            try:
                self.options.demand_complete()
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        return self

    @property
    def options(self) -> "KeyOptions":
        """These, as the key providers take them."""
        from emoney.privacy.keys.options import KeyOptions, RootKeyOptions

        return KeyOptions(
            provider=self.provider,
            former_provider=self.former_provider,
            root=RootKeyOptions(self.root_key_file, _secret(self.passphrase)),
            aws_kms_key=self.aws_kms_key,
            gcp_key_ring=self.gcp_key_ring,
            vault_address=self.vault_address,
            vault_token=_secret(self.vault_token),
            vault_namespace=self.vault_namespace,
            vault_mount=self.vault_mount,
            pkcs11_module=self.pkcs11_module,
            pkcs11_token=self.pkcs11_token,
            pkcs11_pin=_secret(self.pkcs11_pin),
        )


class WebhookSettings(Section):
    """Where events go; docs/events.md."""

    url: str | None = setting(None, "Where to POST events; https, or http to this machine")
    secret: SecretStr | None = setting(
        None,
        "What they are signed with, at least 32 characters; two parted by a space while one replaces the "
        "other",
    )
    secret_file: Path | None = setting(None, "A file that holds the secret, used when `secret` is not set")
    attempts_max: int = setting(16, "Attempts before an event becomes a dead letter", ge=1, le=1000)
    refused_attempts_max: int = setting(
        3, "The same for one that the receiver refuses (400, 409, 413, 415, 422)", ge=1, le=1000
    )
    backoff_max_s: float = setting(3600, "The longest pause between attempts, seconds", ge=1, le=604_800)
    timeout_s: float = setting(
        10, "How long connecting, and each wait for bytes, may take, seconds", gt=0, le=300
    )
    exchange_s: float = setting(30, "How long a whole exchange may take, seconds", gt=0, le=600)

    @model_validator(mode="after")
    def _sound(self) -> "WebhookSettings":
        if self.url is not None and (self.secret is not None or self.secret_file is None):
            try:
                self.target()
            except ConfigurationError as error:
                raise ValueError(str(error)) from None
        return self

    def target(self, url: str | None = None) -> "Webhook":
        """The webhook, `url` going before the one that is set. Reads the secret's file where that is set.

        Raises ConfigurationError where there is none or it is unsafe.
        """
        from emoney.jobs.webhooks import Webhook

        where = url or self.url
        if not where:
            raise ConfigurationError("No webhook is configured: set webhook.url (EMONEY_WEBHOOK_URL).")
        text = _secret(self.secret)
        if text is None and self.secret_file is not None:
            try:
                text = self.secret_file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    "The file that webhook.secret_file (EMONEY_WEBHOOK_SECRET_FILE) names cannot be read: "
                    f"{type(error).__name__}."
                ) from None
        return Webhook(where, tuple(secret.encode() for secret in (text or "").split()))

    @property
    def policy(self) -> "Policy":
        """How patient a sender is."""
        from emoney.jobs.webhooks import Policy

        return Policy(
            attempts_max=self.attempts_max,
            refused_attempts_max=self.refused_attempts_max,
            backoff_max_s=self.backoff_max_s,
            timeout_s=self.timeout_s,
            exchange_s=self.exchange_s,
        )


class SafeguardingSettings(Section):
    """The daily reconciliation of safeguarded funds; docs/safeguarding.md."""

    at: str = setting("09:00", "When the job runs, HH:MM in the zone below")
    time_zone: str = setting("UTC", "Whose calendar days; also the commands' `--time-zone`")
    transit_days: int = setting(
        3, "How many days an item may be in transit; also `--transit-days`", ge=0, le=999
    )
    receipts: Literal["receipt", "statement", "prefunded"] = setting(
        "receipt",
        "What a new installation issues e-money against; afterwards `emoney receipts policy` changes it",
    )

    @field_validator("at")
    @classmethod
    def _time_of_day(cls, at: str) -> str:
        if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", at):
            raise ValueError("write a time of the day such as 09:00")
        return at

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):  # no such zone, or a name that no file could have
            raise ValueError("write a time zone of the IANA database such as Africa/Accra") from None
        return name

    @property
    def cron(self) -> str:
        """Once a day, in `time_zone`."""
        hour, minute = self.at.split(":")
        return f"{int(minute)} {int(hour)} * * *"


class ProofSettings(Section):
    """Who cosigns the proof log's checkpoints; docs/proofs.md."""

    witnesses: str | None = setting(
        None, "The witnesses that the job `cosign` asks: `URL` or `URL KEY` each, parted by commas"
    )

    @field_validator("witnesses")
    @classmethod
    def _sound(cls, witnesses: str | None) -> str | None:
        try:
            cls.model_construct(witnesses=witnesses).addresses  # noqa: B018
        except ConfigurationError as error:
            raise ValueError(str(error)) from None
        return witnesses

    @property
    def addresses(self) -> "list[Address]":
        """Where they are asked. Raises ConfigurationError or ValueError for what is no address."""
        from emoney.jobs.cosigning import Address

        return [Address.parse(each) for each in (self.witnesses or "").split(",") if each.strip()]


class ScheduleSettings(Section):
    """The scheduler, `emoney jobs start`."""

    cron: dict[JobName, str] = setting(
        {}, f'When jobs run instead, by name: five fields of cron in UTC, or "{OFF}". JSON in the variable'
    )
    misfire_grace_s: int = setting(3600, "How late a run may begin that was missed, seconds", ge=1, le=86_400)

    @field_validator("cron")
    @classmethod
    def _readable(cls, cron: dict[JobName, str]) -> dict[JobName, str]:
        wrong = [name for name, when in cron.items() if when != OFF and not _is_cron(when)]
        if wrong:
            raise ValueError(
                f'{", ".join(wrong)}: write five fields of cron such as "30 2 * * *", or "{OFF}"'
            )
        return cron


def _is_cron(text: str) -> bool:
    from apscheduler.triggers.cron import CronTrigger  # slow to load

    try:
        CronTrigger.from_crontab(text, timezone="UTC")
    except ValueError:
        return False
    return True


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
