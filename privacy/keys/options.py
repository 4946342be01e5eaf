"""What an operator sets about keys, as the key providers take it. Whoever opens them hands it down."""

from dataclasses import dataclass, field
from pathlib import Path

from emoney.ledger.base.errors import ConfigurationError

_NEEDED = {
    "gcp-kms": (
        (
            "gcp_key_ring",
            "EMONEY_GCP_KEY_RING",
            "a key ring, as projects/PROJECT/locations/PLACE/keyRings/RING",
        ),
    ),
    "vault": (
        ("vault_address", "VAULT_ADDR", "the address of Vault, such as https://vault.internal:8200"),
        ("vault_token", "VAULT_TOKEN", "a token for Vault's transit engine"),
    ),
    "pkcs11": (
        ("pkcs11_module", "EMONEY_PKCS11_MODULE", "the path of the vendor's PKCS#11 library"),
        ("pkcs11_token", "EMONEY_PKCS11_TOKEN", "the token's label"),
        ("pkcs11_pin", "EMONEY_PKCS11_PIN", "the token's user PIN"),
    ),
}
"""By provider: the option it cannot do without, that option's variable, and what it is set to."""


@dataclass(frozen=True, slots=True)
class RootKeyOptions:
    """How the local keyring's root key is kept. `file`: elsewhere than beside the keyring; with a
    `passphrase`, in no file."""

    file: Path | None = None
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeyOptions:
    """Which provider holds the key-encryption keys, which one they are moved away from, and how each is
    reached."""

    provider: str = "local"
    former_provider: str | None = None
    root: RootKeyOptions = RootKeyOptions()
    aws_kms_key: str | None = None
    gcp_key_ring: str | None = None
    vault_address: str | None = None
    vault_token: str | None = field(default=None, repr=False)
    vault_namespace: str | None = None
    vault_mount: str = "transit"
    pkcs11_module: str | None = None
    pkcs11_token: str | None = None
    pkcs11_pin: str | None = field(default=None, repr=False)

    def demand_complete(self) -> None:
        """Raises ConfigurationError, naming all that the providers in use lack."""
        missing = [
            f"set keys.{name} ({variable}) to {what}"
            for provider in dict.fromkeys((self.provider, self.former_provider))
            for name, variable, what in _NEEDED.get(provider or "", ())
            if not getattr(self, name)
        ]
        if missing:
            raise ConfigurationError(f"The key provider is not set up: {'; '.join(missing)}.")
