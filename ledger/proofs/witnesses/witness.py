"""A witness: it cosigns a log's checkpoint that continues the last one it cosigned, and no other.

Its home has its key and, in `logs`, a file for each log with the last note that it cosigned, named by the
SHA-256 of the log's name. The file is on disk before the cosignature is made, and is replaced whole, under a
lock that all processes on this home wait for: whatever is killed when, no two roots of one size are cosigned,
and no smaller size after a larger. That stands and falls with the file, so a home is never restored from a
backup that is older than its last cosignature; a witness that lost it needs another key.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.secret_file import SecretFile
from emoney.ledger.proofs.errors import (
    CheckpointRefused,
    CosignedSizeDiffers,
    LogInconsistent,
    LogSignatureInvalid,
    LogUnknown,
    SigningKeyMissing,
    WitnessDamaged,
)
from emoney.ledger.proofs.signing import CosigningKey
from emoney.ledger.proofs.tree import EMPTY_ROOT
from emoney.ledger.proofs.verifying import (
    Checkpoint,
    ProofInvalid,
    PublicKey,
    WitnessKey,
    check_consistency,
    open_note,
    parse_checkpoint,
    parted,
)

LOGS = "logs"
_FILE_BYTES_MAX = 1 << 20


class _NothingCosigned(Exception):
    """There is no file of this log."""


class Witness:
    """Cosigns checkpoints of the logs whose public keys it was given; several may be of one log."""

    def __init__(
        self, home: Path, key: CosigningKey, logs: Iterable[PublicKey], clock: Clock = system_clock
    ) -> None:
        self._home = home
        self._key = key
        self._logs: dict[str, list[PublicKey]] = {}
        for each in logs:
            self._logs.setdefault(each.name, []).append(each)
        self._clock = clock

    @classmethod
    def open(
        cls,
        home: Path,
        logs: Iterable[PublicKey] = (),
        *,
        name: str | None = None,
        clock: Clock = system_clock,
    ) -> "Witness":
        """The witness of this home, which is made with a key under this name if there is none.

        Raises SigningKeyUnsafe or SigningKeyWrong for its key, InvalidInput for a name that cannot be one or
        is not the key's, WitnessDamaged where there is the key and not what it cosigned.
        """
        folder = home / LOGS
        try:
            key = CosigningKey.load(home)
        except SigningKeyMissing:
            folder.mkdir(
                mode=0o700, parents=True, exist_ok=True
            )  # before the key, which says that it was there
            key = CosigningKey.create(home, name)
        if name is not None and key.name != name:
            raise InvalidInput(f"this witness's name is {key.name} already")
        if not folder.is_dir():
            raise WitnessDamaged(f"What this witness cosigned is lost: there is no {folder}.")
        return cls(home, key, logs, clock)

    @property
    def public(self) -> WitnessKey:
        """What verifies its cosignatures."""
        return self._key.public

    def add_checkpoint(self, old_size: int, path: Sequence[bytes], note: str) -> str:
        """The cosignature of a signed note, as a line to put under it.

        `path`: the consistency path from `old_size` leaves, what was cosigned last of this log; there is none
        from 0, nothing. Raises CheckpointRefused, of which LogUnknown, LogSignatureInvalid, LogInconsistent
        and CosignedSizeDiffers are; WitnessDamaged.
        """
        text, new = self._opened(note)
        if old_size > new.size:
            raise CheckpointRefused(f"a log of {new.size} leaves does not continue one of {old_size}")
        file = self._file(new.origin)
        with file.locked():
            last = self._last(file, new.origin)
            if old_size != last.size:
                raise CosignedSizeDiffers(
                    f"the last checkpoint cosigned here has {last.size} leaves, not {old_size}", last.size
                )
            try:
                check_consistency(last, new, path)
            except ProofInvalid as error:
                raise LogInconsistent(str(error)) from None
            if new.size > last.size:
                file.replace(note.encode())
        return self._key.cosign(text, self._clock())

    def last(self, origin: str) -> Checkpoint:
        """What was cosigned last of a log, which has no leaves when nothing was. Raises WitnessDamaged."""
        return self._last(self._file(origin), origin)

    def _opened(self, note: str) -> tuple[str, Checkpoint]:
        """A note's text, and the checkpoint in it, once a key of its log is found to have signed it."""
        try:
            text, _ = parted(note)
            found = parse_checkpoint(text)
        except ProofInvalid as error:
            raise CheckpointRefused(str(error)) from None
        if found.origin not in self._logs:
            raise LogUnknown("this witness does not know the log")
        for key in self._logs[found.origin]:
            try:
                return open_note(note, key), found
            except ProofInvalid as error:
                refused = LogSignatureInvalid(str(error))
        raise refused

    def _file(self, origin: str) -> SecretFile:
        name = hashlib.sha256(origin.encode()).hexdigest()
        return SecretFile(self._home / LOGS / name, _FILE_BYTES_MAX, _missing, WitnessDamaged)

    def _last(self, file: SecretFile, origin: str) -> Checkpoint:
        try:
            raw = file.read()
        except _NothingCosigned:
            return Checkpoint(origin, 0, EMPTY_ROOT)
        try:
            found = parse_checkpoint(parted(raw.decode())[0])
        except ValueError:  # ProofInvalid is one
            found = None
        if found is None or found.origin != origin:
            raise WitnessDamaged(f"{file.path} is not a checkpoint of its log: this witness goes no further.")
        return found


def _missing(path: Path) -> Exception:
    if path.parent.is_dir():
        return _NothingCosigned()
    return WitnessDamaged(f"What this witness cosigned is lost: there is no {path.parent}.")
