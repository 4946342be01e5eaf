"""A witness's server: C2SP tlog-witness over plain HTTP, for small operators, who put TLS in front of it.

`POST /add-checkpoint` cosigns, `GET /` says the witness's public key. A request has at most 64 KiB and
`EXCHANGE_S` seconds from the connection to the answer, CONNECTIONS_MAX are heard at a time; others wait.
"""

import logging
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from emoney.jobs.exchanges import hang_up
from emoney.ledger.base.errors import EmoneyError
from emoney.ledger.proofs import Witness
from emoney.ledger.proofs.errors import CheckpointRefused, CosignedSizeDiffers
from emoney.ledger.proofs.witnesses import BODY_BYTES_MAX, Submission

EXCHANGE_S = 30.0
TIMEOUT_S = 10.0
CONNECTIONS_MAX = 64
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"

_log = logging.getLogger(__name__)


class WitnessServer(ThreadingHTTPServer):
    """Serves one witness at `host` and `port`, 0 for any free one. Raises OSError when it cannot listen."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        witness: Witness,
        host: str,
        port: int,
        *,
        exchange_s: float = EXCHANGE_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.witness = witness
        self.exchange_s = exchange_s
        self.timeout_s = timeout_s
        self._heard = threading.Semaphore(CONNECTIONS_MAX)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hear a connection in a thread of its own, once one of those before is over."""
        self._heard.acquire()
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._heard.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """What that thread does."""
        alarm = threading.Timer(self.exchange_s, hang_up, (request, threading.Event()))
        alarm.daemon = True
        alarm.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            alarm.cancel()
            self._heard.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """A client that hung up, or was too slow, is no more than that."""
        _log.info("a connection ended before its answer", exc_info=_log.isEnabledFor(logging.DEBUG))


class _Handler(BaseHTTPRequestHandler):
    server: WitnessServer
    server_version = "emoney"
    sys_version = ""

    def setup(self) -> None:
        self.request.settimeout(self.server.timeout_s)
        super().setup()

    def do_GET(self) -> None:
        if self.path != "/":
            self._answer(
                HTTPStatus.NOT_FOUND, "a witness answers POST /add-checkpoint, and GET / with its key\n"
            )
            return
        self._answer(HTTPStatus.OK, f"{self.server.witness.public}\n")

    def do_POST(self) -> None:
        if self.path != "/add-checkpoint":
            self._answer(
                HTTPStatus.NOT_FOUND, "a witness answers POST /add-checkpoint, and GET / with its key\n"
            )
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or "Transfer-Encoding" in self.headers:
            self._answer(HTTPStatus.LENGTH_REQUIRED, "say the body's length\n")
            return
        if len(length) > 9 or int(length) > BODY_BYTES_MAX:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {BODY_BYTES_MAX} bytes\n")
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return  # hung up before the end
        try:
            sent = Submission.parse(body)
            line = self.server.witness.add_checkpoint(sent.old_size, sent.path, sent.note)
        except CosignedSizeDiffers as error:
            self._answer(error.status, f"{error.size}\n", SIZE)
        except CheckpointRefused as error:
            self._answer(error.status, f"{error}\n")
        except (EmoneyError, OSError) as error:
            _log.error("nothing is cosigned: %s", error)
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "this witness cannot cosign now\n")
        else:
            self._answer(HTTPStatus.OK, line)

    def _answer(self, status: int, text: str, content_type: str = TEXT) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: Any) -> None:
        """To the library's log; a request's first line is escaped there."""
        _log.info("%s", (format % arguments).encode("ascii", "backslashreplace").decode())
