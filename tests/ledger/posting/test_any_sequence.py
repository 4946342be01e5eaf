"""Any sequence of batches, groups, replays, freezes and refusals leaves books that hold together."""

import itertools
from dataclasses import replace
from uuid import UUID

from books import Books, on_database
from hypothesis import given
from hypothesis import strategies as st

from emoney.ledger import AccountKind, Operation, Outcome, Transfer
from emoney.ledger.base.ids import new_id

WALLETS = 4
FUNDS = WALLETS  # the index of the safeguarding account

SIDES = st.lists(st.integers(0, WALLETS), min_size=2, max_size=2, unique=True)
SENT = st.tuples(SIDES, st.integers(1, 120))
SINGLE = st.tuples(st.just("single"), st.lists(SENT, min_size=1, max_size=1))
GROUP = st.tuples(st.just("group"), st.lists(SENT, min_size=1, max_size=4))
AGAIN = st.tuples(st.just("again"), st.integers(0, 1000))
FREEZE = st.tuples(st.just("freeze"), st.tuples(st.integers(0, WALLETS - 1), st.booleans(), st.booleans()))
BATCH = st.lists(st.one_of(SINGLE, GROUP, AGAIN), min_size=1, max_size=8)
STEPS = st.lists(st.one_of(BATCH, FREEZE), min_size=1, max_size=12)


class Model:
    """Balances and freezes in a dictionary; decides as the ledger should."""

    def __init__(self) -> None:
        self.balances = [0] * (WALLETS + 1)
        self.frozen = [(False, False)] * (WALLETS + 1)

    def move(self, debit: int, credit: int, amount: int) -> bool:
        changes = {
            debit: amount if debit == FUNDS else -amount,
            credit: -amount if credit == FUNDS else amount,
        }
        if self.frozen[debit][0] or self.frozen[credit][1]:
            return False
        if any(self.balances[index] + change < 0 for index, change in changes.items()):
            return False
        for index, change in changes.items():
            self.balances[index] += change
        return True

    def link(self, moves: list[tuple[int, int, int]]) -> bool:
        before = list(self.balances)
        if all(self.move(*move) for move in moves):
            return True
        self.balances = before
        return False


@on_database(40)
@given(STEPS)
def test_any_sequence(books: Books, steps: list[object]) -> None:
    ids: list[UUID] = [books.account() for _ in range(WALLETS)] + [books.account(AccountKind.SAFEGUARDING)]
    model = Model()
    known: dict[UUID, bool] = {}
    blocks: list[list[Transfer]] = []

    def make(sides: list[int], amount: int, group: UUID | None) -> Transfer:
        named = {sides[0]: Operation.LOAD, sides[1]: Operation.REDEEM_BANK}
        operation = named.get(FUNDS, Operation.P2P)
        return books.transfer(ids[sides[0]], ids[sides[1]], amount, operation, reference="r", group=group)

    for step in steps:
        if isinstance(step, tuple):
            index, debit, credit = step[1]
            model.frozen[index] = (debit, credit)
            books.freeze(ids[index], debit=debit, credit=credit)
            continue
        assert isinstance(step, list)
        batch: list[Transfer] = []
        expected: list[Outcome] = []
        for kind, content in step:
            if kind == "again":
                block = blocks[content % len(blocks)] if blocks else []
                # a group that stands in this batch already cannot follow again, apart from itself
                if any(each.group is not None and each in batch for each in block):
                    continue
            else:
                group = new_id() if kind == "group" else None
                block = [make(sides, amount, group) for sides, amount in content]
                moves = [(*sides, amount) for sides, amount in content]
                posted = model.link(moves)
                known.update((transfer.id, posted) for transfer in block)
                expected += [Outcome(transfer.id) for transfer in block]
                blocks.append(block)
                batch += block
                continue
            expected += [Outcome(transfer.id, replayed=True) for transfer in block]
            batch += block
        found = books.ledger.post(batch)
        assert [replace(outcome, refusal=None) for outcome in found] == expected
        assert [outcome.posted for outcome in found] == [known[transfer.id] for transfer in batch]
        assert [books.balance(each) for each in ids] == model.balances
    assert model.balances[FUNDS] == sum(model.balances[:WALLETS])
    assert all(outcome.replayed for outcome in books.ledger.post(list(itertools.chain(*blocks))))
    books.check()
