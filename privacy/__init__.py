"""Privacy: seals personal data, logs each opening of it, and reports what is held and at what risk.

`Vault` seals and opens fields, under keys that a `KeyProvider` wraps (`LocalKeyring` by default). `inventory`
reads what every mapped column declares of itself; `assessment` makes the privacy impact assessment of it.
"""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.privacy.errors import CannotOpen, KeyDestroyed
    from emoney.privacy.keys.choosing import former_providers, open_provider
    from emoney.privacy.keys.keyring import LocalKeyring, open_keyring
    from emoney.privacy.keys.providers import KeyProvider, KeyUse
    from emoney.privacy.search.blind_index import BlindIndex
    from emoney.privacy.search.blind_index import Entry as IndexEntry
    from emoney.privacy.vault.purposes import Purpose
    from emoney.privacy.vault.sealed import Sealed, SealedText
    from emoney.privacy.vault.vault import ClearField, Place, SealedField, Vault
else:
    __getattr__ = face(
        __name__,
        {
            "Vault": "vault.vault",
            "Place": "vault.vault",
            "ClearField": "vault.vault",
            "SealedField": "vault.vault",
            "BlindIndex": "search.blind_index",
            "IndexEntry": "search.blind_index:Entry",
            "Sealed": "vault.sealed",
            "SealedText": "vault.sealed",
            "Purpose": "vault.purposes",
            "KeyProvider": "keys.providers",
            "KeyUse": "keys.providers",
            "LocalKeyring": "keys.keyring",
            "open_keyring": "keys.keyring",
            "open_provider": "keys.choosing",
            "former_providers": "keys.choosing",
            "CannotOpen": "errors",
            "KeyDestroyed": "errors",
        },
    )

__all__ = [
    "Vault",
    "Place",
    "ClearField",
    "SealedField",
    "BlindIndex",
    "IndexEntry",
    "Sealed",
    "SealedText",
    "Purpose",
    "KeyProvider",
    "KeyUse",
    "LocalKeyring",
    "open_keyring",
    "open_provider",
    "former_providers",
    "CannotOpen",
    "KeyDestroyed",
]
