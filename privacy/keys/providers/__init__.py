"""Key providers: what holds the key-encryption keys, behind one protocol.

The local keyring (`privacy.keys.keyring`) needs nothing; each provider here is an optional extra of this
distribution, imported only when it is asked for. `privacy.keys.choosing` picks the one that the options
name.
"""

from emoney.privacy.keys.providers.protocol import KeyProvider, KeyUse, Wrapped

__all__ = ["KeyProvider", "KeyUse", "Wrapped"]
