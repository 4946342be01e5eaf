"""What a sequence of acts asks for: checked, and known as far as no lock is needed for it."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from emoney.ledger.acts import hold as held
from emoney.ledger.acts import original as given
from emoney.ledger.acts.act import Act, Capture, OpenDispute, Refund, Reject, Uphold, Void
from emoney.ledger.acts.dispute import UnknownDispute
from emoney.ledger.acts.hold import Hold
from emoney.ledger.acts.original import Original
from emoney.ledger.base.errors import BatchTooLarge, InvalidInput, InvalidReference, UnknownHold
from emoney.ledger.base.ids import as_id, key_of
from emoney.ledger.base.names import REFERENCE_MAX, Reason, checked_name, is_reference
from emoney.ledger.base.postgres.database import Connection
from emoney.ledger.posting.locked import BATCH_MAX
from emoney.ledger.posting.requests import content_hash
from emoney.ledger.transfers.money import moved
from emoney.ledger.transfers.operations import GIVES_BACK, Operation
from emoney.ledger.transfers.transfer import Transfer

_REASON_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")


@dataclass(frozen=True, slots=True)
class Request:
    """An act with what is known of it before anything is locked.

    `about`: the hold, dispute or transfer that it captures, ends, gives back or disputes; else what it makes
    itself. `sides`: the accounts that it is between. `disputed`: the transfer that is behind a dispute that
    it upholds. `id`: the one that it claims, with `key` and the hash of its `content`, which is None of a
    plain transfer; no id of what asks for a state. `hold`, `transfer`: what it asks for where so much is left
    of what it is about.
    """

    act: Act
    about: UUID
    sides: tuple[UUID, UUID]
    id: UUID | None = None
    key: str | None = None
    content: bytes | None = None
    disputed: UUID | None = None
    hold: Callable[[int], Hold] | None = None
    transfer: Callable[[int], Transfer] | None = None

    @property
    def holds(self) -> set[UUID]:
        """The hold that has to stand for it."""
        return {self.about} if isinstance(self.act, Capture | Void | Uphold | Reject) else set()

    @property
    def originals(self) -> set[UUID]:
        """The transfer that has to be posted for it."""
        if isinstance(self.act, Refund | OpenDispute):
            return {self.about}
        return set() if self.disputed is None else {self.disputed}

    @property
    def makes(self) -> set[UUID]:
        """The hold, or the transfer that can be given back, that comes of it."""
        made = isinstance(self.act, Transfer | Hold | Capture | OpenDispute)
        return {self.id} if made and self.id is not None else set()

    @property
    def checked(self) -> Transfer | None:
        """The transfer whose accounts must allow it; None of what was checked when its hold was placed."""
        return self.moved() if isinstance(self.act, Transfer | Hold | Refund | OpenDispute) else None

    def held(self, left: int) -> Hold:
        """The hold that it asks for."""
        assert self.hold is not None
        return self.hold(left)

    def moved(self, left: int = 0) -> Transfer:
        """The transfer that it asks for, or holds for."""
        if self.hold is not None:
            return self.hold(left).as_request()
        assert self.transfer is not None
        return self.transfer(left)


def check_act(act: object) -> None:
    """Raise InvalidInput for what is no act, or has ids, names or amounts that none could have."""
    if isinstance(act, Transfer):
        act.check()
        return
    if isinstance(act, Hold):
        act.as_request().check()
        return
    if not isinstance(act, Act):
        raise InvalidInput(
            "an act is a Transfer, Hold, Capture, Void, Refund, OpenDispute, Uphold or Reject, "
            f"not a {type(act).__name__}"
        )
    for name in ("original_id", "hold_id", "dispute_id", "transfer_id"):
        if hasattr(act, name):
            as_id(getattr(act, name), name)
    if isinstance(act, OpenDispute | Uphold | Reject):
        checked_name(act.actor)
    if isinstance(act, Refund | Uphold | Reject):
        Reason(act.reason)
    if isinstance(act, OpenDispute):
        _check_opening(act)


def _check_opening(act: OpenDispute) -> None:
    called = f"dispute {as_id(act.dispute_id)}"
    if not isinstance(act.expires_at, datetime):
        raise InvalidInput(f"{called}: expires_at is to be a datetime")
    if not isinstance(act.reason_code, str) or not _REASON_CODE.fullmatch(act.reason_code):
        raise InvalidInput(
            f"{called}: a reason code has 1 to 32 letters, digits, points, dashes or underscores"
        )


def requests(connection: Connection, acts: Sequence[Act]) -> list[Request]:
    """The acts, checked. Reads the holds and originals that they name and do not make.

    Raises InvalidInput or a subclass: UnknownHold, UnknownDispute, UnknownTransfer, BatchTooLarge.
    """
    if not isinstance(acts, Sequence):
        raise InvalidInput(f"acts come as a list, not a {type(acts).__name__}")
    if len(acts) > BATCH_MAX:
        raise BatchTooLarge(f"{len(acts)} acts in one batch; {BATCH_MAX} are the most")
    for act in acts:
        check_act(act)
    asked = _Asked(connection, acts)
    return [asked.request(act) for act in acts]


class _Asked:
    """What acts are about: what stands already, and what comes of those before them."""

    def __init__(self, connection: Connection, acts: Sequence[Act]) -> None:
        holds, originals = _named(acts)
        self._holds: dict[UUID, Hold] = {}
        self._disputed: dict[UUID, UUID] = {}  # the originals of disputes
        for id_, found in held.find_all(connection, holds).items():
            self._holds[id_] = found.hold
            if found.original_id is not None:
                self._disputed[id_] = found.original_id
        self._originals = given.find_all(connection, originals)

    def request(self, act: Act) -> Request:
        """The next of the acts."""
        match act:
            case Transfer():
                self._posted(act.id, act, act.operation, act.amount)
                return Request(act, act.id, _sides(act), act.id, act.key, transfer=lambda _: act)
            case Hold():
                return self._place(act)
            case Capture():
                return self._capture(act)
            case Void():
                hold_id, hold = self._plain_hold(act)
                return Request(act, hold_id, _sides(hold))
            case Refund():
                return self._refund(act)
            case OpenDispute():
                return self._open(act)
            case Uphold():
                return self._uphold(act)
            case Reject():
                hold_id, hold = self._disputes_hold(act)
                return Request(act, hold_id, _sides(hold))

    def _place(self, hold: Hold) -> Request:
        request = hold.as_request()
        content = content_hash("hold/1", hold.expires_at.isoformat(), request.content_hash().hex())
        self._holds[hold.id] = hold
        return Request(hold, hold.id, _sides(hold), hold.id, hold.key, content, hold=lambda _: hold)

    def _capture(self, act: Capture) -> Request:
        hold_id, hold = self._plain_hold(act)
        named = act.transfer_id
        transfer_id = as_id(named, "transfer_id")
        amount = moved(act.amount, hold.currency, f"capture {transfer_id}")
        content = content_hash("capture/1", hold_id.hex, str(amount), str(act.release_rest))
        self._posted(transfer_id, hold, hold.operation, amount or hold.amount)
        return Request(
            act,
            hold_id,
            _sides(hold),
            transfer_id,
            key_of(named),
            content,
            transfer=lambda left: hold.as_transfer(named, amount or left or hold.amount),
        )

    def _refund(self, act: Refund) -> Request:
        original_id, original = self._original(act)
        operation, reference = act.operation, act.reference
        if operation not in GIVES_BACK:
            raise InvalidInput(f"{operation!r} gives nothing back: a refund or a reversal does")
        transfer_id, key = as_id(act.transfer_id, f"{operation}_id"), key_of(act.transfer_id)
        if reference is not None and not isinstance(reference, str):
            raise InvalidReference(f"{operation} {transfer_id}: a reference is a text")
        named = str(original_id) if reference is None else f"{original_id}: {reference}"
        if reference == "" or not is_reference(named):
            raise InvalidReference(
                f"{operation} {transfer_id}: a reference has 1 to {REFERENCE_MAX - 38} characters and no "
                "NUL, behind the original's id"
            )
        amount = moved(act.amount, original.currency, f"{operation} {transfer_id}")
        own = () if reference is None else (reference,)
        content = content_hash(f"{operation.value}/1", original_id.hex, str(amount), act.reason, *own)

        def request(left: int) -> Transfer:
            return Transfer(
                transfer_id,
                original.credit_account,
                original.debit_account,
                amount or left or original.amount,
                original.currency,
                operation,
                reference=named,
                key=key,
            )

        self._posted(transfer_id, original, operation, original.amount)
        return Request(act, original_id, _sides(original), transfer_id, key, content, transfer=request)

    def _open(self, act: OpenDispute) -> Request:
        original_id, original = self._original(act)
        dispute_id, key = as_id(act.dispute_id, "dispute_id"), key_of(act.dispute_id)
        amount = moved(act.amount, original.currency, f"dispute {dispute_id}")
        content = content_hash(
            "dispute/1", original_id.hex, str(amount), act.reason_code, act.expires_at.isoformat(), act.actor
        )

        def hold(left: int) -> Hold:
            return Hold(
                dispute_id,
                original.credit_account,
                original.debit_account,
                amount or left or original.amount,
                original.currency,
                Operation.REVERSAL,
                act.expires_at,
                str(original_id),
                key,
            )

        self._holds[dispute_id], self._disputed[dispute_id] = hold(0), original_id
        return Request(act, original_id, _sides(original), dispute_id, key, content, hold=hold)

    def _uphold(self, act: Uphold) -> Request:
        dispute_id, hold = self._disputes_hold(act)
        named = act.transfer_id
        transfer_id = as_id(named, "transfer_id")
        amount = moved(act.amount, hold.currency, f"refund {transfer_id}")
        content = content_hash("uphold/1", dispute_id.hex, str(amount), act.actor, act.reason)
        self._posted(transfer_id, hold, hold.operation, hold.amount)
        return Request(
            act,
            dispute_id,
            _sides(hold),
            transfer_id,
            key_of(named),
            content,
            self._disputed[dispute_id],
            transfer=lambda left: hold.as_transfer(named, amount or left or hold.amount),
        )

    # -- what they are about --------------------------------------------------------------------------------

    def _plain_hold(self, act: Capture | Void) -> tuple[UUID, Hold]:
        hold_id = as_id(act.hold_id, "hold_id")
        hold = self._holds.get(hold_id)
        if hold is None:
            raise UnknownHold(f"there is no hold {hold_id}")
        if hold.disputes:
            raise InvalidInput(f"hold {hold_id} is a dispute's: ledger.disputes upholds or rejects it")
        return hold_id, hold

    def _disputes_hold(self, act: Uphold | Reject) -> tuple[UUID, Hold]:
        dispute_id = as_id(act.dispute_id, "dispute_id")
        if dispute_id not in self._disputed:
            raise UnknownDispute(f"there is no dispute {dispute_id}")
        return dispute_id, self._holds[dispute_id]

    def _original(self, act: Refund | OpenDispute) -> tuple[UUID, Original]:
        original_id = as_id(act.original_id, "original_id")
        original = self._originals[original_id]
        given.check_given_back(original_id, original.operation)
        return original_id, original

    def _posted(
        self, transfer_id: UUID, between: Transfer | Hold | Original, operation: Operation, amount: int
    ) -> None:
        """For those after it the transfer is there, of this amount or less."""
        self._originals.setdefault(
            transfer_id, Original(*_sides(between), amount, between.currency, operation)
        )


def _named(acts: Sequence[Act]) -> tuple[set[UUID], set[UUID]]:
    """The holds and the transfers that acts are about, but for those that come of acts before them."""
    holds, originals, placed, posted = set[UUID](), set[UUID](), set[UUID](), set[UUID]()
    for act in acts:
        if isinstance(act, Capture | Void):
            holds.update({as_id(act.hold_id)} - placed)
        elif isinstance(act, Uphold | Reject):
            holds.update({as_id(act.dispute_id)} - placed)
        elif isinstance(act, Refund | OpenDispute):
            originals.update({as_id(act.original_id)} - posted)
        if isinstance(act, Transfer):
            posted.add(act.id)
        elif isinstance(act, Capture | Refund | Uphold):
            posted.add(as_id(act.transfer_id))
        elif isinstance(act, Hold):
            placed.add(act.id)
        elif isinstance(act, OpenDispute):
            placed.add(as_id(act.dispute_id))
    return holds, originals


def _sides(between: Transfer | Hold | Original) -> tuple[UUID, UUID]:
    return between.debit_account, between.credit_account
