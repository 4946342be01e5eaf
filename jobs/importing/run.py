"""An import, from the file to the ledger.

| phase   | what happens                                                           | written to the ledger |
|---------|------------------------------------------------------------------------|-----------------------|
| read    | each row parsed, checked and staged                                    | nothing               |
| check   | rows against each other and against the ledger                         | nothing               |
| open    | accounts, a receipt of the opening balances, these from safeguarding,  | in batches            |
|         | then limit profiles                                                    |                       |
| post    | the transfers in file order                                            | in batches            |

All ids follow from the file, every batch is one transaction, and every step passes over what is done: an
import that dies anywhere is finished by running it again. Opening balances are carried over before limits
apply to the account, for what a customer already has is not taken away: accounts are opened by the import's
right (`accounts.account.open_without_limits`). All is posted by that right, too, on a ledger of the role
IMPORT_ROLE: on days of any past, under the limits of those days alone. What a history was issued against is
recorded by the import itself, so its login is a member of `emoney_receipts`, too. One import runs at a time.
"""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any
from uuid import UUID

from emoney.jobs.importing.bad_file import BadFile, shown
from emoney.jobs.importing.checks import check_file, check_ledger, check_openings
from emoney.jobs.importing.formats import Columns, Format, Input, find
from emoney.jobs.importing.identity import EPOCH, Identity, safeguarding_id, safeguarding_ref
from emoney.jobs.importing.prefetch import prefetched
from emoney.jobs.importing.result import ImportResult
from emoney.jobs.importing.staging import OPENING_REFERENCE, Staging, Totals
from emoney.kyc import GivenTier, Pack, adopt_wallets, tier_named
from emoney.ledger.accounts import account as accounts
from emoney.ledger.accounts.account import NewAccount
from emoney.ledger.base.clock import Clock, system_clock
from emoney.ledger.base.errors import InvalidInput
from emoney.ledger.base.postgres.database import Database
from emoney.ledger.base.progress import Progress, silent
from emoney.ledger.ledger import Ledger
from emoney.ledger.posting.locked import BATCH_MAX
from emoney.ledger.receipts import Receipts
from emoney.ledger.transfers.chart import AccountKind
from emoney.ledger.transfers.money import AMOUNT_MAX, exponent, to_decimal
from emoney.ledger.transfers.operations import Operation
from emoney.ledger.transfers.transfer import Outcome, Transfer

BATCH_ROWS = 5_000
SOURCE_MAX = 64
IMPORTER = "emoney-import"
"""Who records what a history was issued against."""
ALWAYS_ISSUES = frozenset({Operation.LOAD, Operation.LOAD_CARD, Operation.LOAD_EMONEY})
DEFAULT_START = datetime(2026, 1, 1, tzinfo=UTC)

"""Told the phase (reading, checking, opening, posting), how many rows of it are done, and of how many if
known.
"""


def run_import(
    database: Database,
    transfers: Path,
    *,
    format: str,
    currency: str,
    accounts_file: Path | None = None,
    source: str | None = None,
    start: datetime = DEFAULT_START,
    pack: Pack | None = None,
    tier_names: Mapping[str, str] | None = None,
    progress: Progress = silent,
    batch_rows: int = BATCH_ROWS,
    ledger: Ledger | None = None,
) -> ImportResult:
    """Import `transfers` (and `accounts_file`, where the format has one) in `currency`.

    `format`: a name from `formats.names()`. `source`: whose references these are, the format's name if None.
    `start`: the moment a simulation's first step begins. `pack`: whose limits apply to customers; None: none.
    `tier_names`: the file's words for tiers, to the pack's.
    `batch_rows`: transfers per transaction. `ledger`: whose clock gives posting times, the system's if None.

    Raises BadFile (nothing was written), InvalidInput for wrong arguments, ConfigurationError where the
    login has not the import's right, Unavailable (run it again).
    """
    began = time.monotonic()
    given = Input(transfers, accounts_file, currency, start)
    chosen = find(format)
    name = format if source is None else source
    _check_arguments(chosen, given, format, name, batch_rows)
    if pack is not None:
        _check_pack(pack, currency, tier_names or {})
    result = ImportResult(name, format, currency)
    identity = Identity(name)
    with Staging(database.url, given, chosen.columns, identity) as staging:
        staging.fill(chosen.read(given), progress)
        progress("checking", 0, None)
        staging.settle()
        check_file(staging, given, chosen.columns)
        staging.apply_openings()
        check_openings(staging, given, chosen.columns)
        check_ledger(staging, given, chosen.columns)
        tiers = {} if pack is None else _tiers(staging, given, chosen.columns, pack, tier_names)
        totals = staging.totals()
        result.opening_total = str(to_decimal(totals.opening_minor, currency))
        result.skipped_by_reason = dict(staging.skipped)
        result.skipped = sum(staging.skipped.values())
        result.rows = totals.transfers + result.skipped
        clock = system_clock if ledger is None else ledger.clock
        posting = _Posting(database, clock, staging, given, result, totals, batch_rows, progress)
        with closing(posting):
            posting.open_safeguarding()
            posting.open_accounts()
            posting.receive_openings()
            posting.post_openings()
            if pack is not None:
                posting.adopt_wallets(pack, tiers)
            posting.post_transfers()
    result.seconds = time.monotonic() - began
    return result


