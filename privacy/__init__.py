"""Privacy: seals personal data, logs each opening of it, and reports what is held and at what risk.

`Vault` seals and opens fields, under keys that a `KeyProvider` wraps (`LocalKeyring` by default). `inventory`
reads what every mapped column declares of itself; `assessment` makes the privacy impact assessment of it.
`Pseudonyms` stand for subjects in analysis, `publish_count` tells numbers with noise. DESTROY_KEY and
EXPORT_ROOT are what two persons ask for and agree to (`Vault.control`), for a key of a `KeyKind`.
"""

from typing import TYPE_CHECKING

from emoney.ledger.base.faces import face

if TYPE_CHECKING:
    from emoney.privacy.errors import CannotOpen, KeyDestroyed
    from emoney.privacy.keys.choosing import former_providers, open_provider
    from emoney.privacy.keys.control import DESTROY as DESTROY_KEY
    from emoney.privacy.keys.control import EXPORT as EXPORT_ROOT
    from emoney.privacy.keys.events import KeyKind
    from emoney.privacy.keys.keyring import LocalKeyring, open_keyring, restore_root
    from emoney.privacy.keys.providers import KeyProvider, KeyUse
    from emoney.privacy.pseudonyms.domains import Pseudonyms
    from emoney.privacy.releases.counts import Question as CountQuestion
    from emoney.privacy.releases.counts import publish as publish_count
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
            "restore_root": "keys.keyring",
            "KeyKind": "keys.events",
            "DESTROY_KEY": "keys.control:DESTROY",
            "EXPORT_ROOT": "keys.control:EXPORT",
            "Pseudonyms": "pseudonyms.domains",
            "CountQuestion": "releases.counts:Question",
            "publish_count": "releases.counts:publish",
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
    "restore_root",
    "KeyKind",
    "DESTROY_KEY",
    "EXPORT_ROOT",
    "Pseudonyms",
    "CountQuestion",
    "publish_count",
    "CannotOpen",
    "KeyDestroyed",
]
