"""One HTTP exchange with a server that the operator named, bounded in time and in size.

Connecting and each wait for bytes take `timeout_s` at most, a whole exchange `exchange_s` from the connection
on; no more of an answer is read than 64 KiB. Redirects are not followed, proxies of the environment not used,
certificates checked.
"""

import http.client
import ipaddress
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from emoney.ledger.base.errors import ConfigurationError

ANSWER_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered. `reusable`: whether the connection takes another request."""

    status: int
    content_type: str
    body: bytes
    reusable: bool


def demand_url(url: str, called: str, why: str) -> None:
    """Raises ConfigurationError unless `url` is https, or http on this machine, without user and fragment.

    `called`: what the URL is in the error's words; `why`: for what reason it must be https.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host is None or re.search(r"[^!-~]", url) or parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"{called} is not of the form https://host/path.")
    if parts.username is not None or parts.fragment:
        raise ConfigurationError(f"{called} may hold neither a user's name nor a fragment.")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ConfigurationError(f"{called} must be https: {host} is not this machine, and {why}.")


def connect(url: str, timeout_s: float) -> http.client.HTTPConnection:
    """A connection to the server of `url`. Raises OSError."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = (
        http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=timeout_s, context=ssl.create_default_context()
        )
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    )
    connection.connect()
    return connection


def path_of(url: str) -> str:
    """What is asked for at the server of `url`."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: Mapping[str, str],
    exchange_s: float,
) -> Answer:
    """Send a request and read the answer. Raises OSError, of which TimeoutError is, or HTTPException."""
    assert connection.sock is not None
    over = threading.Event()
    alarm = threading.Timer(exchange_s, hang_up, (connection.sock, over))
    alarm.daemon = True
    alarm.start()
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        status, content_type = answer.status, answer.getheader("Content-Type", "")
        read = answer.read(ANSWER_BYTES_MAX)
        if over.is_set():  # to http.client a connection hung up looks like the end of an answer
            raise TimeoutError
        return Answer(status, content_type, read, answer.isclosed() and not answer.will_close)
    except (OSError, http.client.HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        alarm.cancel()


def reason(error: OSError | http.client.HTTPException) -> str:
    """Why there was no answer. Never quotes the server."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the receiver's certificate does not hold: {error.verify_message}"
    if isinstance(error, http.client.HTTPException):
        return f"the answer was not HTTP ({type(error).__name__})"
    return f"could not connect or stay connected ({type(error).__name__})"


def hang_up(sock: socket.socket, over: threading.Event) -> None:
    """End a connection that another thread waits on, and say so."""
    over.set()
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it was closed already


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
