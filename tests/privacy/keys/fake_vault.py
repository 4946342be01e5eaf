"""A local Vault with a transit engine: of its HTTP API and errors what is used here, as documented."""

import base64
import json
import os
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class FakeVault:
    """Runs while entered. `sealed`: answers as a sealed Vault does. The token is "root".

    `may_create`: that token has create on encrypt/, `may_read`: read on keys/.
    """

    def __init__(self) -> None:
        self.keys: dict[str, AESGCM] = {}
        self.deletable: set[str] = set()
        self.sealed = False
        self.may_create, self.may_read = False, True
        self.requests = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                outer.requests += 1
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                status, answer = outer.handle(
                    self.command, self.path, body, self.headers.get("X-Vault-Token")
                )
                raw = json.dumps(answer).encode() if answer is not None else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PUT = do_DELETE = _answer

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "FakeVault":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def handle(self, method: str, path: str, body: Any, token: str | None) -> tuple[int, Any]:
        """Status and JSON of one request."""
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != "root":
            return 403, {"errors": ["permission denied"]}
        found = re.fullmatch(r"/v1/transit/(keys|encrypt|decrypt)/([\w-]+)(/config)?", path)
        if not found:
            return 404, {"errors": []}
        what, name, config = found.groups()
        if what == "keys":
            return self._key(method, name, config is not None, body)
        if name not in self.keys and (refused := self._missing(what, name, body)):
            return refused
        work = self._encrypt if what == "encrypt" else self._decrypt
        results = [work(name, item) for item in body["batch_input"]]
        # as Vault does: the status of a batch is that of a failed item
        failed = any("error" in result for result in results)
        return (400 if failed else 200), {"data": {"batch_results": results}}

    def _missing(self, what: str, name: str, body: Any) -> tuple[int, Any] | None:
        if what == "decrypt":
            return 400, {"errors": ["encryption key not found"]}
        if not self.may_create:
            return 403, {"errors": ["permission denied"]}
        if body.get("type", "aes256-gcm96") != "aes256-gcm96":
            return 400, {"errors": [f"key type {body['type']} not supported for this operation"]}
        self.keys[name] = AESGCM(os.urandom(32))
        return None

    def _key(self, method: str, name: str, config: bool, body: Any) -> tuple[int, Any]:
        if method == "GET":
            if not self.may_read:
                return 403, {"errors": ["permission denied"]}
            return (200, {"data": {"name": name}}) if name in self.keys else (404, {"errors": []})
        if name not in self.keys and (config or method == "DELETE"):
            return 400, {"errors": [f"no existing key named {name} could be found"]}
        if method == "DELETE":
            if name not in self.deletable:
                return 400, {"errors": ["deletion is not allowed for this key"]}
            del self.keys[name]
            return 204, None
        if config:
            self.deletable |= {name} if body.get("deletion_allowed") else set()
        else:
            assert body["type"] == "aes256-gcm96"
            self.keys.setdefault(name, AESGCM(os.urandom(32)))
        return 200, {"data": {"name": name}}

    def _encrypt(self, name: str, item: Any) -> dict[str, str]:
        nonce = os.urandom(12)
        sealed = self.keys[name].encrypt(
            nonce, base64.b64decode(item["plaintext"]), base64.b64decode(item["associated_data"])
        )
        return {"ciphertext": "vault:v1:" + base64.b64encode(nonce + sealed).decode()}

    def _decrypt(self, name: str, item: Any) -> dict[str, str]:
        try:
            if not item["ciphertext"].startswith("vault:v1:"):
                return {"error": "invalid ciphertext: no prefix"}
            raw = base64.b64decode(item["ciphertext"].removeprefix("vault:v1:"), validate=True)
            clear = self.keys[name].decrypt(raw[:12], raw[12:], base64.b64decode(item["associated_data"]))
        except (InvalidTag, ValueError):
            return {"error": "cipher: message authentication failed"}
        return {"plaintext": base64.b64encode(clear).decode()}
