"""Starts a connector for another API: make new NAME=pokemon DIR=../source-pokemon

A file of template/source-river-levels/ is taken from there, any other from this project. In all of them the two
names become the new one; EDITS takes out of the project's files what is about this project alone. So nothing
stands here twice. Needs the standard library only.
"""

from __future__ import annotations

import keyword
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

if sys.version_info < (3, 10):  # noqa: UP036 - with an older one people should see a sentence and not a traceback
    sys.exit("The connector needs Python 3.10 or newer.")

PROJECT = Path(__file__).resolve().parent.parent
TEMPLATE = PROJECT / "template" / "source-river-levels"
NAMES = ("stock-ticker", "river-levels")  # the project's, the template's
MAX_NAME_LENGTH = 30  # characters; with a longer one, lines of code would become longer than ruff lets them
NO_TEXT = {"true", "false", "null", "yes", "no", "on", "off"}  # YAML takes these for something else
SHARED = """
    .ci/run .dockerignore .gitignore .vscode/launch.json Dockerfile LICENSE MANIFEST.in Makefile
    acceptance-test-config.yml main.py metadata.yaml pyproject.toml requirements.lock requirements.txt
    secrets/.gitkeep secrets/README.md setup.py
    source_stock_ticker/py.typed source_stock_ticker/runtime/**/*.py unit_tests/runtime/**/*.py
    unit_tests/runtime/http/certificates/*
    integration_tests/demo.py integration_tests/sandbox_server.py
    unit_tests/test_layout.py unit_tests/test_metadata.py unit_tests/test_readme.py unit_tests/test_spec.py
"""
# File -> what of it is about this project alone (regular expressions, . is any character), and what a copy has there.
FIRST_VERSION = "0.1.0"  # as template/ has it
EDITS = {
    ".ci/run": [
        (r"# Then what others wrote:[^\n]*\n", ""),
        (r"# Only this project.*?(?=say \"style)", ""),
    ],
    "Dockerfile": [(r"(?<=io.airbyte.version=)\S+", FIRST_VERSION)],
    ".gitignore": [(r"/examples/[^\n]*\n/examples/[^\n]*\n", "")],
    "Makefile": [
        (r"\n# What only this project has.*", ""),
        (r" \$\(VENV\)-acceptance.*?-peers| examples/\.cache", ""),
    ],
    "LICENSE": [(r"(?<=\(c\) )\d+", time.strftime("%Y"))],
    "acceptance-test-config.yml": [(r"        empty_streams:.*?(?=  full_refresh:)", "")],
    "docs/integrations/sources/river-levels.md": [(r"\d{4}-\d\d-\d\d", time.strftime("%Y-%m-%d"))],
    "metadata.yaml": [
        (r"definitionId: \S+", f"definitionId: {uuid.uuid4()}"),
        (r"(?<=dockerImageTag: )\S+", FIRST_VERSION),
        (r"(?<=    hosts:\n).*?(?=  suggestedStreams)", "      - api.river-levels.example\n"),
        (r"stock_prices", "readings"),
        (r"  # The platform ends a sync.*?(?=  # True because)", ""),
    ],
    "pyproject.toml": [
        (r"\"benchmarks/\*\".*?\"template/new.py\"[^\n]*\n", ""),
        (r"\[tool.ruff.lint.isort\].*?(?=\[tool.mypy\])", ""),
        (r", \"benchmarks\", \"template/new.py\"", ""),
        (r"exclude = \[\"\^benchmarks.*?mypy_path[^\n]*\n", ""),
        (r"# Needs Airbyte's packages.*?(?=pythonpath)", ""),
    ],
    "secrets/README.md": [
        (r"\"tickers\": \[[^\]]*\]", '"start_date": "2024-01-01"'),
        (r"Without the file[^\n]*\n", ""),
    ],
    "setup.py": [
        (r"for stock prices[^\"]*", "for River Levels"),
        (r"        # Time zones.*?\"tzdata\",\n", ""),
        (r" *\"orjson[^\n]*test_benchmarks[^\n]*\n", ""),
        (r"        # Airbyte's own packages.*?(?=    },\n)", ""),
    ],
    "unit_tests/test_layout.py": [
        (r'(?<={"source"},\n).*?(?=    # Below this line)', '    {"streams"},\n    {"api", "settings"},\n'),
        (r"FOREIGN_WORDS = [^\n]*", "FOREIGN_WORDS = [PACKAGE.name]"),
    ],
    "unit_tests/test_readme.py": [
        (r"def test_the_picture.*?\n\n\n", ""),
        (r" \"benchmarks/\*\.md\",", ""),
    ],
    "unit_tests/test_spec.py": [
        (r"def test_the_key_is_all.*?\n\n\n", ""),
        (r"def test_a_list_holds_texts.*?\n\n\n", ""),
    ],
}


