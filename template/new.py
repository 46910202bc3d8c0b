"""Creates a connector for another API: make new NAME=pokemon DIR=../source-pokemon

A copy has layers: files of this project, of template/source-river-levels/ and, with PATTERN=issue-tracker, of a folder
in patterns/; a later layer wins. The old names become the new one, and EDITS removes from the project's files
what concerns only this project. So nothing is stored twice. The copy's .made-from.json lists what came from here, so
update.py can update it. Needs only the standard library.
"""

from __future__ import annotations

import hashlib
import json
import keyword
import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

if sys.version_info < (3, 10):  # noqa: UP036 - an older Python should show a sentence, not a traceback
    sys.exit("make new needs Python 3.10 or newer.")

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE = PROJECT / "template" / "source-river-levels"
PATTERNS = PROJECT / "patterns"
NAMES = ("stock-ticker", "river-levels")  # the project's, the template's
MADE_FROM = ".made-from.json"
MAX_NAME_LENGTH = 30  # characters; a longer name would make code lines too long for ruff
NO_TEXT = {"true", "false", "null", "yes", "no", "on", "off"}  # YAML does not read these as strings
# From this project, and updated by `make update`.
SHARED = """
    .ci/run .dockerignore .editorconfig .gitattributes .github/dependabot.yml .github/workflows/*.yml .gitignore
    .pre-commit-config.yaml .vscode/launch.json CONTRIBUTING.md Dockerfile MANIFEST.in Makefile
    docs/rest-apis.md main.py pyproject.toml requirements.lock requirements.txt secrets/.gitkeep secrets/README.md
    destination/*.py destination/Dockerfile unit_tests/destination/*.py setup.py
    source_stock_ticker/py.typed source_stock_ticker/runtime/**/*.py unit_tests/runtime/**/*.py
    unit_tests/runtime/http/certificates/*
    integration_tests/demo.py integration_tests/sandbox_server.py
    unit_tests/test_layout.py unit_tests/test_metadata.py unit_tests/test_readme.py unit_tests/test_repository.py
    unit_tests/test_spec.py
"""
# From this project too, but owned by the copier from the start.
WRITTEN_ONCE = "LICENSE acceptance-test-config.yml metadata.yaml"
# From the template, for a pattern without its own.
GENERIC = """
    CHANGELOG.md README.md icon.svg integration_tests/conftest.py source_river_levels/__init__.py
    unit_tests/test_schemas.py
"""
# Shared file -> the part that the copier owns: their modules, their words, their version.
LAYERS = r'(?<={"source"},\n).*?(?=    # Below this line)'
THEIRS = {
    "Dockerfile": r"(?<=io.airbyte.version=)\S+",
    "setup.py": r"^    (?:description|author)=[^\n]*",
    "unit_tests/test_layout.py": LAYERS,
}
# File -> what concerns only this project (regular expressions, . matches any character), and its replacement.
FIRST_VERSION = "0.1.0"  # as template/ has it
UPDATE = """
.PHONY: update

update: ## update what came from the project this was made from: make update FROM=../its-folder
\t@test -f "$$FROM/template/update.py" || { echo "FROM: '$$FROM' is not a project to update from; \
name the folder of the one that this connector was made from: make update FROM=../its-folder"; exit 1; }
\t@$(PYTHON) "$$FROM/template/update.py" .
"""
IMAGE = "      - run: make image"
EDITS = {
    ".ci/run": [
        (r"# Then what others wrote:[^\n]*\n", ""),
        (r"# \.ci/run copies:[^\n]*\n", ""),
        (r"# The first copy has.*?\n}\n\n", ""),
        (r"    copies\).*?;;\n", ""),
        (r"only wheel and copies", "only wheel"),
        (r"# Only this project.*?(?=say \"style)", ""),
    ],
    ".github/workflows/ci.yml": [
        (r"  copy:.*?(?=  image:)", ""),
        (r"      - uses: actions/setup-python@v6\n[^\n]*\n[^\n]*# as above[^\n]*\n      - run: make imagetest", IMAGE),
    ],
    "CONTRIBUTING.md": [
        (r" If you have found a vulnerability.*?SECURITY\.md\)\.", ""),
        (
            r"The \[code map\]\([^)]*\) says which file answers which question",
            "[README.md](README.md) says what is where",
        ),
        (r"\| `make acceptance`.*?\n(?=\| `.ci/run)", ""),
        (r"run the commands in the docs and compare the output", "compare their tables and links with the code"),
        (r", if users or copiers will", ", if users will"),
        (r" If a licence changes.*?what-is-installed\)\.", ""),
        (r"- \*\*Nothing about stocks.*?their own code\.", "- **Nothing in `runtime/`.** `make update` replaces it."),
    ],
    "Dockerfile": [(r"(?<=io.airbyte.version=)\S+", FIRST_VERSION)],
    ".gitignore": [(r"/site/\n/examples/[^\n]*\n/examples/[^\n]*\n", "")],
    "Makefile": [
        (r"\n# What only this project has.*", UPDATE),
        (r"(?<=addprefix \$\(VENV\)-,)acceptance audit benchmarks docs engines example lock peers", "audit lock"),
        (r" site wheelhouse| examples/\.cache", ""),
        (r"ONCE \?=[^\n]*\n", ""),
        (r"[^\n]*TICKERS[^\n]*\$\(if \$\(PART\),--part \"tickers=", '\t\t$(if $(PART),--part "'),
    ],
    "LICENSE": [(r"(?<=\(c\) )\d+", time.strftime("%Y"))],
    "acceptance-test-config.yml": [(r"        empty_streams:.*?(?=  full_refresh:)", "")],
    "metadata.yaml": [
        (r"definitionId: \S+", f"definitionId: {uuid.uuid4()}"),
        (r"(?<=dockerImageTag: )\S+", FIRST_VERSION),
        (r"(?<=    hosts:\n).*?(?=  suggestedStreams)", "      - api.river-levels.example\n"),
        (r"  # The platform ends a sync.*?(?=  # True because)", ""),
    ],
    "pyproject.toml": [
        (r"\"benchmarks/\*\".*?\"template/\*.py\"[^\n]*\n", ""),
        (r"\[tool.ruff.lint.isort\].*?(?=\[tool.mypy\])", ""),
        (r", \"benchmarks\".*?(?=\]\nexclude)", ""),
        (r"exclude = \[\"\^benchmarks.*?mypy_path[^\n]*\n", ""),
        (r"# `make walks` runs.*?(?=pythonpath)", ""),
    ],
    "secrets/README.md": [
        (r":\n\n```json.*?```", ". Begin with a copy of [sample_files/config.json](../sample_files/config.json)."),
        (r"Without the file[^\n]*\n", ""),
    ],
    "setup.py": [
        (r"for stock prices[^\"]*", "for River Levels"),
        (r"        # Time zones.*?\"tzdata\",\n", ""),
        (r" *\"orjson[^\n]*test_benchmarks[^\n]*\n", ""),
        (r"        # Airbyte's own packages.*?(?=    },\n)", ""),
    ],
    "unit_tests/test_layout.py": [
        (r"FOREIGN_WORDS = [^\n]*", "FOREIGN_WORDS = [PACKAGE.name]"),
        (r", MAX_LINES = (.*?), [^,\n]*$", r" = \1"),  # a connector can have any size
        (r"\n\n\ndef test_the_package_is_small.*", "\n"),
    ],
    "unit_tests/test_readme.py": [
        (r"REFERENCE = [^\n]*\n", ""),
        (r"REFERENCE, \"Conf", 'README, "Conf'),
        (r"@pytest[^\n]*\n(def test_the_table_of_streams_is_what_discover_shows)\(page: str\)", r"\1()"),
        (r"section\(page, \"Streams\"\)", 'section(README, "Streams")'),
        (r" \"benchmarks/\*\.md\",", ""),
    ],
    "unit_tests/test_repository.py": [
        (r", \"acceptance\", \"imagetest\"", ""),
        (r" - made\(lines\(\"ci.yml\"\)\) <= {[^\n]*", ' <= made(lines("ci.yml"))'),
    ],
    "unit_tests/test_spec.py": [
        (r"def test_the_key_is_all.*?\n\n\n", ""),
        (r"def test_a_list_contains_strings.*?\n\n\n", ""),
    ],
}
# The same for the files of the template and of a pattern.
TODAY = [(r"(?<= )\d{4}-\d\d-\d\d(?= \||$)", time.strftime("%Y-%m-%d"))]
EDITS_OF_OWN = {
    "CHANGELOG.md": TODAY,
    "README.md": [(r"^> The README of a connector made by[^\n]*\n\n", "")],
    "docs/integrations/sources/river-levels.md": TODAY,
}


