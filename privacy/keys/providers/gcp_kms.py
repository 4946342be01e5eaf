"""Google Cloud KMS: one symmetric crypto key per KEK, in the key ring that the options name.

The context goes in as additional authenticated data, and checksums (CRC-32C) travel both ways, as Google's
guidelines on data integrity ask. Destroying destroys the key's versions after the ring's waiting time. A key
all of whose versions are destroyed is gone; seeing that needs `cloudkms.cryptoKeyVersions.list`.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

from emoney.privacy.errors import CannotOpen, KeyGone, KeyUnavailable, ProviderUnreachable
from emoney.privacy.keys.options import KeyOptions
from emoney.privacy.keys.providers.client import Client
from emoney.privacy.keys.providers.protocol import EachAlone, KeyUse
from emoney.privacy.keys.providers.settings import ANSWER_TIMEOUT_S, context_code, extra

VERSIONS_MAX = 1000


class GoogleKms(EachAlone):
    """KEKs in Google Cloud KMS. `client`: a KeyManagementServiceClient; `ring`: projects/…/keyRings/…"""

    name = "gcp-kms"
    _AT_ONCE = 16

    def __init__(self, client: Any, ring: str, again: Callable[[], Any] | None = None) -> None:
        self._service = Client(client, again)
        self._ring = ring
        self._errors: Any = extra("google.api_core.exceptions", "gcp")
        self._crc: Any = extra("google_crc32c", "gcp")

    @classmethod
    def connect(cls, options: KeyOptions) -> "GoogleKms":
        """With Google's application default credentials."""
        kms = extra("google.cloud.kms_v1", "gcp")

        def made() -> Any:
            try:
                return kms.KeyManagementServiceClient()
            except extra("google.auth.exceptions", "gcp").GoogleAuthError as error:
                raise KeyUnavailable(f"Google Cloud KMS cannot be set up: {type(error).__name__}.") from None

        return cls(made(), options.gcp_key_ring or "", made)

    @property
    def _client(self) -> Any:
        return self._service.own

    def first(self, use: KeyUse) -> str | None:  # noqa: ARG002
        """See KeyProvider. Keys are created."""
        return None

    def create(self, use: KeyUse) -> str:
        """See KeyProvider."""
        label = use.value.replace(" ", "-")
        request = {
            "parent": self._ring,
            "crypto_key_id": f"emoney-{os.urandom(8).hex()}",
            "crypto_key": {"purpose": "ENCRYPT_DECRYPT", "labels": {"emoney-use": label}},
        }
        return str(self._call("create_crypto_key", "a new key", request).name)

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        bound = context_code(context).encode()
        request = {
            "name": kek,
            "plaintext": key,
            "additional_authenticated_data": bound,
            "plaintext_crc32c": self._crc.value(key),
            "additional_authenticated_data_crc32c": self._crc.value(bound),
        }
        answer = self._call("encrypt", kek, request)
        if not answer.verified_plaintext_crc32c or answer.ciphertext_crc32c != self._crc.value(
            answer.ciphertext
        ):
            raise ProviderUnreachable("Google Cloud KMS's answer was damaged on its way. Try again.")
        return bytes(answer.ciphertext)

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        bound = context_code(context).encode()
        request = {
            "name": kek,
            "ciphertext": wrapped,
            "additional_authenticated_data": bound,
            "ciphertext_crc32c": self._crc.value(wrapped),
            "additional_authenticated_data_crc32c": self._crc.value(bound),
        }
        answer = self._call("decrypt", kek, request)
        if answer.plaintext_crc32c != self._crc.value(answer.plaintext):
            raise ProviderUnreachable("Google Cloud KMS's answer was damaged on its way. Try again.")
        return bytes(answer.plaintext)

    def destroy(self, kek: str) -> None:
        """See KeyProvider."""
        states = {each.name: each.state.name for each in self._call(*self._versions(kek))}
        if _all_gone(states.values()):
            raise KeyGone(f"The versions of {kek} in Google Cloud KMS are destroyed, or wait to be.")
        for version, state in states.items():
            if state in ("ENABLED", "DISABLED"):
                self._call("destroy_crypto_key_version", kek, {"name": version})

    @staticmethod
    def _versions(kek: str) -> tuple[str, str, dict[str, Any]]:
        return "list_crypto_key_versions", kek, {"parent": kek, "page_size": VERSIONS_MAX}

    def _ended(self, kek: str) -> bool:
        operation, _, request = self._versions(kek)
        try:
            found = getattr(self._client, operation)(request=request, timeout=ANSWER_TIMEOUT_S, retry=None)
        except self._errors.GoogleAPICallError:
            return False
        return _all_gone(each.state.name for each in found)

    def _call(self, operation: str, kek: str, request: dict[str, Any]) -> Any:
        try:
            # no retries: the bound on waiting is the caller's
            return getattr(self._client, operation)(request=request, timeout=ANSWER_TIMEOUT_S, retry=None)
        except self._errors.InvalidArgument:
            raise CannotOpen from None
        except (
            self._errors.ServiceUnavailable,
            self._errors.DeadlineExceeded,
            self._errors.TooManyRequests,
            self._errors.InternalServerError,
            self._errors.RetryError,
        ) as error:
            raise ProviderUnreachable(
                f"Google Cloud KMS did not answer ({type(error).__name__}). Nothing was sealed or opened; "
                "try again."
            ) from None
        except self._errors.NotFound:
            if operation == "create_crypto_key":
                raise KeyUnavailable(f"Google Cloud KMS has no key ring {self._ring}.") from None
            raise KeyGone(f"Google Cloud KMS has no key {kek}.") from None
        except self._errors.GoogleAPICallError as error:
            if isinstance(error, self._errors.FailedPrecondition) and self._ended(kek):
                raise KeyGone(
                    f"The versions of {kek} in Google Cloud KMS are destroyed, or wait to be."
                ) from None
            raise KeyUnavailable(
                f"Google Cloud KMS refused {operation} with {kek}: {type(error).__name__}."
            ) from None


def _all_gone(states: Iterable[str]) -> bool:
    found = set(states)
    return bool(found) and found <= {"DESTROYED", "DESTROY_SCHEDULED"}
