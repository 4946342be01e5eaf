"""Key providers: what holds the key-encryption keys, behind one protocol.

The local keyring (`privacy.keyring`) needs nothing; each provider here is an optional extra of this
distribution, imported only when it is asked for. `privacy.choosing` picks the one that the environment
names.
"""

from privacy.providers.protocol import KeyProvider, KeyUse, Wrapped

__all__ = ["KeyProvider", "KeyUse", "Wrapped"]