Edits = Mapping[str, list[tuple[str, str]]]


class File(NamedTuple):
    """One file of the copy."""

    origin: Path
    content: bytes
    shared: bool  # `make update` updates it


def refusal(name: str, folder: str, pattern: str = "") -> str | None:
    """What to change about NAME, DIR and PATTERN, in a sentence; None if nothing."""
    if sentence := name_refusal(name):
        return sentence
    if not folder.strip():
        return f"DIR is missing: name the connector's folder, as in make new NAME={name} DIR=../source-{name}."
    path = Path(folder).resolve()
    if path.is_relative_to(PROJECT):
        return f"DIR: {folder} is inside this project; choose a folder next to it, such as ../source-{name}."
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        return f"DIR: {folder} exists and is not empty; choose a folder that does not exist yet."
    if pattern and pattern not in (known := patterns()):
        return f"PATTERN: there is no {pattern}; omit it, or choose one of these: {', '.join(known) or 'none'}."
    return None


def name_refusal(name: str) -> str | None:
    """What to change about NAME, in a sentence; None if nothing."""
    if not name:
        return "NAME is missing: name what the connector reads, as in make new NAME=pokemon DIR=../source-pokemon."
    if name.startswith("source-"):
        return f'NAME: omit "source-", which is added automatically: NAME={name.removeprefix("source-")}.'
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return (
            f'NAME: "{name}" must be lower-case letters and digits, begin with a letter, and join words with hyphens.'
        )
    if len(name) > MAX_NAME_LENGTH:
        return f"NAME: {name} is longer than {MAX_NAME_LENGTH} characters; choose a shorter one."
    if keyword.iskeyword(name) or name in NO_TEXT:
        return f"NAME: {name} has another meaning in Python or YAML; choose another name, such as my-{name}."
    return None