class _Posting:
    """The phases that write, in their order."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        staging: Staging,
        given: Input,
        result: ImportResult,
        totals: Totals,
        batch_rows: int,
        tell: Progress,
    ) -> None:
        self._database, self._staging, self._result = database, staging, result
        self._history = Database(database.url, database.pool, role=accounts.IMPORT_ROLE)
        self._ledger = Ledger(self._history, clock)
        self._currency, self._totals, self._batch_rows, self._tell = given.currency, totals, batch_rows, tell
        self._carried_over_at = totals.first_at or given.start
        self._payer = safeguarding_id(given.currency)
        self._given = given
        self._receipts = Receipts(database.url, database.pool, clock)

    def close(self) -> None:
        """Give the connections back that history is posted over."""
        self._history.close()

    def open_safeguarding(self) -> None:
        """The account that opening balances come from. Raises InvalidInput when its name is another
        account's.
        """
        ref = safeguarding_ref(self._currency)
        with self._history.connection() as connection:
            found = accounts.find(connection, [ref]).get(ref)
            if found is not None:
                if (found.kind, found.currency) != (AccountKind.SAFEGUARDING, self._currency):
                    raise InvalidInput(
                        f"the account {ref} is of the kind {found.kind} in {found.currency}; "
                        "opening balances need it to be the safeguarding account of their currency"
                    )
                self._payer = found.id
            elif self._totals.openings:
                new = NewAccount(
                    self._payer, AccountKind.SAFEGUARDING, self._currency, EPOCH, external_ref=ref
                )
                accounts.open_without_limits(connection, [new])  # in the past, too, by the import's right

    def open_accounts(self) -> None:
        """Those the ledger does not hold yet. An account without an opening date opens with the file."""
        for page in self._staging.batches("account_batch", 0, "", self._batch_rows):
            new = [
                NewAccount(
                    account_id,
                    AccountKind(kind),
                    self._currency,
                    external_ref=ref,
                    holder=holder,
                    opened_at=opened or self._carried_over_at,
                )
                for ref, account_id, kind, opened, holder in page
            ]
            with self._history.connection() as connection:
                self._result.accounts_created += accounts.open_without_limits(connection, new)
            self._tell("opening", self._result.accounts_created, None)

    def receive_openings(self) -> None:
        """A receipt of what the openings that are not posted yet need, by the import's own right.

        Raises ReceiptsDenied where this login has not got it.
        """
        found = self._staging.first("openings_to_cover", payer=self._payer)
        if found is None or found[0] <= 0:
            return
        needed, recorded = found
        with self._given.transfers.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        for number in range(recorded, recorded + -(-needed // AMOUNT_MAX)):
            part = min(needed, AMOUNT_MAX)
            needed -= part
            self._receipts.record(
                self._payer,
                f"import:{self._result.source}:{digest[:16]}:{number}",
                part,
                self._currency,
                actor=IMPORTER,
                reason=f"opening balances of the file with SHA-256 {digest}",
                opening=True,
            )

    def _receive(self, page: Sequence[tuple[Any, ...]]) -> None:
        """What a history's own issues were made against, each by its reference."""
        by_payer: dict[UUID, list[tuple[str, int]]] = {}
        for _, ref, _, _, operation, payer, _, amount in page:
            if operation in ALWAYS_ISSUES:
                by_payer.setdefault(payer, []).append((ref, amount))
        for payer, received in by_payer.items():
            self._receipts.record_many(
                payer, received, self._currency, actor=IMPORTER, reason="received in an imported history"
            )

    def post_openings(self) -> None:
        """Opening balances, issued against safeguarded funds at the moment of the file's first transfer."""
        result = self._result
        for page in self._staging.batches("opening_batch", 0, "", self._batch_rows):
            batch = [
                Transfer(
                    opening_id,
                    self._payer,
                    account_id,
                    amount,
                    self._currency,
                    Operation.OPENING,
                    OPENING_REFERENCE + ref,
                    effective_at=sent_at or self._carried_over_at,
                )
                for ref, _, opening_id, account_id, amount, sent_at in page
            ]
            for outcome, row in zip(self._ledger.post(batch), page, strict=True):
                if outcome.refusal is not None:
                    result.openings_refused += 1
                    result.note_refusal(row[1], OPENING_REFERENCE + row[0], outcome.refusal)
                elif outcome.replayed:
                    result.openings_replayed += 1
                else:
                    result.openings_posted += 1
            done = result.openings_posted + result.openings_replayed + result.openings_refused
            self._tell("opening", done, self._totals.openings)

    def adopt_wallets(self, pack: Pack, tiers: dict[str | None, str]) -> None:
        """Customers who are under no limits yet come under those of their tier."""
        for page in self._staging.batches("unlimited_batch", 0, "", self._batch_rows):
            given = [GivenTier(account_id, tiers[word]) for _, account_id, word in page]
            with self._history.connection() as connection:
                adopt_wallets(connection, pack, given, at=self._carried_over_at)

    def post_transfers(self) -> None:
        """All transfers in file order, each batch read and decided while the one before it is written."""
        result, done = self._result, 0
        with closing(prefetched(self._transfers())) as pages:
            sent: deque[tuple[list[int], list[Transfer]]] = deque()

            def batches() -> Iterator[list[Transfer]]:
                for page in pages:
                    sent.append(page)
                    yield page[1]

            with closing(self._ledger.post_all(batches())) as posted:
                for outcomes in posted:
                    lines, batch = sent.popleft()
                    self._count(lines, batch, outcomes)
                    done += len(batch)
                    self._tell("posting", done, self._totals.transfers)
        assert result.posted + result.replayed + result.refused + result.skipped == result.rows

    def _transfers(self) -> Iterator[tuple[list[int], list[Transfer]]]:
        currency, operations = self._currency, {operation.value: operation for operation in Operation}
        for page in self._staging.batches("transfer_batch", 0, 0, self._batch_rows):
            self._receive(page)
            yield (
                [row[0] for row in page],
                [
                    Transfer(row_id, payer, payee, amount, currency, operations[operation], ref, None, at)
                    for _, ref, row_id, at, operation, payer, payee, amount in page
                ],
            )

    def _count(self, lines: Sequence[int], batch: Sequence[Transfer], outcomes: Sequence[Outcome]) -> None:
        result = self._result
        for line, transfer, outcome in zip(lines, batch, outcomes, strict=True):
            if outcome.refusal is not None:
                result.refused += 1
                result.note_refusal(line, transfer.reference or "", outcome.refusal)
            elif outcome.replayed:
                result.replayed += 1
            else:
                result.posted += 1


