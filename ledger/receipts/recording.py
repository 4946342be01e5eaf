"""Receipts are recorded here, by another right than posting: the role `emoney_receipts`.

Each call is a transaction of its own on a connection of its own, in that role. A receipt is never edited:
what was none is withdrawn, by two persons, as far as nothing is issued on it.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

import psycopg

from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import ConfigurationError, InvalidInput, InvalidReference, WrongAccount
from emoney.ledger.base.ids import Id, as_id
from emoney.ledger.base.names import REFERENCE_MAX, Actor, Reason, is_reference
from emoney.ledger.base.postgres.database import DEFAULT, Connection, sole_connection
from emoney.ledger.base.postgres.logins import RECEIPTS_ROLE as RECEIPTS_ROLE
from emoney.ledger.base.postgres.pool import PoolOptions
from emoney.ledger.base.postgres.queries import queries_beside
from emoney.ledger.receipts import policy as policies
from emoney.ledger.receipts import receipt as recorded
from emoney.ledger.receipts.errors import ReceiptConflict, ReceiptDrawn, ReceiptsDenied, UnknownBankEntry
from emoney.ledger.receipts.policy import Policy, PolicyChange
from emoney.ledger.receipts.receipt import Receipt
from emoney.ledger.transfers.money import Amount, moved
from emoney.ledger.two_persons import Request
from emoney.ledger.two_persons import request as two_persons

WITHDRAW = "withdraw_receipt"
"""The act that takes two persons."""

_queries = queries_beside(__file__)


class Receipts:
    """Records what arrived, for the database at `url`, whose login is a member of `emoney_receipts`.

    Every call may raise ReceiptsDenied where it is not, Unavailable, and InvalidRequest for an actor or a
    reason that cannot be stored. Amounts are whole minor units, or Money and Decimals in major ones.
    """

    def __init__(self, url: str, pool: PoolOptions = DEFAULT, clock: Clock = system_clock) -> None:
        self._url, self._pool, self._clock = url, pool, clock

    def record(
        self,
        account: Id,
        reference: str,
        amount: Amount,
        currency: str | None = None,
        *,
        actor: str,
        reason: str,
        statement: str | None = None,
        entry: int | None = None,
        opening: bool = False,
    ) -> Receipt:
        """Record that `amount` arrived on `account` (safeguarding, in transit, issued unfunded).

        `reference`: the bank's or the collector's, once per account; issues name it. The same again changes
        nothing. `currency`: the account's, if None. `statement`, `entry`: the statement's reference and the
        number of the entry that confirms it. `opening`: it covers balances carried over, and nothing else.
        Raises InvalidInput: WrongAccount, ReceiptConflict, UnknownBankEntry.
        """
        with self._in_role() as connection:
            receipt_id = self._record(
                connection, account, reference, amount, currency, actor, reason, opening=opening
            )
            if statement is not None or entry is not None:
                self._match(connection, receipt_id, statement, entry, actor, reason)
            return recorded.by_id(connection, receipt_id)

    def record_many(
        self, account: Id, received: Iterable[tuple[str, int]], currency: str, *, actor: str, reason: str
    ) -> None:
        """Record many, as references and minor units, in one transaction: all, or none where one is wrong."""
        rows = [
            self._row(account, reference, amount, currency, actor, reason, opening=False)
            for reference, amount in received
        ]
        with self._in_role() as connection, _as_ledger_errors("one of many"), connection.pipeline():
            for row in rows:
                connection.execute(_queries.record.sql, row)

    def match(
        self, account: Id, reference: str, statement: str, entry: int, *, actor: str, reason: str
    ) -> Receipt:
        """Confirm a receipt by the entry number `entry` of the account's bank statement `statement`.

        One entry confirms several receipts up to its amount; once confirmed stays confirmed. Raises
        UnknownReceipt, UnknownBankEntry, ReceiptConflict.
        """
        with self._in_role() as connection:
            found = recorded.find(connection, as_id(account, "account"), reference)
            self._match(connection, found.id, statement, entry, actor, reason)
            return recorded.by_id(connection, found.id)

    def match_by_reference(self, account: Id, *, actor: str, reason: str) -> list[Receipt]:
        """Confirm what is not confirmed yet by entries of the same reference and amount; gives those."""
        account_id = as_id(account, "account")
        with self._in_role() as connection:
            pairs = connection.execute(_queries.same_reference.sql, {"account": account_id}).fetchall()
            for receipt_id, statement_ref, number in pairs:
                self._match(connection, receipt_id, statement_ref, number, actor, reason)
            return [recorded.by_id(connection, receipt_id) for receipt_id, *_ in pairs]

    def ask_withdrawal(
        self, account: Id, reference: str, amount: Amount | None = None, *, actor: str, reason: str
    ) -> UUID:
        """Ask to withdraw `amount` of a receipt, all that is left of it if None; gives the request's id.

        Nothing is done until another person approves. Raises UnknownReceipt, ReceiptDrawn.
        """
        with self._in_role() as connection:
            found = recorded.find(connection, as_id(account, "account"), reference)
            minor = moved(amount, found.currency, f"receipt {reference}") or found.left
            if not 0 < minor <= found.left:
                raise _drawn(reference)
            return two_persons.ask(
                connection,
                WITHDRAW,
                found.id,
                {"minor": minor, "currency": found.currency},
                actor=actor,
                reason=reason,
                at=self._clock(),
            )

    def approve_withdrawal(self, request_id: Id, *, actor: str, reason: str) -> Receipt:
        """Withdraw what another person asked for; gives the receipt as it stands then.

        Raises ReceiptDrawn, InvalidRequest, SamePerson, RequestClosed.
        """
        with self._in_role() as connection:
            decided = two_persons.approve(
                connection,
                as_id(request_id, "request_id"),
                [WITHDRAW],
                actor=actor,
                reason=reason,
                at=self._clock(),
            )
            self._withdraw(connection, decided)
            return recorded.by_id(connection, decided.subject)

    def reject_withdrawal(self, request_id: Id, *, actor: str, reason: str) -> Request:
        """Refuse what another person asked for. Raises as `approve_withdrawal`."""
        with self._in_role() as connection:
            return two_persons.reject(
                connection,
                as_id(request_id, "request_id"),
                [WITHDRAW],
                actor=actor,
                reason=reason,
                at=self._clock(),
            )

    def set_policy(self, policy: Policy | str, *, actor: str, reason: str) -> list[PolicyChange]:
        """Set what is issued against, from the next posting on; gives all changes, the newest first.

        Nothing is recorded where the policy stands already. Raises InvalidInput for what is none.
        """
        if policy not in list(Policy):
            raise InvalidInput(f"{policy!r} is no policy: {', '.join(Policy)}")
        with self._in_role() as connection:
            row = {
                "policy": str(policy),
                "actor": Actor(actor),
                "reason": Reason(reason),
                "at": self._clock(),
            }
            connection.execute(_queries.set_policy.sql, row)
            return policies.history(connection)

    def begin_with(self, policy: Policy | str) -> None:
        """Set the policy of a new installation; nothing where one was ever set, or it is `receipt`."""
        if policy == Policy.RECEIPT:
            return
        with sole_connection(self._url, self._pool) as connection:
            if policies.history(connection):
                return
        self.set_policy(policy, actor="emoney-init", reason="the setting safeguarding.receipts")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads receipts, for who may record and for who may post: either will do."""
        with ExitStack() as opened:
            try:
                connection = opened.enter_context(self._in_role())
            except ReceiptsDenied:
                connection = opened.enter_context(sole_connection(self._url, self._pool))
            yield connection

    @contextmanager
    def _in_role(self) -> Iterator[Connection]:
        """One transaction by who may record. Raises ReceiptsDenied."""
        try:
            with sole_connection(self._url, self._pool, role=RECEIPTS_ROLE) as connection:
                yield connection
        except ConfigurationError as error:
            if not isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
                raise
            raise ReceiptsDenied(
                f"This login may not record receipts: it is no member of {RECEIPTS_ROLE}, a right apart from "
                "posting. GRANT it to whoever watches the bank accounts."
            ) from error

    def _record(
        self,
        connection: Connection,
        account: Id,
        reference: str,
        amount: Amount,
        currency: str | None,
        actor: str,
        reason: str,
        *,
        opening: bool,
    ) -> UUID:
        if currency is None:
            asked = {"account": as_id(account, "account")}
            row = connection.execute(_queries.currency.sql, asked).fetchone()
            currency = row[0] if row else ""  # the database says that there is no such account
        minor = moved(amount, currency, "a receipt") if currency else 1
        row_ = self._row(account, reference, minor, currency or "", actor, reason, opening=opening)
        with _as_ledger_errors(reference):
            row = connection.execute(_queries.record.sql, row_).fetchone()
        assert row is not None
        receipt_id: UUID = row[0]
        return receipt_id

    def _row(
        self,
        account: Id,
        reference: str,
        minor: int | None,
        currency: str,
        actor: str,
        reason: str,
        *,
        opening: bool,
    ) -> dict[str, object]:
        if not isinstance(reference, str) or not is_reference(reference):
            raise InvalidReference(f"a receipt's reference is a text of 1 to {REFERENCE_MAX} characters")
        return {
            "account": as_id(account, "account"),
            "reference": reference,
            "purpose": "opening" if opening else "issue",
            "currency": currency,
            "amount": minor,
            "actor": Actor(actor),
            "reason": Reason(reason),
            "at": self._clock(),
        }

    def _match(
        self,
        connection: Connection,
        receipt_id: UUID,
        statement: str | None,
        entry: int | None,
        actor: str,
        reason: str,
    ) -> None:
        known = recorded.by_id(connection, receipt_id)
        asked = {"account": known.account_id, "statement": statement}
        row = connection.execute(_queries.statement.sql, asked).fetchone()
        if row is None or entry is None:
            raise UnknownBankEntry(f"the account has no entry {entry} on a bank statement {statement!r}")
        match = {"receipt": receipt_id, "statement": row[0], "entry": entry, "at": self._clock()}
        with _as_ledger_errors(known.reference):
            connection.execute(_queries.match.sql, match | {"actor": Actor(actor), "reason": Reason(reason)})

    def _withdraw(self, connection: Connection, request: Request) -> None:
        minor = request.details["minor"]
        reference = recorded.by_id(connection, request.subject).reference
        row = {"request": request.id, "receipt": request.subject, "amount": minor, "at": self._clock()}
        with _as_ledger_errors(reference):
            connection.execute(_queries.withdraw.sql, row)


