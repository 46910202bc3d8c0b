"""The low-code twin, run by Airbyte's CDK, has the rows of ours; and docs/low-code.md tells what it can and cannot say.

What a manifest cannot say is shown by what becomes of the rows; so the page loses a sentence when the CDK learns it.
"""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox_api import SandboxApi
from usual import ROOT, from_the_api

COMMAND = Path(sys.executable).with_name("source-declarative-manifest")
MANIFEST = yaml.safe_load((ROOT / "examples" / "low_code" / "manifest.yaml").read_text("utf-8"))
IN_HASTE = json.loads(json.dumps(MANIFEST).replace("PT1M", "PT2S"))  # its minute has two seconds
STREAMS = {stream["name"]: stream for stream in MANIFEST["streams"]}
PACKAGE = ROOT / "source_stock_ticker"
PAGE = (ROOT / "docs" / "low-code.md").read_text("utf-8")
YEARS = {"tickers": ["AAPL", "MSFT"], "start_date": "2005-01-03", "end_date": "2013-03-01"}
ALL_TICKERS = YEARS | {"tickers": []}
TODAY, A_DIVIDEND_LATER = "2012-11-08", "2012-11-20"  # between them MSFT went ex dividend, and AAPL did not
Row = dict[str, Any]


@pytest.fixture
def api() -> Iterator[SandboxApi]:
    with SandboxApi(page_size=5) as sandbox:
        yield sandbox


