"""A connection that the application opened, with the driver as it comes, takes part in what we do."""

from pathlib import Path

import psycopg
import pytest
from books import Books, profile, rule
from psycopg.adapt import PyFormat

from emoney import Emoney
from emoney.kyc.evidence import refresh
from emoney.kyc.evidence.risk_rating import risk_policy
from emoney.ledger.base.ids import new_id
from emoney.ledger.base.postgres.binary_arrays import Binary, Uuids, packing
from emoney.ledger.limits.rules import Direction, Metric, Window
from emoney.privacy import Place, Purpose, SealedField


def test_posting_under_limits_in_a_transaction_of_the_callers(books: Books) -> None:
    limited = profile(rule(Metric.FLOW, 100, Direction.OUT, Window.DAY, name="day"))
    a, b = books.funded(1_000, profile=limited), books.account()
    sent = [books.transfer(a, b, 60), books.transfer(a, b, 60)]
    with psycopg.connect(books.owner_url) as connection:
        first = books.ledger.post_in(connection, sent)
        again = books.ledger.post_in(connection, sent)
    assert [outcome.posted for outcome in first] == [outcome.posted for outcome in again] == [True, False]
    assert all(outcome.replayed for outcome in again)
    books.check()


def test_what_it_learns_is_for_our_values_only_and_stays_with_it(books: Books) -> None:
    theirs = {
        kind: psycopg.adapters.get_dumper(kind, PyFormat.BINARY) for kind in (bytes, list, Uuids, Binary)
    }
    with psycopg.connect(books.owner_url) as connection, psycopg.connect(books.owner_url) as other:
        packing(connection)
        assert connection.adapters.get_dumper(bytes, PyFormat.BINARY) is theirs[bytes]
        assert connection.adapters.get_dumper(Uuids, PyFormat.BINARY) is not theirs[Uuids]
        for left in (other.adapters, psycopg.adapters):
            for kind, dumper in theirs.items():
                assert left.get_dumper(kind, PyFormat.BINARY) is dumper
        with pytest.raises(psycopg.errors.CannotCoerce):
            other.execute("SELECT %(ids)b::uuid[]", {"ids": Uuids.of([])})


def test_sealing_opening_and_enrolling_go_over_it_too(books: Books, tmp_path: Path, owner_url: str) -> None:
    with Emoney.open(owner_url, tmp_path / "home") as emoney, psycopg.connect(owner_url) as connection:
        subject, place = new_id(), Place("kyc.person", "name", new_id())
        sealed = emoney.vault.seal(connection, subject=subject, place=place, value="Ama")
        connection.commit()
        item = SealedField(subject, place, sealed)
        found = emoney.vault.open(connection, [item], purpose=Purpose.SCREENING, actor="desk")
        assert found == ["Ama"]
        refresh.begin(connection, [], risk_policy().refresh, books.now)
