"""Signed notes and checkpoints as C2SP has them: what other tools refuse is refused here, too."""

import base64
import hashlib

import pytest

from emoney.ledger.proofs.signing import SigningKey
from emoney.ledger.proofs.verifying import Checkpoint, ProofInvalid, check_consistency, open_checkpoint

KEY = SigningKey("wallet.example/ledger", bytes(range(32)))
EMPTY = hashlib.sha256().digest()
ROOT = hashlib.sha256(b"\x00a leaf").digest()


def note(*lines: str) -> str:
    return KEY.sign_note("".join(f"{line}\n" for line in lines))


def text(root: bytes) -> str:
    return base64.b64encode(root).decode()


def test_a_checkpoint_may_say_more_in_lines_of_its_own() -> None:
    signed = note(KEY.origin, "1", text(ROOT), "an extension", "another")
    assert open_checkpoint(signed, KEY.public) == Checkpoint(KEY.origin, 1, ROOT)
    other = "\u2014 witness.example AAAAAAAA\n"
    assert open_checkpoint(signed + other, KEY.public).size == 1


WRONG = {
    "an empty extension line": note(KEY.origin, "1", text(ROOT), "", "more"),
    "an empty last line": note(KEY.origin, "1", text(ROOT), ""),
    "a control character": note(KEY.origin, "1", text(ROOT), "bell \x07"),
    "a tab": note(KEY.origin, "1", text(ROOT), "a\tb"),
    "a carriage return": note(KEY.origin, "1", text(ROOT), "a\r"),
    "an escape after the text": note(KEY.origin, "1", text(ROOT)) + "\u2014 w\x1b AAAAAAAA\n",
    "a size with a zero before it": note(KEY.origin, "01", text(ROOT)),
    "a size with a sign": note(KEY.origin, "+1", text(ROOT)),
    "a size in other digits": note(KEY.origin, "\u0661", text(ROOT)),
    "a root that is none": note(KEY.origin, "1", text(ROOT[:31])),
    "base64 with what is not part of it": note(KEY.origin, "1", text(ROOT)[:-1] + "!"),
    "no leaves under the root of some": note(KEY.origin, "0", text(ROOT)),
    "no origin": note("", "1", text(ROOT)),
    "another origin": note("other.example/ledger", "1", text(ROOT)),
    "no root": note(KEY.origin, "1"),
    "a signer's name with a plus": note(KEY.origin, "1", text(ROOT)) + "\u2014 w+x AAAAAAAA\n",
    "a signature without a name": note(KEY.origin, "1", text(ROOT)) + "\u2014  AAAAAAAA\n",
    "a hyphen for the dash": note(KEY.origin, "1", text(ROOT)).replace("\u2014", "-"),
    "no line end": note(KEY.origin, "1", text(ROOT))[:-1],
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_breaks_a_rule_is_no_checkpoint(fault: str) -> None:
    with pytest.raises(ProofInvalid):
        open_checkpoint(WRONG[fault], KEY.public)


def test_every_log_continues_the_empty_one_and_needs_no_path_for_it() -> None:
    empty, one = Checkpoint(KEY.origin, 0, EMPTY), Checkpoint(KEY.origin, 1, ROOT)
    assert open_checkpoint(note(KEY.origin, "0", text(EMPTY)), KEY.public) == empty
    check_consistency(empty, one, [])
    check_consistency(empty, empty, [])
    for old, new, path in ((empty, one, [ROOT]), (one, empty, []), (empty, empty, [EMPTY])):
        with pytest.raises(ProofInvalid):
            check_consistency(old, new, path)
