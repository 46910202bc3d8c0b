"""Checks the README and the docs against the code: tables, links, addresses. Its commands: integration_tests/."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_spec import NESTED, Field, fields

from source_stock_ticker import SourceStockTicker, __version__

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
REFERENCE = (ROOT / "docs" / "reference.md").read_text("utf-8")
DOCS_PAGE = ROOT / "docs" / "integrations" / "sources" / "stock-ticker.md"
PAGES = [page for where in ("*.md", "benchmarks/*.md", "docs/**/*.md") for page in sorted(ROOT.glob(where))]
CONFIG = json.loads((ROOT / "sample_files" / "config_sandbox.json").read_text("utf-8"))
SPEC = yaml.safe_load((ROOT / "spec.yaml").read_text("utf-8"))["connectionSpecification"]
LOGGER = logging.getLogger("test")
STREAMS = [stream.catalog_entry() for stream in SourceStockTicker().streams(LOGGER, CONFIG)]

LINK = re.compile(r"\]\(([^)\s]+)\)")
TYPES = {
    "string": "string",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
}


def section(text: str, title: str) -> str:
    """The section under the heading `## title`, up to the next heading of that level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"there is no section {title}"
    return found[1]


def table(text: str) -> list[list[str]]:
    """The cells of the first table, without its head."""
    rows = re.search(r"^\|.*?(?=^(?!\|)|\Z)", text, re.MULTILINE | re.DOTALL)
    assert rows, "there is no table"
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows[0].strip().splitlines()[2:]]


def options(schema: Mapping[str, Any]) -> list[list[str]]:
    """The README's table of options: a row for each field, those in objects, choices and lists too."""
    return [
        [f"`{field.path}`", kind(field), field.says.get("description") or field.form.get("title", "")]
        for field in fields(schema)
    ]


def kind(field: Field) -> str:
    """How the README writes the type and the default of an option."""
    words = f"{type_of(field.says)}{limits(field.says)}{', secret' if field.says.get('airbyte_secret') else ''}"
    if field.required:
        return f"{words}; required"
    if field.fixed:
        return words
    default = field.says.get("default")
    return f"{words}; default " + ("blank" if default is None else f"`{json.dumps(default)}`".replace('"', ""))


def type_of(says: Mapping[str, Any]) -> str:
    """What a value is, in words."""
    match says:
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return f"one of {', '.join(map(str, values))}"
        case {"format": "date"}:
            return "day, YYYY-MM-DD"
        case {"oneOf": [{"properties": fixed}, *_]}:
            return "choice by " + next(f"`{name}`" for name, part in fixed.items() if "const" in part)
        case {"items": {"enum": values}}:
            return f"list of {', '.join(map(str, values))}"
        case {"items": {"type": str(item)}}:
            return f"list of {TYPES[item]}s"
        case {"type": str(one) | [one, *_]}:
            return TYPES[one]
    raise AssertionError(f"the form knows no such field: {says}")


def limits(says: Mapping[str, Any]) -> str:
    """The limits of a number."""
    match says:
        case {"minimum": least, "maximum": most}:
            return f", {least} to {most}"
        case {"minimum": least}:
            return f", {least} or more"
        case {"maximum": most}:
            return f", {most} or less"
    return ""


def names(cell: str) -> list[str]:
    """The field names in a cell; none if it says that there are none."""
    return [] if cell.startswith("none") else re.findall(r"`(\w+)`", cell)


def test_the_table_of_options_is_spec_yaml() -> None:
    assert table(section(REFERENCE, "Configuration")) == options(SPEC)


def test_what_is_in_an_object_a_choice_or_a_list_is_an_option_too() -> None:
    assert options(NESTED) == table("""
| Option | Type, default | Meaning |
|---|---|---|
| `credentials` | choice by `kind`; required | How to sign in. |
| `credentials.kind` | `application`; required | Application |
| `credentials.client_id` | string; required | Its id. |
| `credentials.client_secret` | string, secret; required | Its secret. |
| `credentials.kind` | `token`; required | Token |
| `credentials.access_token` | string, secret; required | A token. |
| `accounts` | list of objects; required | Whose rows to read. |
| `accounts.id` | whole number, 1 or more; required | Its number. |
| `accounts.first_date` | day, YYYY-MM-DD; default blank | First day. Left blank, all are read. |
| `window` | object; default blank | Which hours to read. Left blank, all are. |
| `window.zone` | one of UTC, CET; default `UTC` | Its zone. |
""")


@pytest.mark.parametrize("page", [README, REFERENCE], ids=["README", "reference"])
def test_the_table_of_streams_is_what_discover_shows(page: str) -> None:
    streams = section(page, "Streams")
    head = [cell.strip() for cell in streams.strip().split("\n")[0].strip("|").split(" | ")]
    shown = []
    for cells in table(streams):
        row = dict(zip(head, cells, strict=True))
        key, cursor = names(row["Primary key"]), names(row["Cursor"])
        shown.append([names(row["Stream"])[0], key, cursor, row["Sync modes"].split(", ")])
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
    named = ("http://localhost", "http://json-schema.org", "http://proxy.example.com")  # names that nobody opens
    assert [address for address in plain if not address.startswith(named)] == []


def test_the_docs_page_names_the_required_options_and_this_version() -> None:
    page = DOCS_PAGE.read_text("utf-8")
    prerequisites = section(page, "Prerequisites").lower()
    for name in SPEC.get("required", []):
        assert SPEC["properties"][name]["title"].lower() in prerequisites
    newest = table(section(page, "Changelog"))[0]
    assert newest[0] == __version__
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", newest[1])


def test_the_docs_page_lists_the_streams_and_options() -> None:
    page = DOCS_PAGE.read_text("utf-8")
    for stream in STREAMS:
        assert f"`{stream['name']}`" in section(page, "Supported Streams")
    for field in fields(SPEC):
        assert field.fixed or f"**{field.says['title']}**" in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_into_a_page_leads_to_a_heading(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        file, _, anchor = link.partition("#")
        if anchor and "://" not in link:
            there = (page.parent / file if file else page).read_text("utf-8")
            titles = [title.lower() for title in re.findall(r"^#+ (.+)$", there, re.MULTILINE)]
            assert anchor in [re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles], link