class Twin:
    """Runs a manifest with the CDK, on the same files that this connector gets."""

    def __init__(self, connector: Any, manifest: Row) -> None:
        self._connector, self._manifest = connector, connector.file(manifest)
        self.messages: list[Row] = []  # of the last command

    def check(self, **config: Any) -> str:
        """SUCCEEDED, or why not."""
        self._run("check", "--config", self._connector.config(**config))
        (status,) = (message["connectionStatus"] for message in self.messages if "connectionStatus" in message)
        return status.get("message") or status["status"]

    def read(
        self, stream: str, *others: str, mode: str = "full_refresh", state: Any = None, **config: Any
    ) -> list[Row]:
        """The rows of the first stream named; all are read."""
        catalog = self._connector.file(self._connector.catalog([stream, *others], mode))
        files = ["--config", self._connector.config(**config), "--catalog", catalog]
        self._run("read", *files, *(["--state", self._connector.file(state)] if state else []))
        records = [message["record"] for message in self.messages if message["type"] == "RECORD"]
        return [record["data"] for record in records if record["stream"] == stream]

    def saved(self) -> list[Row]:
        return [message["state"] for message in self.messages if message["type"] == "STATE"][-1:]

    def error(self) -> str:
        return json.dumps([message["trace"] for message in self.messages if message.get("trace", {}).get("error")])

    def _run(self, *arguments: str) -> None:
        command = [str(COMMAND), *arguments, "--manifest-path", self._manifest]
        done = subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", timeout=100, check=False)
        self.messages = [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def ours(connect: Callable[[str], Any], api: SandboxApi) -> Any:
    return connect(api.url)


@pytest.fixture
def twin(ours: Any) -> Twin:
    return Twin(ours, MANIFEST)


def by_id(rows: list[Row]) -> dict[Any, Row]:
    """Rows by their key, without what differs from read to read; a field that is null is as good as none."""
    known = [{field: value for field, value in from_the_api(row).items() if value is not None} for row in rows]
    assert known
    return {(row["id"], row.get("name")): row for row in known}


# --- The same ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [YEARS, ALL_TICKERS], ids=["two tickers", "all tickers"])
@pytest.mark.parametrize("stream", STREAMS)
def test_its_rows_are_ours(stream: str, config: Row, ours: Any, twin: Twin) -> None:
    rows = twin.read(stream, **config)
    expected = ours.read(streams=[stream], mode="full_refresh", **config).rows(stream)
    assert len(rows) == len(expected)
    assert by_id(rows) == by_id(expected)


@pytest.mark.parametrize("stream", STREAMS)
def test_its_schema_and_key_are_ours(stream: str, ours: Any) -> None:
    schema = STREAMS[stream]["schema_loader"]["schema"]
    (catalog,) = ours.discover().of_type("CATALOG")
    (entry,) = [entry for entry in catalog["streams"] if entry["name"] == stream]
    fields = entry["json_schema"]["properties"].items()
    undescribed = {name: {word: says[word] for word in says if word != "description"} for name, says in fields}
    assert undescribed == schema["properties"]
    assert entry["json_schema"]["required"] == schema["required"]
    assert entry["source_defined_primary_key"] == [[field] for field in STREAMS[stream]["primary_key"]]


def test_its_options_are_some_of_ours() -> None:
    properties = MANIFEST["spec"]["connection_specification"]["properties"]
    spec = yaml.safe_load((ROOT / "spec.yaml").read_text("utf-8"))["connectionSpecification"]["properties"]
    left_out = {"order", "description", "examples"}
    for name, says in properties.items():
        assert {word: says[word] for word in says if word not in left_out} == {
            word: spec[name][word] for word in spec[name] if word not in left_out
        }, name


def test_it_says_what_is_wrong_with_a_key_in_our_words(ours: Any, twin: Twin) -> None:
    assert twin.check() == "SUCCEEDED"
    sentence = "api_key: the API does not accept this key (HTTP 401); check it in your dashboard."
    assert sentence in twin.check(api_key="a-wrong-key")
    assert sentence in ours.check(api_key="a-wrong-key").status()[1]


@pytest.mark.parametrize("body", [{"status": "ERROR", "error": "a bad day"}, {"error": "a bad day"}])
def test_a_response_without_rows_fails_in_both(body: Row, api: SandboxApi, ours: Any, twin: Twin) -> None:
    api.fail_next(("status", 200, {}, body), times=math.inf)
    assert twin.read("dividends", **YEARS) == []
    assert "a bad day" in twin.error()
    assert ours.read(streams=["dividends"], **YEARS).exit_code == 1


@pytest.mark.parametrize("code", [429, 503])
def test_a_passing_failure_costs_it_no_row(code: int, api: SandboxApi, ours: Any) -> None:
    twin = Twin(ours, IN_HASTE)  # or it would wait a minute after the 429
    whole = by_id(twin.read("dividends", **YEARS))
    api.fail_next(("status", code), path="dividends")
    assert by_id(twin.read("dividends", **YEARS)) == whole


def test_neither_sends_the_key_to_the_host_that_a_link_names(api: SandboxApi, twin: Twin, ours: Any) -> None:
    with SandboxApi() as stranger:
        api.next_url_base = stranger.url
        rows = ours.read(streams=["dividends"], **YEARS).rows("dividends")
        assert by_id(twin.read("dividends", **YEARS)) == by_id(rows)
        assert stranger.requests == []


def test_the_requests_of_all_its_streams_keep_to_one_limit(api: SandboxApi, ours: Any) -> None:
    api.rate_per_minute, api.minute = 3, 1.0
    twin = Twin(ours, IN_HASTE)  # so no second has more than three
    assert twin.read("dividends", "exchanges", requests_per_minute=3, **YEARS)
    assert len(api.calls()) > 6
    assert len(api.calls()) == len(set(api.calls())), "a request was repeated: it was one too many"


# --- What it cannot say -----------------------------------------------------------------------------------------------


def with_a_cursor() -> Row:
    """The manifest with the usual cursor: the newest day seen."""
    manifest = json.loads(json.dumps(MANIFEST))
    stream = next(stream for stream in manifest["streams"] if stream["name"] == "dividends")
    first_day = stream["retriever"]["requester"]["request_parameters"].pop("ex_dividend_date.gte")
    stream["incremental_sync"] = {
        "type": "DatetimeBasedCursor",
        "cursor_field": "ex_dividend_date",
        "datetime_format": "%Y-%m-%d",
        "start_datetime": {"type": "MinMaxDatetime", "datetime": first_day, "datetime_format": "%Y-%m-%d"},
        "start_time_option": {
            "type": "RequestOption",
            "inject_into": "request_parameter",
            "field_name": "ex_dividend_date.gte",
        },
    }
    return manifest


def two_syncs(sync: Callable[[Any], tuple[list[Row], Any]], api: SandboxApi) -> tuple[dict[Any, Row], list[Row]]:
    """(the table after two syncs, the rows that the second one sent); between them a share went ex dividend."""
    api.today = TODAY
    first, state = sync(None)
    api.today = A_DIVIDEND_LATER
    second, _ = sync(state)
    return by_id(first) | by_id(second), second


def test_its_cursor_misses_what_changes_behind_it_and_without_one_all_comes_again(api: SandboxApi, ours: Any) -> None:
    def by_ours(state: Any) -> tuple[list[Row], Any]:
        run = ours.read(streams=["dividends"], state=state, **YEARS)
        return run.rows("dividends"), run.saved()

    def by(manifest: Row, mode: str) -> Callable[[Any], tuple[list[Row], Any]]:
        twin = Twin(ours, manifest)
        return lambda state: (twin.read("dividends", mode=mode, state=state, **YEARS), twin.saved())

    table, sent = two_syncs(by_ours, api)
    right = by_id(ours.read(streams=["dividends"], mode="full_refresh", **YEARS).rows("dividends"))
    assert table == right
    assert {row["ticker"] for row in sent} == {"MSFT"}

    table, sent = two_syncs(by(MANIFEST, "full_refresh"), api)
    assert (table, len(sent)) == (right, len(right))

    table, sent = two_syncs(by(with_a_cursor(), "incremental"), api)
    assert len(sent) < 5
    assert table.keys() == right.keys()
    wrong = [key for key in right if table[key] != right[key]]
    assert len(wrong) > 20


def test_it_does_not_look_at_the_values(api: SandboxApi, ours: Any, twin: Twin) -> None:
    def blank_dates(path: str, body: Any) -> Any:
        rows = body.get("results", []) if "dividends" in path else []
        bad = {"pay_date": "n/a", "cash_amount": "a dollar"}
        return body | {"results": [row | bad for row in rows]} if rows else body

    api.transform = blank_dates
    row = twin.read("dividends", **YEARS)[0]
    assert (row["pay_date"], row["cash_amount"]) == ("n/a", "a dollar")
    read = ours.read(streams=["dividends"], **YEARS)
    assert {(row["pay_date"], row["cash_amount"]) for row in read.rows("dividends")} == {(None, None)}
    assert "became null" in read.logs("WARN")


def test_it_follows_pages_that_lead_in_a_circle(api: SandboxApi, ours: Any, twin: Twin) -> None:
    links: list[str] = []

    def in_a_circle(path: str, body: Any) -> Any:
        links.append(body.pop("next_url", ""))
        return body if len(links) > 100 else body | {"next_url": links[0]}  # or it would never end

    api.transform = in_a_circle
    read = ours.read(streams=["dividends"], **YEARS)
    assert (len(links), read.error()["message"]) == (2, "The pages of /stocks/v1/dividends form a loop.")
    rows = twin.read("dividends", **YEARS)
    assert (len(links), len(rows) > 400, len(by_id(rows))) == (101, True, 10)


# --- The page ---------------------------------------------------------------------------------------------------------


def yaml_lines(part: str) -> int:
    """How many lines a part of the manifest has, without blank ones, comments and the schema in it."""
    part = re.sub(r"^    schema_loader:\n(?:      .*\n)+", "", part, flags=re.MULTILINE)
    return sum(1 for line in part.splitlines() if line.strip() and not line.strip().startswith("#"))


def python_lines(file: str, *left_out: str, only: str | None = None) -> int:
    """The same of a module, without docstrings and the classes left out; or of its one class `only`."""
    tree = ast.parse((PACKAGE / file).read_text("utf-8"))
    named = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    tree.body = [named[only]] if only else [node for node in tree.body if node not in [named[n] for n in left_out]]
    docs = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    without = {line for node in docs for line in range(node.lineno, (node.end_lineno or 0) + 1)}
    written = {line for node in tree.body for line in range(node.lineno, (node.end_lineno or 0) + 1)} - without
    lines = (PACKAGE / file).read_text("utf-8").splitlines()
    return sum(1 for number in written if lines[number - 1].strip() and not lines[number - 1].strip().startswith("#"))


def test_the_page_counts_the_lines_of_both() -> None:
    whole = (ROOT / "examples" / "low_code" / "manifest.yaml").read_text("utf-8")
    exchanges, dividends = re.findall(r"^  - type: DeclarativeStream\n(?:    .*\n)+", whole, re.MULTILINE)
    shared = whole.replace(exchanges, "").replace(dividends, "")
    shared_python = sum(map(python_lines, ["api.py", "settings.py", "source.py", "streams/table.py"]))
    shared_python += yaml_lines((ROOT / "spec.yaml").read_text("utf-8"))
    assert re.findall(r"^\| (.+?) \| (\d+) \| (\d+)", PAGE, re.MULTILINE) == [
        ("`exchanges`", str(yaml_lines(exchanges)), str(python_lines("streams/reference.py", only="Exchanges"))),
        ("`dividends`", str(yaml_lines(dividends)), str(python_lines("streams/announcements.py", "Splits"))),
        ("shared code, apart from the CDK and `runtime/`", str(yaml_lines(shared)), str(shared_python)),
    ]
