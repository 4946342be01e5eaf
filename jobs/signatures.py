"""Signatures of webhook bodies, made by the sender and checked by the receiver.

The header `Emoney-Signature` is `t=SECONDS,v1=HEX[,v1=HEX]`: the moment of sending in Unix seconds, and
HMAC-SHA256 over the bytes `SECONDS.BODY` under each secret in use (two while one replaces the other).
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

HEADER = "Emoney-Signature"
REPLAY_WINDOW = timedelta(minutes=5)
"""How old, or how far ahead, a signature may be for a receiver to take it."""

_HEADER_MAX = 1024


def sign(secrets: Sequence[bytes], body: bytes, at: datetime) -> str:
    """The value of the header for `body`, sent at `at`."""
    seconds = int(at.timestamp())
    return ",".join([f"t={seconds}", *(f"v1={_mac(secret, seconds, body)}" for secret in secrets)])


def verify(secret: bytes, header: str, body: bytes, now: datetime, window: timedelta = REPLAY_WINDOW) -> bool:
    """Whether `header` is a signature of exactly these bytes under `secret`, within `window` of `now`.

    For receivers: give the body as received, before parsing. Comparison takes the same time for any wrong
    signature. A repetition within the window is told by the event's id, which the receiver keeps.
    """
    if len(header) > _HEADER_MAX or not header.isascii():
        return False
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not times[0].isdigit() or len(times[0]) > 12:
        return False
    seconds = int(times[0])
    expected = _mac(secret, seconds, body)
    matches = [hmac.compare_digest(value, expected) for name, _, value in parts if name == "v1"]
    return any(matches) and abs(now.timestamp() - seconds) <= window.total_seconds()


def _mac(secret: bytes, seconds: int, body: bytes) -> str:
    return hmac.new(secret, f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
