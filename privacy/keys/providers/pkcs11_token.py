"""PKCS#11: KEKs as AES keys in a hardware module, sensitive and not extractable.

Options: the vendor's library, the token's label and its PIN. A wrapped key is

    1 byte   format, 1
    12 bytes nonce, from the module's random generator
    n bytes  AES-256-GCM of the key, with its tag; the context is the associated data
"""

import threading
from typing import Any

from emoney.ledger.base import forks
from emoney.privacy.errors import CannotOpen, KeyGone, KeyUnavailable, ProviderUnreachable
from emoney.privacy.keys.framing import framed
from emoney.privacy.keys.options import KeyOptions
from emoney.privacy.keys.providers.client import Client
from emoney.privacy.keys.providers.protocol import KEY_BYTES, EachAlone, KeyUse
from emoney.privacy.keys.providers.settings import extra

FORMAT = 1
NONCE_BYTES, TAG_BITS = 12, 128
_SCHEME = "pkcs11:"
_DOMAIN = b"emoney/privacy/key-wrap/pkcs11"


class Pkcs11Token(EachAlone):
    """KEKs in a token of a PKCS#11 module. One session, one caller at a time: modules ask for no more.

    A forked process has the module begin anew, and opens a session of its own.
    """

    name = "pkcs11"

    def __init__(self, module: str, token: str, pin: str) -> None:
        self._p11: Any = extra("pkcs11", "pkcs11")
        self._module, self._token, self._pin = module, token, pin
        self._lock = threading.Lock()
        self._service = Client(self._opened(), lambda: self._opened(forked=True))
        forks.watch(self)

    def in_child(self) -> None:
        """See `forks.Forked`."""
        self._lock = threading.Lock()

    @property
    def _session(self) -> Any:
        return self._service.own

    def _opened(self, *, forked: bool = False) -> Any:
        module, token = self._module, self._token
        try:
            library = self._p11.lib(module)
            if forked:
                library.reinitialize()
            return library.get_token(token_label=token).open(user_pin=self._pin, rw=True)
        except self._p11.exceptions.PinIncorrect:
            raise KeyUnavailable(f"The PIN in EMONEY_PKCS11_PIN is not that of the token {token}.") from None
        except self._p11.exceptions.NoSuchToken:
            raise KeyUnavailable(f"The module has no token {token}.") from None
        except (self._p11.exceptions.PKCS11Error, RuntimeError) as error:
            raise ProviderUnreachable(
                f"The PKCS#11 module {module} cannot be used: {type(error).__name__}."
            ) from None

    @classmethod
    def connect(cls, options: KeyOptions) -> "Pkcs11Token":
        """To the token of the options."""
        return cls(options.pkcs11_module or "", options.pkcs11_token or "", options.pkcs11_pin or "")

    def first(self, use: KeyUse) -> str | None:  # noqa: ARG002
        """See KeyProvider. Keys are created."""
        return None

    def create(self, use: KeyUse) -> str:
        """See KeyProvider. Generated in the module, which never gives it out."""
        attribute, key_type = self._p11.Attribute, self._p11.KeyType
        with self._lock, self._errors("a new key"):
            label = f"emoney-{self._session.generate_random(64).hex()}"
            self._session.generate_key(
                key_type.AES,
                256,
                label=label,
                store=True,
                template={
                    attribute.SENSITIVE: True,
                    attribute.EXTRACTABLE: False,
                    attribute.ENCRYPT: True,
                    attribute.DECRYPT: True,
                    attribute.WRAP: False,
                    attribute.UNWRAP: False,
                    attribute.ID: use.value.encode(),
                },
            )
        return f"{_SCHEME}{self._token}/{label}"

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        with self._lock, self._errors(kek):
            found = self._find(kek)
            nonce: bytes = self._session.generate_random(NONCE_BYTES * 8)
            sealed: bytes = found.encrypt(
                key,
                mechanism=self._p11.Mechanism.AES_GCM,
                mechanism_param=self._gcm(nonce, kek, context),
            )
        return bytes([FORMAT]) + nonce + sealed

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        if len(wrapped) != 1 + NONCE_BYTES + KEY_BYTES + TAG_BITS // 8 or wrapped[0] != FORMAT:
            raise CannotOpen
        nonce, sealed = wrapped[1 : 1 + NONCE_BYTES], wrapped[1 + NONCE_BYTES :]
        with self._lock, self._errors(kek, opening=True):
            found = self._find(kek)
            return bytes(
                found.decrypt(
                    sealed,
                    mechanism=self._p11.Mechanism.AES_GCM,
                    mechanism_param=self._gcm(nonce, kek, context),
                )
            )

    def destroy(self, kek: str) -> None:
        """See KeyProvider. At once."""
        with self._lock, self._errors(kek):
            self._find(kek).destroy()

    def _gcm(self, nonce: bytes, kek: str, context: bytes) -> Any:
        return self._p11.GCMParams(nonce, framed(_DOMAIN, bytes([FORMAT]), kek.encode(), context), TAG_BITS)

    def _find(self, kek: str) -> Any:
        prefix = f"{_SCHEME}{self._token}/"
        if not kek.startswith(prefix):
            raise KeyUnavailable(f"The key-encryption key {kek} is not of the token {self._token}.")
        label = kek.removeprefix(prefix)
        return self._session.get_key(self._p11.ObjectClass.SECRET_KEY, label=label)

    def _errors(self, kek: str, *, opening: bool = False) -> "_Translated":
        return _Translated(self._p11.exceptions, kek, opening)


class _Translated:
    """The module's errors in this package's words."""

    def __init__(self, errors: Any, kek: str, opening: bool) -> None:
        self._errors, self._kek, self._opening = errors, kek, opening

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        errors = self._errors
        # a key that is removed between being found and being used leaves an invalid handle
        if isinstance(error, errors.NoSuchKey | errors.KeyHandleInvalid | errors.ObjectHandleInvalid):
            raise KeyGone(f"The PKCS#11 token has no key {self._kek}.") from None
        if self._opening and isinstance(
            error, errors.EncryptedDataInvalid | errors.EncryptedDataLenRange | errors.GeneralError
        ):
            raise CannotOpen from None  # modules answer a wrong tag with one of these
        if isinstance(error, errors.PKCS11Error):
            raise ProviderUnreachable(
                f"The PKCS#11 module failed with {self._kek}: {type(error).__name__}."
            ) from None
