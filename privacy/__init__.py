"""Privacy: seals personal data, logs each opening of it, and reports what is held and at what risk.

`Vault` seals and opens fields, under keys that a `KeyProvider` wraps (`LocalKeyring` by default). `inventory`
reads what every mapped column declares of itself; `assessment` makes the privacy impact assessment of it.
"""

from privacy.blind_index import BlindIndex
from privacy.blind_index import Entry as IndexEntry
from privacy.choosing import former_providers, open_provider
from privacy.errors import CannotOpen, KeyDestroyed
from privacy.keyring import LocalKeyring, open_keyring
from privacy.providers import KeyProvider, KeyUse
from privacy.purposes import Purpose
from privacy.sealed import Sealed, SealedText
from privacy.sealing import ClearField, Place, SealedField, Vault

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
