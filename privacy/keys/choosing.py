"""Which key provider an installation uses: `EMONEY_KEY_PROVIDER`, by default the local keyring.

`EMONEY_FORMER_KEY_PROVIDER` names one that keys are being moved away from, until `emoney privacy rotate` is
done.
"""

import os
from pathlib import Path

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.database import Connection
from emoney.privacy.keys.keyring import open_keyring
from emoney.privacy.keys.providers.protocol import KeyProvider

VARIABLE, FORMER_VARIABLE = "EMONEY_KEY_PROVIDER", "EMONEY_FORMER_KEY_PROVIDER"
NAMES = ("local", "aws-kms", "gcp-kms", "vault", "pkcs11")


def open_provider(home: Path, connection: Connection, clock: Clock = system_clock) -> KeyProvider:
    """The provider that the environment names. There is no falling back from one to another.

    Raises ConfigurationError for an unknown name, an extra that is not installed and a missing setting.
    """
    return _named(os.environ.get(VARIABLE) or "local", home, connection, clock)


def former_providers(home: Path, connection: Connection, clock: Clock = system_clock) -> list[KeyProvider]:
    """The provider that is being moved away from, where one is named."""
    name = os.environ.get(FORMER_VARIABLE)
    return [_named(name, home, connection, clock)] if name else []


def _named(name: str, home: Path, connection: Connection, clock: Clock) -> KeyProvider:
    match name:
        case "local":
            return open_keyring(home, connection, clock)
        case "aws-kms":
            from emoney.privacy.keys.providers.aws_kms import AwsKms

            return AwsKms.from_environment()
        case "gcp-kms":
            from emoney.privacy.keys.providers.gcp_kms import GoogleKms

            return GoogleKms.from_environment()
        case "vault":
            from emoney.privacy.keys.providers.vault_transit import VaultTransit

            return VaultTransit.from_environment()
        case "pkcs11":
            from emoney.privacy.keys.providers.pkcs11_token import Pkcs11Token

            return Pkcs11Token.from_environment()
        case _:
            raise ConfigurationError(f"{VARIABLE} must be one of {', '.join(NAMES)}.")
