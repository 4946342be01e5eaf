"""Which operation is for which accounts: all of them, and none that would pass another's limits by."""

import pytest

from emoney.ledger import AccountKind, Operation
from emoney.ledger.transfers.chart import ASSETS, OUTSTANDING
from emoney.ledger.transfers.sides import SIDES, described
from emoney.ledger.transfers.transfer import GIVES_BACK, ISSUES

CUSTOMER = AccountKind.CUSTOMER.value


@pytest.mark.parametrize("operation", Operation)
def test_every_operation_has_its_accounts(operation: Operation) -> None:
    assert SIDES[operation]
    assert {kind for pair in SIDES[operation] for kind in pair} <= {kind.value for kind in AccountKind}
    assert described(operation).startswith(operation.value)


def test_only_an_issue_raises_funds_and_what_is_owed() -> None:
    issuing = {
        operation
        for operation, pairs in SIDES.items()
        if any(payer in ASSETS and payee not in ASSETS for payer, payee in pairs)
    }
    assert issuing == ISSUES | GIVES_BACK


def test_whatever_moved_may_be_given_back() -> None:
    moved = {(payee, payer) for pairs in SIDES.values() for payer, payee in pairs}
    for operation in GIVES_BACK:
        assert moved <= SIDES[operation]


def test_customers_pay_each_other_by_transfers_and_exchanges_only() -> None:
    between = {operation for operation, pairs in SIDES.items() if (CUSTOMER, CUSTOMER) in pairs}
    assert between == {
        Operation.P2P,
        Operation.P2P_REGISTERED,
        Operation.CROSS_BORDER,
        Operation.EXCHANGE,
        *GIVES_BACK,
    }


def test_every_holder_may_redeem() -> None:
    for kind in OUTSTANDING:
        assert (kind.value, AccountKind.SAFEGUARDING.value) in SIDES[Operation.REDEEM_BANK]
