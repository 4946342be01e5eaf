"""HashiCorp Vault's transit engine (also OpenBao's): one aes256-gcm96 key per KEK, many keys in one request.

Options: its address, a token, a namespace, and where the engine is mounted. The token needs update on
encrypt/, decrypt/ and keys/ under the mount, delete on keys/ to destroy, and read on keys/, by which a key
that is gone is told from one that is forbidden.
"""

import base64
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from emoney.privacy.errors import CannotOpen, KeyGone, KeyUnavailable, ProviderUnreachable
from emoney.privacy.keys.options import KeyOptions
from emoney.privacy.keys.providers.client import Client
from emoney.privacy.keys.providers.protocol import KeyUse, Wrapped
from emoney.privacy.keys.providers.settings import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    context_code,
    extra,
)

BATCH = 1_000
_NEVER_MADE = "ecdsa-p256"
_SCHEME = "vault:"


class VaultTransit:
    """KEKs in a transit engine. `client`: a hvac.Client with a token."""

    name = "vault"

    def __init__(self, client: Any, mount: str = "transit", again: Callable[[], Any] | None = None) -> None:
        self._service = Client(client, again)
        self._mount = mount
        self._errors: Any = extra("hvac.exceptions", "vault")
        self._http: Any = extra("requests.exceptions", "vault")

    @classmethod
    def connect(cls, options: KeyOptions) -> "VaultTransit":
        """To the Vault of the options, in bounded time."""
        made = partial(
            extra("hvac", "vault").Client,
            url=options.vault_address,
            token=options.vault_token,
            namespace=options.vault_namespace,
            timeout=(CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S),
        )
        return cls(made(), options.vault_mount, made)

    @property
    def _client(self) -> Any:
        return self._service.own

    def first(self, use: KeyUse) -> str | None:  # noqa: ARG002
        """See KeyProvider. Keys are created."""
        return None

    def create(self, use: KeyUse) -> str:
        """See KeyProvider. Not exportable, no plaintext backup."""
        key = f"emoney-{use.value.replace(' ', '-')}-{os.urandom(8).hex()}"
        self._call("create_key", key, name=key, key_type="aes256-gcm96")
        return f"{_SCHEME}{self._mount}/{key}"

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        return self.wrap_many([Wrapped(key, context)], kek=kek)[0]

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        return self.unwrap_many([Wrapped(wrapped, context)], kek=kek)[0]

    def wrap_many(self, keys: Sequence[Wrapped], *, kek: str) -> list[bytes]:
        """See KeyProvider."""
        items = [{"plaintext": _base64(it.key), "associated_data": _bound(it)} for it in keys]
        return [str(found).encode() for found in self._batches("encrypt_data", kek, items, "ciphertext")]

    def unwrap_many(self, wrapped: Sequence[Wrapped], *, kek: str) -> list[bytes]:
        """See KeyProvider."""
        items = [
            {"ciphertext": it.key.decode("ascii", "replace"), "associated_data": _bound(it)} for it in wrapped
        ]
        return [base64.b64decode(found) for found in self._batches("decrypt_data", kek, items, "plaintext")]

    def destroy(self, kek: str) -> None:
        """See KeyProvider."""
        self._call("update_key_configuration", kek, name=self._key(kek), deletion_allowed=True)
        self._call("delete_key", kek, name=self._key(kek))

    def _batches(self, operation: str, kek: str, items: list[dict[str, str]], wanted: str) -> list[Any]:
        found: list[Any] = []
        more: dict[str, str | None] = {"ciphertext": None}
        if operation == "encrypt_data":
            # A token with create on encrypt/ makes a missing key by encrypting: one that was destroyed would
            # come back. None is made of a type that does not encrypt; else the type is disregarded.
            more = {"plaintext": None, "type": _NEVER_MADE}
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            answer = self._call(operation, kek, name=self._key(kek), batch_input=batch, **more)
            results = answer["data"]["batch_results"]
            if len(results) != len(batch) or any(wanted not in result for result in results):
                raise CannotOpen
            found += [result[wanted] for result in results]
        return found

    def _key(self, kek: str) -> str:
        prefix = f"{_SCHEME}{self._mount}/"
        if not kek.startswith(prefix):
            raise KeyUnavailable(f"The key-encryption key {kek} is not in Vault's engine {self._mount}.")
        return kek.removeprefix(prefix)

    def _call(self, operation: str, kek: str, **arguments: Any) -> Any:
        transit = self._client.secrets.transit
        try:
            return getattr(transit, operation)(mount_point=self._mount, **arguments)
        except self._errors.InvalidRequest as error:
            said = str(error)
            missing = any(each in said for each in ("not found", "could be found", f"type {_NEVER_MADE}"))
        except (
            self._errors.VaultDown,
            self._errors.RateLimitExceeded,
            self._errors.InternalServerError,
        ) as error:
            raise ProviderUnreachable(
                f"Vault does not serve ({type(error).__name__}): sealed, overloaded or starting. Try again."
            ) from None
        except self._errors.VaultError as error:
            forbidden = operation == "encrypt_data" and isinstance(error, self._errors.Forbidden)
            if forbidden and self._absent(arguments["name"]):
                raise KeyGone(f"Vault has no key {kek}.") from None
            raise KeyUnavailable(f"Vault refused {operation} with {kek}: {type(error).__name__}.") from None
        except self._http.RequestException as error:
            raise ProviderUnreachable(
                f"Vault did not answer ({type(error).__name__}). Nothing was sealed or opened; try again."
            ) from None
        if missing:
            raise KeyGone(f"Vault has no key {kek}.")
        if operation in ("encrypt_data", "decrypt_data"):
            raise CannotOpen
        raise KeyUnavailable(f"Vault refused {operation} with {kek}.")

    def _absent(self, key: str) -> bool:
        """Encrypting under a missing key is making one, and so forbidden: whether it is there is asked."""
        try:
            self._client.secrets.transit.read_key(key, mount_point=self._mount)
        except self._errors.InvalidPath as error:
            return not error.errors  # with one, it is the engine that is not there
        except (self._errors.VaultError, self._http.RequestException):
            pass
        return False


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bound(item: Wrapped) -> str:
    return _base64(context_code(item.context).encode())
