"""Which key provider an installation uses, by default the local keyring; and the one, if any, that keys are
being moved away from, until `emoney privacy rotate` is done."""

import logging
from pathlib import Path

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError
from emoney.ledger.base.postgres.database import Connection
from emoney.privacy.keys.keyring import open_keyring
from emoney.privacy.keys.options import KeyOptions
from emoney.privacy.keys.providers.protocol import KeyProvider

NAMES = ("local", "aws-kms", "gcp-kms", "vault", "pkcs11")

_log = logging.getLogger(__name__)


def open_provider(
    home: Path, connection: Connection, clock: Clock = system_clock, options: KeyOptions | None = None
) -> KeyProvider:
    """The provider of the options. There is no falling back from one to another.

    Raises ConfigurationError for an unknown name, an extra that is not installed and a missing option.
    """
    options = options or KeyOptions()
    options.demand_complete()
    provider = _named(options.provider, options, home, connection, clock)
    _log.info("keys are wrapped by the provider %s", provider.name)
    return provider


def former_providers(
    home: Path, connection: Connection, clock: Clock = system_clock, options: KeyOptions | None = None
) -> list[KeyProvider]:
    """The provider that is being moved away from, where one is named."""
    if options is None or options.former_provider is None:
        return []
    _log.info("keys of the former provider %s are still unwrapped", options.former_provider)
    return [_named(options.former_provider, options, home, connection, clock)]


def _named(name: str, options: KeyOptions, home: Path, connection: Connection, clock: Clock) -> KeyProvider:
    match name:
        case "local":
            return open_keyring(home, connection, clock, options.root)
        case "aws-kms":
            from emoney.privacy.keys.providers.aws_kms import AwsKms

            return AwsKms.connect(options)
        case "gcp-kms":
            from emoney.privacy.keys.providers.gcp_kms import GoogleKms

            return GoogleKms.connect(options)
        case "vault":
            from emoney.privacy.keys.providers.vault_transit import VaultTransit

            return VaultTransit.connect(options)
        case "pkcs11":
            from emoney.privacy.keys.providers.pkcs11_token import Pkcs11Token

            return Pkcs11Token.connect(options)
        case _:
            raise ConfigurationError(f"EMONEY_KEY_PROVIDER must be one of {', '.join(NAMES)}.")
