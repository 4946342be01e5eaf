"""What a log sends to a witness, in the form of C2SP tlog-witness: `add-checkpoint`.

old 4242
BASE64 of each hash of the consistency path

the signed note
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from emoney.ledger.proofs.errors import CheckpointRefused
from emoney.ledger.proofs.verifying import HASH_BYTES

BODY_BYTES_MAX = 65_536
PATH_MAX = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_HASH = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")  # 32 bytes in their one form


@dataclass(frozen=True, slots=True)
class Submission:
    """A signed note, and the consistency path to it from the `old_size` leaves the witness cosigned last."""

    old_size: int
    path: Sequence[bytes]
    note: str

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old_size}", *(base64.b64encode(each).decode() for each in self.path)]
        return ("\n".join(lines) + "\n\n" + self.note).encode()

    @classmethod
    def parse(cls, body: bytes) -> "Submission":
        """What a request says. Raises CheckpointRefused."""
        if len(body) > BODY_BYTES_MAX:
            raise CheckpointRefused(f"a submission has at most {BODY_BYTES_MAX >> 10} KiB")
        try:
            head, blank, note = body.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise CheckpointRefused("a submission is text in UTF-8") from None
        first, *hashes = head.split("\n")
        old = _OLD.fullmatch(first)
        if old is None or not blank:
            raise CheckpointRefused("a submission begins with `old SIZE`, and a note follows an empty line")
        if len(hashes) > PATH_MAX or not all(_HASH.fullmatch(each) for each in hashes):
            raise CheckpointRefused(
                f"a path is at most {PATH_MAX} hashes of {HASH_BYTES} bytes, a line of base64 each"
            )
        return cls(int(old[1]), [base64.b64decode(each) for each in hashes], note)
