"""Google Cloud KMS: one symmetric crypto key per KEK, in the key ring that `EMONEY_GCP_KEY_RING` names.

The context goes in as additional authenticated data, and checksums (CRC-32C) travel both ways, as Google's
guidelines on data integrity ask. Destroying destroys the key's versions after the ring's waiting time.
"""

import os
from typing import Any

from privacy.errors import CannotOpen, KeyGone, KeyUnavailable, ProviderUnreachable
from privacy.providers.protocol import EachAlone, KeyUse
from privacy.providers.settings import ANSWER_TIMEOUT_S, context_code, extra, setting

RING = "EMONEY_GCP_KEY_RING"


class GoogleKms(EachAlone):
    """KEKs in Google Cloud KMS. `client`: a KeyManagementServiceClient; `ring`: projects/…/keyRings/…"""

    name = "gcp-kms"
    _AT_ONCE = 16

    def __init__(self, client: Any, ring: str) -> None:
        self._client = client
        self._ring = ring
        self._errors: Any = extra("google.api_core.exceptions", "gcp")
        self._crc: Any = extra("google_crc32c", "gcp")

    @classmethod
    def from_environment(cls) -> "GoogleKms":
        """With Google's application default credentials."""
        ring = setting(RING, "a key ring, as projects/PROJECT/locations/PLACE/keyRings/RING")
        kms = extra("google.cloud.kms_v1", "gcp")
        try:
            return cls(kms.KeyManagementServiceClient(), ring)
        except extra("google.auth.exceptions", "gcp").GoogleAuthError as error:
            raise KeyUnavailable(f"Google Cloud KMS cannot be set up: {type(error).__name__}.") from None

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
        for version in self._call("list_crypto_key_versions", kek, {"parent": kek}):
            if version.state.name in ("ENABLED", "DISABLED"):
                self._call("destroy_crypto_key_version", kek, {"name": version.name})

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
            raise KeyGone(f"Google Cloud KMS has no key {kek}.") from None
        except self._errors.GoogleAPICallError as error:
            raise KeyUnavailable(
                f"Google Cloud KMS refused {operation} with {kek}: {type(error).__name__}."
            ) from None