def patterns() -> list[str]:
    """The possible values of PATTERN."""
    return sorted(folder.name.removeprefix("source-") for folder in PATTERNS.glob("source-*"))


def renamed(text: str, name: str, *others: str) -> str:
    """The text with `name` instead of the old names, each time in the old one's form."""
    olds = [*NAMES, *others]
    new = {old: form for known in olds for old, form in zip(forms(known), forms(name), strict=True)}
    return re.sub("|".join(new), lambda found: new[found[0]], text)


def forms(name: str) -> tuple[str, str, str, str]:
    """The forms of open-weather for image, package, class and title."""
    words = [word.capitalize() for word in name.split("-")]
    return name, name.replace("-", "_"), "".join(words), " ".join(words)


def files(name: str, pattern: str = "") -> dict[str, File]:
    """The whole copy: path -> file."""
    own = PATTERNS / f"source-{pattern}" if pattern else TEMPLATE
    copy = shared_files(name, own) | dict(layer(name, PROJECT, WRITTEN_ONCE, {**EDITS, **fitted(own)}))
    if not pattern:
        return copy | dict(layer(name, TEMPLATE, "**/*", EDITS_OF_OWN))
    generic = dict(layer(name, TEMPLATE, GENERIC, EDITS_OF_OWN))
    special = dict(layer(name, own, "**/*", EDITS_OF_OWN, pattern))
    readme = merged(generic["README.md"].content, special["README.md"].content)
    return copy | generic | special | {"README.md": generic["README.md"]._replace(content=readme)}


def shared_files(name: str, own: Path = TEMPLATE) -> dict[str, File]:
    """The files of the copy that come from this project: path -> file."""
    found = layer(name, PROJECT, SHARED, {**EDITS, **fitted(own)})
    return {path: file._replace(shared=True) for path, file in found}


def fitted(own: Path) -> Edits:
    """The EDITS of files that name the streams and modules in the folder `own`."""
    catalog = json.loads((own / "sample_files" / "configured_catalog.json").read_bytes())
    streams = "".join(f"      - {entry['stream']['name']}\n" for entry in catalog["streams"])
    modules = sorted({file.stem for file in own.glob("source_*/*.py")} - {"__init__", "source", "streams"})
    lowest = ", ".join(f'"{module}"' for module in modules)
    return {
        "metadata.yaml": [*EDITS["metadata.yaml"], (r" *- stock_prices\n", streams)],
        "unit_tests/test_layout.py": [
            *EDITS["unit_tests/test_layout.py"],
            (LAYERS, f'    {{"streams"}},\n    {{{lowest}}},\n'),
        ],
    }


def layer(name: str, folder: Path, globs: str, edits: Edits, old: str = NAMES[0]) -> Iterator[tuple[str, File]]:
    """The files of a folder with the old name, under the new name: path, file."""
    for file in sorted({file for glob in globs.split() for file in folder.glob(glob) if file.is_file()}):
        path = file.relative_to(folder).as_posix()
        if folder != PROJECT and re.search(r"(^|/)(\.|__pycache__)", path):
            continue  # leftovers of tools
        text = file.read_bytes().decode("utf-8")  # read_text would change line ends on some machines
        for pattern, theirs in edits.get(path.replace(old, NAMES[1]), []):
            text, count = re.subn(pattern, theirs, text, flags=re.DOTALL | re.MULTILINE)
            if not count:
                sys.exit(f"template/new.py: {path} no longer contains {pattern}; fix EDITS.")
        yield renamed(path, name, old), File(file, renamed(text, name, old).encode("utf-8"), shared=False)


