"""Renews a copy: in it, make update FROM=../source-stock-ticker, which runs this file of that folder.

What the copy has from the project (SHARED in new.py) becomes what it is here now, under the copy's name, unless
somebody has changed it there: the hashes in its .made-from.json tell. If somebody has, nothing at all is written.
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

Changes = dict[str, "File | None"]  # path -> what it becomes; None: it is deleted


class Record(NamedTuple):
    """What .made-from.json says."""

    version: str
    name: str
    pattern: str | None
    hashes: dict[str, str | None]  # path -> hash of the file as it was written; None: the copier has taken it over


def read_record(copy: Path) -> Record:
    """Exits with a sentence if it is not there, or says something else."""
    try:
        told = json.loads((copy / MADE_FROM).read_bytes())
        record = Record(told["version"], told["name"], told["pattern"], dict(told["files"]))
        kinds = {type(hash) for hash in record.hashes.values()}
        if name_refusal(record.name) or not numbers(record.version) or not kinds <= {str, type(None)}:
            raise ValueError
    except FileNotFoundError:
        sys.exit(f"{MADE_FROM} is missing: what may be renewed is not known. {PROJECT.name}/docs/upgrading.md helps.")
    except (ValueError, KeyError, TypeError, AttributeError):
        sys.exit(f"{MADE_FROM} is broken: take it from git as `make new` or the last `make update` wrote it.")
    return record


def numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def refusal(copy: Path, record: Record) -> str | None:
    """Why this copy cannot be renewed from here, in a sentence."""
    ours = project_version()
    if numbers(ours) < numbers(record.version):
        return f"FROM: {PROJECT.name} has version {ours}, but this connector is already made from {record.version}."
    if git(copy, "status", "--porcelain", "."):
        return "There are changes that are not committed; commit them first, so that git can undo the update."
    return None


def planned(copy: Path, record: Record) -> tuple[Changes, dict[str, str]]:
    """What is to be written, and what stands in its way: path -> how it differs from what would come."""
    renewed, recorded = shared_files(record.name), record.hashes
    changes: Changes = {}
    differences = {}
    for path in sorted(renewed.keys() | recorded.keys()):
        if path in recorded and recorded[path] is None:
            continue  # the copier has taken it over
        have = (copy / path).read_bytes() if (copy / path).exists() else None
        want = with_theirs(path, have, renewed[path].content) if path in renewed else None
        if have == want:
            continue
        if fingerprint(path, have) == recorded.get(path):
            changes[path] = renewed[path]._replace(content=want) if want is not None else None
        else:
            differences[path] = difference(path, have or b"", want or b"")
    return changes, differences


def with_theirs(path: str, have: bytes | None, want: bytes) -> bytes:
    """The new content, with what is the copier's in it as they have it."""
    if path not in THEIRS or have is None:
        return want
    theirs = re.compile(THEIRS[path].encode(), re.DOTALL | re.MULTILINE)
    values = iter(theirs.findall(have))
    return theirs.sub(lambda found: next(values, found[0]), want)


def difference(path: str, have: bytes, want: bytes) -> str:
    here, there = (content.decode("utf-8", "replace").splitlines() for content in (have, want))
    return "\n".join(difflib.unified_diff(here, there, f"{path} (here)", f"{path} (FROM)", lineterm=""))


def news(since: str) -> str:
    """What CHANGELOG.md says of the time after a version."""
    _, *releases = re.split(r"^(?=## )", (PROJECT / "CHANGELOG.md").read_text("utf-8"), flags=re.MULTILINE)
    titles = [release.partition("\n")[0] for release in releases]
    known = [number for number, title in enumerate(titles) if title.startswith(f"## [{since}]")]
    told = releases[: known[0]] if known else releases
    return "\n\n".join(release.strip() for release in told if "\n" in release.strip())


def main(copy: Path) -> int:
    """Renew the copy and run its tests -> exit code; or exit with a sentence before anything is written."""
    record = read_record(copy)
    if sentence := refusal(copy, record):
        sys.exit(sentence)
    changes, differences = planned(copy, record)
    if differences:
        print("\n".join(differences.values()))
        sys.exit(
            f"Nothing is renewed, for this was changed here: {', '.join(differences)}. Undo it, or take the file over "
            f"for good: put null in the place of its hash in {MADE_FROM}, and commit."
        )
    renew(copy, record, changes)
    print(f"{len(changes)} files are renewed. Now the tests:", flush=True)
    failed = subprocess.run(["make", "--no-print-directory", "test"], cwd=copy, check=False).returncode
    print(f"\nWhat is new since version {record.version}:\n\n{news(record.version) or 'Nothing to tell.'}\n")
    print("The tests FAIL. What is new may say why." if failed else "The tests pass. Look at `git diff`, and commit.")
    return 1 if failed else 0


def renew(copy: Path, record: Record, changes: Changes) -> None:
    for path, file in changes.items():
        if file:
            write(copy / path, file)
        else:
            (copy / path).unlink()
    taken_over = {path for path, hash in record.hashes.items() if hash is None}
    (copy / MADE_FROM).write_bytes(as_json(made_from(record.name, record.pattern, taken_over)))


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1])))
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read or written ({error.strerror}).")