def _check_arguments(chosen: Format, given: Input, name: str, source: str, batch_rows: int) -> None:
    exponent(given.currency)
    if chosen.needs_accounts and given.accounts is None:
        raise InvalidInput(f"the format {name} needs an accounts file")
    if not chosen.takes_accounts and given.accounts is not None:
        raise InvalidInput(f"the format {name} has no accounts file: its accounts are those the rows name")
    if not 0 < len(source) <= SOURCE_MAX or not source.isprintable():
        raise InvalidInput(f"the source {shown(source)} needs 1 to {SOURCE_MAX} printable characters")
    if given.start.tzinfo is None:
        raise InvalidInput("start needs a time zone")
    if not 0 < batch_rows <= BATCH_MAX:
        raise InvalidInput(f"batches of {batch_rows} rows are not possible; 1 to {BATCH_MAX} are")


def _check_pack(pack: Pack, currency: str, tier_names: Mapping[str, str]) -> None:
    if pack.currency != currency:
        raise InvalidInput(
            f"the pack {pack.id} limits amounts in {pack.currency} and the file is in {currency}: "
            "choose a pack of the file's currency"
        )
    for tier in tier_names.values():
        pack.tier(tier)


def _tiers(
    staging: Staging, given: Input, columns: Columns, pack: Pack, tier_names: Mapping[str, str] | None
) -> dict[str | None, str]:
    """The pack's tier for each word the file has for one. Raises BadFile for a word that means none."""
    tiers: dict[str | None, str] = {}
    for word, line, seen in staging.all("tiers"):
        try:
            tiers[word] = tier_named(pack, word, tier_names).id
        except InvalidInput as error:
            file = given.transfers if seen or given.accounts is None else given.accounts
            raise BadFile(
                file.name,
                "the tier is not one of the pack",
                str(error),
                line=line,
                column=columns.tier,
            ) from error
    return tiers
