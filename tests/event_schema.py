"""The published schema of events, held against what the code tells: nothing missing, nothing beyond."""

import copy
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any
from unittest.mock import patch

from jsonschema import Draft202012Validator, FormatChecker

from emoney.ledger.base.postgres import savepoints
from emoney.ledger.outbox import recorded

ROOT = Path(__file__).resolve().parents[1]
SCHEMA: dict[str, Any] = json.loads((ROOT / "docs" / "events.schema.json").read_text(encoding="utf-8"))
KINDS: frozenset[str] = frozenset(SCHEMA["$defs"])

_BETWEEN = (recorded.__name__, savepoints.__name__)


def _closed(node: Any) -> Any:
    """The schema as strict as can be: a field that it does not name is an error here."""
    if isinstance(node, dict):
        closed = {name: _closed(each) for name, each in node.items()}
        return closed | {"additionalProperties": False} if "properties" in node else closed
    return [_closed(each) for each in node] if isinstance(node, list) else node


_STRICT = {
    kind: Draft202012Validator(_closed(copy.deepcopy(definition)), format_checker=FormatChecker())
    for kind, definition in SCHEMA["$defs"].items()
}
_PAYLOADS = {
    kind: Draft202012Validator(
        _closed(copy.deepcopy(definition["properties"]["payload"])), format_checker=FormatChecker()
    )
    for kind, definition in SCHEMA["$defs"].items()
    if "payload" in definition["properties"]
}


def check_event(event: dict[str, Any]) -> None:
    """Raise for an event that is not just as its kind's schema says."""
    _STRICT[event["type"]].validate(event)


@contextmanager
def checked_payloads() -> Iterator[None]:
    """Hold every payload that emoney's own code records against its kind's schema, where it is recorded."""
    check = recorded._check

    def checked(kind: str, payload: dict[str, Any]) -> None:
        check(kind, payload)
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_globals.get("__name__") in _BETWEEN:
            frame = frame.f_back
        if frame is not None and str(frame.f_globals.get("__name__")).startswith("emoney."):
            _PAYLOADS[kind].validate(payload)  # KeyError: a kind that the schema does not name

    with patch.object(recorded, "_check", checked):
        yield