def _drawn(reference: str) -> ReceiptDrawn:
    return ReceiptDrawn(
        f"of receipt {reference!r} not so much is left: what is issued on it cannot be withdrawn"
    )


@contextmanager
def _as_ledger_errors(reference: str) -> Iterator[None]:
    """What the database refuses of a receipt, by errors that say so."""
    try:
        yield
    except psycopg.IntegrityError as error:
        raise _typed(error, reference) from error


def _typed(error: psycopg.IntegrityError, reference: str) -> InvalidInput:
    match error.diag.constraint_name:
        case "receipt_account":
            return WrongAccount("a receipt is recorded on an open account of funds, in the currency it holds")
        case "receipt_account_id_reference_key":
            return ReceiptConflict(f"receipt {reference!r} is recorded on the account with another amount")
        case "receipt_match_pkey":
            return ReceiptConflict(f"receipt {reference!r} is confirmed by another entry already")
        case "receipt_match_amount":
            return ReceiptConflict(
                f"the entry's amount is less than all receipts that it is to confirm: {reference!r}"
            )
        case "receipt_match_entry":
            return UnknownBankEntry("the receipt's account has no such entry at its bank")
        case "receipt_drawn" | "receipt_fund_drawn":
            return _drawn(reference)
    return InvalidInput(f"receipt {reference!r} cannot be recorded: {error.diag.message_primary}")
