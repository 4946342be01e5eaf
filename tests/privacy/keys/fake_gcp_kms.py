"""A local Google Cloud KMS: the real service's messages over gRPC, with what matters here of its behaviour.

It authenticates the additional data, checks and returns checksums, refuses what the service refuses with the
same codes, and gives a key's state. Keys live in memory.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import google_crc32c
import grpc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud.kms_v1 import types

_SERVICE = "google.cloud.kms.v1.KeyManagementService"
State = types.CryptoKeyVersion.CryptoKeyVersionState


class FakeKms:
    """What is served. `states`: of each key's only version; set one to see what follows."""

    def __init__(self) -> None:
        self.keys: dict[str, AESGCM] = {}
        self.states: dict[str, Any] = {}

    def create(self, request: Any, context: Any) -> Any:
        if request.parent.endswith("/missing"):
            context.abort(grpc.StatusCode.NOT_FOUND, f"KeyRing {request.parent} not found.")
        name = f"{request.parent}/cryptoKeys/{request.crypto_key_id}"
        self.keys[name], self.states[name] = AESGCM(os.urandom(32)), State.ENABLED
        return types.CryptoKey(name=name, purpose=request.crypto_key.purpose)

    def encrypt(self, request: Any, context: Any) -> Any:
        key = self._enabled(request.name, context)
        self._demand_sums(request, "plaintext", context)
        nonce = os.urandom(12)
        sealed = (
            b"\x0a$" + nonce + key.encrypt(nonce, request.plaintext, request.additional_authenticated_data)
        )
        return types.EncryptResponse(
            name=f"{request.name}/cryptoKeyVersions/1",
            ciphertext=sealed,
            ciphertext_crc32c=google_crc32c.value(sealed),
            verified_plaintext_crc32c=True,
            verified_additional_authenticated_data_crc32c=True,
        )

    def decrypt(self, request: Any, context: Any) -> Any:
        key = self._enabled(request.name, context)
        self._demand_sums(request, "ciphertext", context)
        raw = request.ciphertext
        try:
            if len(raw) < 30:
                raise InvalidTag
            clear = key.decrypt(raw[2:14], raw[14:], request.additional_authenticated_data)
        except InvalidTag:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Decryption failed: verify that 'name' is right.")
        return types.DecryptResponse(plaintext=clear, plaintext_crc32c=google_crc32c.value(clear))

    def versions(self, request: Any, context: Any) -> Any:
        self._known(request.parent, context)
        one = types.CryptoKeyVersion(
            name=f"{request.parent}/cryptoKeyVersions/1", state=self.states[request.parent]
        )
        return types.ListCryptoKeyVersionsResponse(crypto_key_versions=[one], total_size=1)

    def destroy(self, request: Any, context: Any) -> Any:
        name = request.name.removesuffix("/cryptoKeyVersions/1")
        self._enabled(name, context)
        self.states[name] = State.DESTROY_SCHEDULED
        return types.CryptoKeyVersion(name=request.name, state=State.DESTROY_SCHEDULED)

    def _known(self, name: str, context: Any) -> None:
        if name not in self.keys:
            context.abort(grpc.StatusCode.NOT_FOUND, f"CryptoKey {name} not found.")

    def _enabled(self, name: str, context: Any) -> AESGCM:
        self._known(name, context)
        if self.states[name] != State.ENABLED:
            state = self.states[name].name
            context.abort(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"{name}/cryptoKeyVersions/1 is not enabled, current state is: {state}.",
            )
        return self.keys[name]

    @staticmethod
    def _demand_sums(request: Any, field: str, context: Any) -> None:
        for name in (field, "additional_authenticated_data"):
            if getattr(request, f"{name}_crc32c") != google_crc32c.value(getattr(request, name)):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"the checksum of {name} is wrong")


@contextmanager
def serve(kms: FakeKms) -> Iterator[str]:
    """The address of a running service."""
    methods: dict[str, tuple[Callable[[Any, Any], Any], Any, Any]] = {
        "CreateCryptoKey": (kms.create, types.CreateCryptoKeyRequest, types.CryptoKey),
        "Encrypt": (kms.encrypt, types.EncryptRequest, types.EncryptResponse),
        "Decrypt": (kms.decrypt, types.DecryptRequest, types.DecryptResponse),
        "ListCryptoKeyVersions": (
            kms.versions,
            types.ListCryptoKeyVersionsRequest,
            types.ListCryptoKeyVersionsResponse,
        ),
        "DestroyCryptoKeyVersion": (
            kms.destroy,
            types.DestroyCryptoKeyVersionRequest,
            types.CryptoKeyVersion,
        ),
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            work, request_deserializer=asked.deserialize, response_serializer=answer.serialize
        )
        for name, (work, asked, answer) in methods.items()
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None)
