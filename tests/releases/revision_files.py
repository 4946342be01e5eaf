"""The files of the schema's revisions: what each consists of, and what it says of its step."""

import ast
import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from emoney.jobs import revisions


class RevisionFile(NamedTuple):
    """A revision as its file has it. `step`: "expand" or "contract", None for a baseline; `of`: what a
    contraction completes."""

    id: str
    step: str | None
    of: str | None
    baseline: bool
    digest: str


def read(folders: Iterable[Path] | None = None) -> dict[str, RevisionFile]:
    """Every revision in `folders`, by default those of this version."""
    files = (file for each in folders or revisions.folders() for file in sorted(each.glob("*.py")))
    return {each.id: each for each in map(_read, files)}


def digests() -> dict[str, str]:
    """For each revision, SHA-256 of all its files with their names."""
    return {id_: each.digest for id_, each in sorted(read().items())}


def faults(found: Mapping[str, RevisionFile], in_releases: Collection[str]) -> list[str]:
    """What is against the rule of pairs. `in_releases`: the revisions of all versions that are out.

    An expansion only adds, so that processes of the version before work on; its contraction takes away what
    they used, and so comes in a later release than it.
    """
    wrong = []
    for each in found.values():
        if each.baseline:
            continue
        if each.step not in ("expand", "contract"):
            wrong.append(f'{each.id} does not say step = "expand" or step = "contract"')
        elif each.step == "contract" and (each.of not in found or found[each.of].step != "expand"):
            wrong.append(f"{each.id} contracts, and `of` names no revision that expands")
        elif each.step == "contract" and each.of not in in_releases:
            wrong.append(f"{each.id} takes away what no release has stopped using: {each.of} is in none yet")
    return wrong


def _read(file: Path) -> RevisionFile:
    said: dict[str, Any] = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    digest = hashlib.sha256()
    for path in sorted([file, *file.parent.glob(f"{file.stem}.*.sql"), *file.with_suffix("").glob("*.sql")]):
        for part in (path.relative_to(file.parent).as_posix().encode(), path.read_bytes()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return RevisionFile(
        said["revision"],
        said.get("step"),
        said.get("of"),
        said["down_revision"] is None,
        digest.hexdigest(),
    )
