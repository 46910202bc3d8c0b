"""The README and the docs say what the code says: tables, links, addresses. Its commands: integration_tests/."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from source_stock_ticker import SourceStockTicker, __version__

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
DOCS_PAGE = ROOT / "docs" / "integrations" / "sources" / "stock-ticker.md"
PAGES = [page for where in ("*.md", "benchmarks/*.md", "docs/**/*.md") for page in sorted(ROOT.glob(where))]
CONFIG = json.loads((ROOT / "sample_files" / "config_sandbox.json").read_text("utf-8"))
SPEC = yaml.safe_load((ROOT / "spec.yaml").read_text("utf-8"))["connectionSpecification"]
LOGGER = logging.getLogger("test")
STREAMS = [stream.catalog_entry() for stream in SourceStockTicker().streams(LOGGER, CONFIG)]

LINK = re.compile(r"\]\(([^)\s]+)\)")
TYPES = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list of texts"}


def section(text: str, title: str) -> str:
    """What stands under the heading `## title`, without what follows the next heading of that level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The cells of the first table, without its head."""
    rows = re.search(r"^\|.*?(?=^(?!\|)|\Z)", text, re.MULTILINE | re.DOTALL)
    assert rows, "there is no table"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[0].strip().splitlines()[2:]]


def kind(name: str, field: dict[str, Any]) -> str:
    """How the README writes the type and the default of an option."""
    words = TYPES[field["type"]]
    if "enum" in field:
        words = f"one of {', '.join(map(str, field['enum']))}"
    elif field.get("format") == "date":
        words = "day, YYYY-MM-DD"
    elif field.get("airbyte_secret"):
        words += ", secret"
    elif "minimum" in field:
        words += f", {field['minimum']} to {field['maximum']}"
    if name in SPEC["required"]:
        return f"{words}; required"
    default = field.get("default")
    return f"{words}; default " + ("blank" if default is None else f"`{json.dumps(default)}`".replace('"', ""))


def fields(cell: str) -> list[str]:
    """The field names in a cell; none if it says that there are none."""
    return [] if cell.startswith("none") else re.findall(r"`(\w+)`", cell)


def test_the_table_of_options_is_spec_yaml() -> None:
    expected = [[f"`{name}`", kind(name, field), field["description"]] for name, field in SPEC["properties"].items()]
    assert table(section(README, "Configuration")) == expected


def test_the_table_of_streams_is_what_discover_shows() -> None:
    shown = [
        [fields(name)[0], fields(key), fields(cursor), modes.split(", ")]
        for name, key, cursor, modes, _endpoint, _pattern in table(section(README, "Streams"))
    ]
    assert shown == [
        [
            stream["name"],
            [path[0] for path in stream.get("source_defined_primary_key", [])],
            stream.get("default_cursor_field", []),
            stream["supported_sync_modes"],
        ]
        for stream in STREAMS
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = [link.partition("#")[0] for link in LINK.findall(page.read_text("utf-8"))]
    broken = [link for link in links if link and "://" not in link and not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_address_is_https_or_this_machine(page: Path) -> None:
    plain = re.findall(r"http://[^\s\"`)]+", page.read_text("utf-8"))
    named = ("http://localhost", "http://json-schema.org")  # the latter is a name that nobody opens
    assert [address for address in plain if not address.startswith(named)] == []


def test_the_picture_of_a_read_names_modules_that_exist() -> None:
    picture = section(README, "How a read flows").split("```")[1]
    named = set(re.findall(r"[\w/]+\.py", picture))
    runtime = ROOT / "source_stock_ticker" / "runtime"
    assert named
    for name in named:
        assert any((folder / name).exists() for folder in (ROOT, runtime.parent, runtime)), name


def test_the_docs_page_names_the_required_options_and_this_version() -> None:
    page = DOCS_PAGE.read_text("utf-8")
    prerequisites = section(page, "Prerequisites").lower()
    for name in SPEC["required"]:
        assert SPEC["properties"][name]["title"].lower() in prerequisites
    newest = table(section(page, "Changelog"))[0]
    assert newest[0] == __version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", newest[1])


def test_the_docs_page_lists_the_streams_and_options() -> None:
    page = DOCS_PAGE.read_text("utf-8")
    for stream in STREAMS:
        assert f"`{stream['name']}`" in section(page, "Supported Streams")
    for field in SPEC["properties"].values():
        assert f"**{field['title']}**" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        file, _, anchor = link.partition("#")
        if anchor and "://" not in link:
            there = (page.parent / file if file else page).read_text("utf-8")
            titles = [title.lower() for title in re.findall(r"^#+ (.+)$", there, re.MULTILINE)]
            assert anchor in [re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles], link
