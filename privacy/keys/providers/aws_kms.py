"""AWS KMS: one symmetric customer key per KEK. Settings: those of boto3; the option `aws_kms_key` names
a prepared key.

The context goes in as the encryption context, which KMS authenticates and writes to CloudTrail, as a hash.
Destroying schedules the deletion; KMS waits at least seven days, in which the key cannot be used. Needs
`kms:CreateKey`, `TagResource`, `Encrypt`, `Decrypt`, `ScheduleKeyDeletion`, and `DescribeKey`, by which a key
that waits for its deletion is told from one that is disabled.
"""

from collections.abc import Callable
from typing import Any

from emoney.privacy.errors import CannotOpen, KeyGone, KeyUnavailable, ProviderUnreachable
from emoney.privacy.keys.options import KeyOptions
from emoney.privacy.keys.providers.client import Client
from emoney.privacy.keys.providers.protocol import EachAlone, KeyUse
from emoney.privacy.keys.providers.settings import (
    ANSWER_TIMEOUT_S,
    ATTEMPTS,
    CONNECT_TIMEOUT_S,
    context_code,
    extra,
)

PENDING_DAYS = 7


class AwsKms(EachAlone):
    """KEKs in AWS KMS. `client`: of boto3, for the service "kms"."""

    name = "aws-kms"
    _AT_ONCE = 16

    def __init__(
        self, client: Any, prepared: str | None = None, again: Callable[[], Any] | None = None
    ) -> None:
        self._service = Client(client, again)
        self._prepared = prepared
        self._refused: Any = extra("botocore.exceptions", "aws")

    @classmethod
    def connect(cls, options: KeyOptions) -> "AwsKms":
        """With the credentials, region and endpoint that boto3 finds."""
        config = extra("botocore.config", "aws").Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=ANSWER_TIMEOUT_S,
            retries={"total_max_attempts": ATTEMPTS},
            max_pool_connections=cls._AT_ONCE,
        )

        def made() -> Any:
            try:
                return extra("boto3", "aws").client("kms", config=config)
            except extra("botocore.exceptions", "aws").BotoCoreError as error:
                raise KeyUnavailable(f"AWS KMS cannot be set up ({type(error).__name__}): {error}") from None

        return cls(made(), options.aws_kms_key, made)

    @property
    def _client(self) -> Any:
        return self._service.own

    def first(self, use: KeyUse) -> str | None:
        """See KeyProvider. The prepared key is for subject keys only."""
        return self._prepared if use is KeyUse.SUBJECT_KEYS else None

    def create(self, use: KeyUse) -> str:
        """See KeyProvider."""
        tags = [{"TagKey": "emoney-use", "TagValue": use.value}]
        made = self._call("create_key", "a new key", Description=f"emoney: {use.value}", Tags=tags)
        return str(made["KeyMetadata"]["Arn"])

    def wrap(self, key: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        bound = {"emoney": context_code(context)}
        return bytes(
            self._call("encrypt", kek, KeyId=kek, Plaintext=key, EncryptionContext=bound)["CiphertextBlob"]
        )

    def unwrap(self, wrapped: bytes, *, kek: str, context: bytes) -> bytes:
        """See KeyProvider."""
        if not wrapped:
            raise CannotOpen
        bound = {"emoney": context_code(context)}
        found = self._call("decrypt", kek, KeyId=kek, CiphertextBlob=wrapped, EncryptionContext=bound)
        return bytes(found["Plaintext"])

    def destroy(self, kek: str) -> None:
        """See KeyProvider."""
        if ":alias/" in f":{kek}":  # KMS has no key of that name, and the one behind it lives
            raise KeyUnavailable(f"{kek} is an alias: the key behind it is ended in AWS KMS.")
        self._call("schedule_key_deletion", kek, KeyId=kek, PendingWindowInDays=PENDING_DAYS)

    def _call(self, operation: str, kek: str, **arguments: Any) -> Any:
        try:
            return getattr(self._client, operation)(**arguments)
        except self._refused.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
        except (self._refused.HTTPClientError, self._refused.BotoCoreError) as error:
            raise ProviderUnreachable(
                f"AWS KMS did not answer ({type(error).__name__}). Nothing was sealed or opened; try again."
            ) from None
        if code in ("InvalidCiphertextException", "IncorrectKeyException", "ValidationException"):
            raise CannotOpen
        if code in ("ThrottlingException", "KMSInternalException", "DependencyTimeoutException"):
            raise ProviderUnreachable(f"AWS KMS is overloaded ({code}). Try again.")
        if (code == "NotFoundException" and self._here(kek)) or (
            code == "KMSInvalidStateException" and self._ending(kek)
        ):
            raise KeyGone(f"AWS KMS has no key {kek}, or its deletion is scheduled.")
        raise KeyUnavailable(f"AWS KMS refused {operation} with {kek}: {code}.")

    def _here(self, kek: str) -> bool:
        """Whether a key would be in this client's region: one elsewhere is not found, and not gone."""
        return not kek.startswith("arn:") or kek.split(":")[3:4] == [self._client.meta.region_name]

    def _ending(self, kek: str) -> bool:
        try:
            found = self._client.describe_key(KeyId=kek)["KeyMetadata"]
        except (self._refused.ClientError, self._refused.HTTPClientError, self._refused.BotoCoreError):
            return False
        return str(found["KeyState"]) in ("PendingDeletion", "PendingReplicaDeletion")
