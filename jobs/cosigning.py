"""Sending the newest checkpoint to witnesses, and keeping what they say of it.

No transaction is open while a witness is waited for. A witness that fails is told and holds up no other.
"""

import http.client
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from emoney.jobs.exchanges import Answer, connect, demand_url, exchange, path_of, reason
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.proofs import ProofInvalid, WitnessKey, checkpoints, witnesses
from emoney.ledger.proofs.checkpoints import Stored
from emoney.ledger.proofs.errors import NotSealed, WitnessFailed

TIMEOUT_S, EXCHANGE_S = 10.0, 30.0
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n?")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a witness is asked, `URL`/add-checkpoint, and its public key; without one it is asked for that.

    What a witness says of itself serves to tell a damaged answer: who is a witness, the verifier decides.
    """

    url: str
    key: WitnessKey | None = None

    def __post_init__(self) -> None:
        demand_url(self.url, "A witness's URL", "who changes its answers would stop the cosigning")
        if "?" in self.url:
            raise InvalidInput("a witness's URL has no query: /add-checkpoint comes at its end")

    @classmethod
    def parse(cls, text: str) -> "Address":
        """`URL` or `URL KEY`. Raises ConfigurationError for an unsafe URL, ProofInvalid for no key."""
        url, _, key = text.strip().partition(" ")
        return cls(url.rstrip("/"), WitnessKey.parse(key) if key else None)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness said of the checkpoint of `size` leaves. `failure`: why it did not cosign, else None."""

    url: str
    size: int
    witness: str | None
    failure: str | None


def cosign(
    database: Database, addresses: Sequence[Address], *, clock: Clock = system_clock
) -> list[Cosigned]:
    """Have each witness cosign the newest checkpoint, and keep the cosignatures beside it.

    Raises NotSealed when there is none, LogDamaged when the log does not lead to it.
    """
    with database.connection() as connection:
        newest = checkpoints.latest(connection)
        known = witnesses.sizes(connection)
    if newest is None:
        raise NotSealed("nothing is sealed yet: run `emoney proof seal`")
    done = []
    for address in addresses:
        name = None if address.key is None else address.key.name
        try:
            key = address.key or _key_of(address.url)
            name = key.name
            line = _asked(database, newest, address.url, known.get(name, 0))
            with database.connection() as connection:
                witnesses.add(connection, newest, key, line, clock())
        except WitnessFailed as error:
            _log.warning("the witness at %s failed: %s", address.url, error)
            done.append(Cosigned(address.url, newest.size, name, str(error)))
        else:
            done.append(Cosigned(address.url, newest.size, name, None))
    return done


def _asked(database: Database, newest: Stored, url: str, old_size: int) -> str:
    """The witness's cosignature; it is asked a second time where it says that it cosigned another size."""
    answer = _submitted(database, newest, url, old_size)
    if answer.status == 409 and (told := _SIZE.fullmatch(answer.body)):
        size = int(told[1])
        if size > newest.size:
            raise WitnessFailed(
                f"It cosigned a log of {size} leaves, and this one has {newest.size}: it was cut off, or "
                "is not the log it was."
            )
        if size != old_size:
            answer = _submitted(database, newest, url, size)
    if answer.status == 422:
        raise WitnessFailed(
            "It says that this log does not continue what it cosigned: history was rewritten, or forked. Run "
            "`emoney proof verify --checkpoint` with a checkpoint kept elsewhere."
        )
    if answer.status != 200:
        raise WitnessFailed(f"It answered {answer.status}{_MEANING.get(answer.status, '')}.")
    try:
        return answer.body.decode()
    except UnicodeDecodeError:
        raise WitnessFailed("It answered with what is no text.") from None


_MEANING = {
    403: ": the log's key that it knows is another",
    404: ": it does not know this log, or there is no witness at this address",
    409: ": it cosigns other checkpoints of this log meanwhile",
}


def _submitted(database: Database, newest: Stored, url: str, old_size: int) -> Answer:
    with database.connection() as connection:
        body = witnesses.submission(connection, newest, old_size).encode()
    return _exchange(url, "/add-checkpoint", "POST", body)


def _key_of(url: str) -> WitnessKey:
    answer = _exchange(url, "/", "GET", None)
    try:
        return WitnessKey.parse(answer.body.decode())
    except (ProofInvalid, UnicodeDecodeError):
        raise WitnessFailed("It does not say its key: name it, as `URL KEY`.") from None


def _exchange(url: str, path: str, method: str, body: bytes | None) -> Answer:
    try:
        connection = connect(url, TIMEOUT_S)
        try:
            headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "emoney"}
            return exchange(connection, method, path_of(url).rstrip("/") + path, body, headers, EXCHANGE_S)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise WitnessFailed(f"It was not reached: {reason(error)}.") from None