def refusal(name: str, folder: str) -> str | None:
    """What is to be changed about NAME and DIR, in a sentence; None if nothing is."""
    if not name:
        return "NAME is missing: say what the connector reads, as in make new NAME=pokemon DIR=../source-pokemon."
    if name.startswith("source-"):
        return f'NAME: leave out "source-", which is put before it: NAME={name.removeprefix("source-")}.'
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        return f'NAME: "{name}" must be lower-case letters and digits, a letter first, words joined by a hyphen.'
    if len(name) > MAX_NAME_LENGTH:
        return f"NAME: {name} is longer than {MAX_NAME_LENGTH} characters; choose a shorter one."
    if keyword.iskeyword(name) or name in NO_TEXT:
        return f"NAME: {name} means something else to Python or YAML; choose another, such as my-{name}."
    if not folder:
        return f"DIR is missing: say where the connector goes, as in make new NAME={name} DIR=../source-{name}."
    path = Path(folder).resolve()
    if path.is_relative_to(PROJECT):
        return f"DIR: {folder} is inside this project; choose a folder beside it, such as ../source-{name}."
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        return f"DIR: {folder} exists and is no empty folder; choose one that does not exist yet."
    return None


def renamed(text: str, name: str) -> str:
    """The text with `name` in the place of the old names, each time written as the old one was."""
    new = {old: form for known in NAMES for old, form in zip(forms(known), forms(name), strict=True)}
    return re.sub("|".join(new), lambda found: new[found[0]], text)


def forms(name: str) -> tuple[str, str, str, str]:
    """open-weather as image, package, class and title have it."""
    words = [word.capitalize() for word in name.split("-")]
    return name, name.replace("-", "_"), "".join(words), " ".join(words)


def files(name: str) -> Iterator[tuple[Path, Path, bytes]]:
    """Each file of the copy: where it comes from, its path in the copy, its content."""
    own = [file for file in TEMPLATE.rglob("*") if file.is_file()]
    shared = [file for pattern in SHARED.split() for file in PROJECT.glob(pattern)]
    for folder, found in ((TEMPLATE, own), (PROJECT, shared)):
        for file in sorted(found):
            path = file.relative_to(folder).as_posix()
            if folder == TEMPLATE and re.search(r"(^|/)(\.|__pycache__)", path):
                continue  # what a tool left there
            text = file.read_bytes().decode("utf-8")  # read_text would change line ends on some machines
            for pattern, theirs in EDITS.get(path, []):
                text, count = re.subn(pattern, theirs, text, flags=re.DOTALL)
                if not count:
                    sys.exit(f"template/new.py: {path} no longer holds {pattern}; fix EDITS.")
            yield file, Path(renamed(path, name)), renamed(text, name).encode("utf-8")


def main(name: str, folder: str) -> None:
    """Make the copy, or exit with a sentence before anything is written."""
    if sentence := refusal(name, folder):
        sys.exit(sentence)
    copies = list(files(name))
    for file, path, content in copies:
        copy = Path(folder) / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        shutil.copymode(file, copy)
    print(f"source-{name} is in {folder}: {len(copies)} files. Go there and try `make demo` and `make test`.")
    print('Then its README.md says under "Make it yours" which files to edit, and in which order.')


if __name__ == "__main__":
    name, folder, *_ = [*sys.argv[1:], "", ""]
    try:
        main(name, folder)
    except OSError as error:
        sys.exit(f"DIR: {folder} cannot be used ({error.strerror}); choose another folder.")
