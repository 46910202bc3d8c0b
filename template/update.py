"""Updates a copy: in the copy, make update FROM=../source-stock-ticker runs this file of that folder.

The copy's files from the project (SHARED in new.py) are replaced by the current ones, under the copy's name, unless
they were changed in the copy: the hashes in its .made-from.json show that. If any was changed, nothing is written.
"""

from __future__ import annotations

import difflib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from new import (
    MADE_FROM,
    PROJECT,
    THEIRS,
    File,
    as_json,
    fingerprint,
    git,
    made_from,
    name_refusal,
    project_version,
    shared_files,
    write,
)

GUIDE = PROJECT / "docs" / "upgrading.md"
Changes = dict[str, "File | None"]  # path -> what it becomes; None: it is deleted


class Record(NamedTuple):
    """The content of .made-from.json."""

    version: str
    name: str
    pattern: str | None
    hashes: dict[str, str | None]  # path -> hash of the file as written; None: the copier has taken it over


def read_record(copy: Path) -> Record:
    """Read the record, or exit with a sentence if it is missing or invalid."""
    try:
        said = json.loads((copy / MADE_FROM).read_bytes())
        record = Record(said["version"], said["name"], said["pattern"], dict(said["files"]))
        kinds = {type(hash) for hash in record.hashes.values()}
        if name_refusal(record.name) or not numbers(record.version) or not kinds <= {str, type(None)}:
            raise ValueError
    except FileNotFoundError:
        sys.exit(f"{MADE_FROM} is missing, so the files to update are unknown. See {GUIDE}.")
    except (ValueError, KeyError, TypeError, AttributeError):
        sys.exit(f"{MADE_FROM} is invalid: restore it from git, as `make new` or the last `make update` wrote it.")
    return record


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def refusal(copy: Path, record: Record) -> str | None:
    """Why this copy cannot be updated from here, in a sentence; None if it can."""
    ours = project_version()
    if numbers(ours) < numbers(record.version):
        return f"FROM: {PROJECT.name} has version {ours}, but this connector is already made from {record.version}."
    if git(copy, "status", "--porcelain", "."):
        return "There are uncommitted changes; commit them first, so you can undo the update with git."
    if (copy / ".git").exists() and git(copy, "status") is None:
        return "git fails here, so uncommitted changes cannot be ruled out; run `git status` to see why."
    return None


def planned(copy: Path, record: Record) -> tuple[Changes, dict[str, str]]:
    """The changes to write, and the files that prevent them: path -> the difference."""
    renewed, recorded = shared_files(record.name), record.hashes
    changes: Changes = {}
    differences = {}
    for path in sorted(renewed.keys() | recorded.keys()):
        if path in recorded and recorded[path] is None:
            continue  # the copier has taken it over
        if not (copy / path).resolve().is_relative_to(copy.resolve()):
            differences[path] = f"{path} leads outside this folder."
            continue
        have = (copy / path).read_bytes() if (copy / path).exists() else None
        want = with_theirs(path, have, renewed[path].content) if path in renewed else None
        if have == want:
            continue
        if fingerprint(path, have) == recorded.get(path):
            changes[path] = renewed[path]._replace(content=want) if want is not None else None
        else:
            differences[path] = difference(path, have or b"", want or b"")
    return changes, differences


def left_alone(copy: Path, record: Record) -> list[str]:
    """The files that the copier has taken over and that differ from the project's files."""
    ours = shared_files(record.name)
    taken_over = [path for path, hash in sorted(record.hashes.items()) if hash is None and path in ours]
    there = [path for path in taken_over if (copy / path).exists()]
    return [path for path in there if (copy / path).read_bytes() != ours[path].content]


def with_theirs(path: str, have: bytes | None, want: bytes) -> bytes:
    """The new content with the copier's part unchanged."""
    if path not in THEIRS or have is None:
        return want
    theirs = re.compile(THEIRS[path].encode(), re.DOTALL | re.MULTILINE)
    values = iter(theirs.findall(have))
    return theirs.sub(lambda found: next(values, found[0]), want)


def difference(path: str, have: bytes, want: bytes) -> str:
    here, there = (content.decode("utf-8", "replace").splitlines() for content in (have, want))
    return "\n".join(difflib.unified_diff(here, there, f"{path} (here)", f"{path} (FROM)", lineterm=""))


def news(since: str) -> str:
    """The entries of CHANGELOG.md after a version that concern copies."""
    newer, _, _ = (PROJECT / "CHANGELOG.md").read_text("utf-8").partition(f"\n## [{since}]")
    return "\n".join(re.findall(r"^- (?:Copies:|For connectors:|(?:In )?`runtime/).*(?:\n  .*)*", newer, re.MULTILINE))


def main(copy: Path) -> int:
    """Update the copy and run its tests -> exit code; or exit with a sentence before writing anything."""
    record = read_record(copy)
    if sentence := refusal(copy, record):
        sys.exit(sentence)
    changes, differences = planned(copy, record)
    if differences:
        print("\n".join(differences.values()))
        sys.exit(
            f"Nothing was updated; these files were changed here: {', '.join(differences)}. Undo that, or take over a "
            f"file for good: replace its hash in {MADE_FROM} with null, and commit."
        )
    if left := left_alone(copy, record):
        print(f"Your own, so not updated; compare them with {PROJECT.name}'s: {', '.join(left)}.")
    renewed = made_from(record.name, record.pattern, {path for path, hash in record.hashes.items() if hash is None})
    if (record.version, record.hashes) == (renewed["version"], renewed["files"]):
        print(f"Nothing to update: {PROJECT.name} has no newer files for this connector.")
        return 0
    renew(copy, changes)
    (copy / MADE_FROM).write_bytes(as_json(renewed))
    print(f"Files updated: {len(changes)}. Now the tests:", flush=True)
    failed = subprocess.run(["make", "--no-print-directory", "test"], cwd=copy, check=False).returncode
    if entries := news(record.version):
        print(f"\nNew for connectors since version {record.version}:\n\n{entries}")
    print(f"\nEverything that is new: {PROJECT / 'CHANGELOG.md'}")
    if failed:
        print(f"The tests FAIL. What to change in your own files, from version {record.version} on: {GUIDE}")
        return 1
    print("The tests pass. Check `git diff`, and commit.")
    return 0


def renew(copy: Path, changes: Changes) -> None:
    for path, file in changes.items():
        if file:
            write(copy / path, file)
        else:
            (copy / path).unlink()


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read or written ({error.strerror}).")