def merged(readme: bytes, pattern: bytes) -> bytes:
    """The template's README, in which the pattern's sections replace those with the same heading."""

    def sections(text: bytes) -> dict[bytes, bytes]:
        parts = re.split(rb"^(?=## )", text, flags=re.MULTILINE)
        return {part.partition(b"\n")[0]: part.strip() for part in parts}

    return b"\n\n".join((sections(readme) | sections(pattern)).values()) + b"\n"


def fingerprint(path: str, content: bytes | None) -> str | None:
    """The hash of a shared file without the copier's part; None if there is no file."""
    if content is None:
        return None
    if path in THEIRS:
        content = re.sub(THEIRS[path].encode(), b"", content, flags=re.DOTALL | re.MULTILINE)
    return hashlib.sha256(content).hexdigest()


def project_version() -> str:
    package = (PROJECT / "source_stock_ticker" / "__init__.py").read_text("utf-8")
    return re.search(r'__version__ = "(.+)"', package)[1]  # type: ignore[index]  # a test reads it too


def made_from(name: str, pattern: str | None, taken_over: set[str]) -> dict[str, Any]:
    """The content of .made-from.json: each shared file's hash, or None if the copy has its own version."""
    hashes = {path: fingerprint(path, file.content) for path, file in sorted(shared_files(name).items())}
    prefix, _, commit = (git(PROJECT, "rev-parse", "--show-prefix", "HEAD") or "").partition("\n")
    return {
        "version": project_version(),
        "commit": commit.strip() if not prefix and commit else None,  # a prefix means a surrounding repository
        "name": name,
        "pattern": pattern or None,
        "files": hashes | dict.fromkeys(taken_over & hashes.keys()),
    }


def as_json(record: dict[str, Any]) -> bytes:
    return (json.dumps(record, indent=2) + "\n").encode("utf-8")


def git(folder: Path, *words: str) -> str | None:
    """The output of git in that folder; None if it fails or is not installed."""
    named = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"}  # another repository's, for example in a hook of git
    environment = {key: value for key, value in os.environ.items() if key not in named}
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def first_commit(folder: Path, name: str) -> bool:
    """Make the folder a repository with one commit, unless it is part of one. -> whether it did."""
    if git(folder, "rev-parse", "--is-inside-work-tree") is not None:
        return False
    nobody = {"user.name": f"source-{name}", "user.email": f"source-{name}@localhost"}
    identity = [word for key in nobody if not git(folder, "config", key) for word in ("-c", f"{key}={nobody[key]}")]
    steps = (
        ["init", "--quiet"],
        ["symbolic-ref", "HEAD", "refs/heads/main"],  # as the workflows call it
        ["add", "--all"],
        [*identity, "commit", "--quiet", "--no-verify", "--message", f"source-{name}, as `make new` made it"],
    )
    return all(git(folder, *step) is not None for step in steps)


def main(name: str, folder: str, pattern: str) -> None:
    """Make the copy, or exit with a sentence before writing anything."""
    if sentence := refusal(name, folder, pattern):
        sys.exit(sentence)
    copy = files(name, pattern)
    record = made_from(name, pattern, {path for path, file in copy.items() if not file.shared})
    for path, file in copy.items():
        write(Path(folder) / path, file)
    (Path(folder) / MADE_FROM).write_bytes(as_json(record))
    committed = "with a first commit" if first_commit(Path(folder), name) else "without a commit"
    print(f"source-{name} is in {folder}: {len(copy)} files, {committed}.")
    print("Go there and run `make demo` and `make test`.")
    print('Then see "Make it yours" in its README.md for the files to edit, in order.')


def write(place: Path, file: File) -> None:
    """Write the whole file or nothing, even if the process is killed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{place.name}.new")
    draft.write_bytes(file.content)
    shutil.copymode(file.origin, draft)
    draft.replace(place)


if __name__ == "__main__":
    name, folder, pattern, *_ = [*sys.argv[1:], "", "", ""]
    try:
        main(name, folder, pattern)
    except OSError as error:
        sys.exit(f"DIR: {folder} cannot be used ({error.strerror}); choose another folder.")
