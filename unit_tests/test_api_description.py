"""Checks requests against the publisher's own description of the API, without a network: see api_description.yaml.

The description must allow every request that the connector makes, and every documented response must become rows.
"""

import copy
import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import jsonschema
import pytest
import responses
import yaml

from source_stock_ticker.runtime.errors import ConfigError, UnexpectedResponse
from source_stock_ticker.source import TABLES, SourceStockTicker

DESCRIPTION = yaml.safe_load((Path(__file__).parent / "api_description.yaml").read_text("utf-8"))
ENDPOINTS: dict[str, dict[str, Any]] = DESCRIPTION["endpoints"]
STREAMS = {table.name: table for table in TABLES}
API = "https://api.massive.com"
JSON_TYPES = {"text": "string", "day": "string", "moment": "string", "flag": "boolean", "list": "array"}
FORMATS = {"day": "date", "moment": "date-time"}
EACH_ENDPOINT = pytest.mark.parametrize("name", ENDPOINTS)


# The judge


def endpoint_of(path: str) -> tuple[str, dict[str, str]]:
    """The endpoint's name, and the values in its path. Raises LookupError."""
    for name, endpoint in ENDPOINTS.items():
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<at_\1>[^/]+)", re.escape(endpoint["path"]))
        if found := re.fullmatch(pattern, path):
            return name, {key.removeprefix("at_"): unquote(value) for key, value in found.groupdict().items()}
    raise LookupError(path)


def parameters(name: str) -> dict[str, Any]:
    """The endpoint's parameters, and their possible values."""
    endpoint = ENDPOINTS[name]
    found = dict(endpoint["query"])
    for suffixes, fields in endpoint.get("filters", {}).items():
        found |= {f"{field}.{suffix}": found[field] for field in fields for suffix in suffixes.split()}
    if "next_url" in endpoint["answer"]:
        found["cursor"] = "text"
    columns = [f"{field.rstrip('!')}.{order}" for field in endpoint["fields"] for order in ("asc", "desc")]
    return {key: columns if kind == "columns" else kind for key, kind in found.items()}


def complaints(url: str) -> Iterator[str]:
    """How a request contradicts the description."""
    parts = urlsplit(url)
    try:
        name, in_path = endpoint_of(parts.path)
    except LookupError:
        yield f"there is no {parts.path}"
        return
    sent, known = parse_qsl(parts.query, keep_blank_values=True), parameters(name)
    for key, value in in_path.items():
        if not fits(value, ENDPOINTS[name]["in_path"][key]):
            yield f"{name}: {key} is {value}"
    for key, value in sent:
        values = value.split(",") if key == "sort" or key.endswith(".any_of") else [value]
        if key not in known:
            yield f"{name}: there is no parameter {key}"
        elif not all(fits(each, known[key]) for each in values):
            yield f"{name}: {key} is {value}"
    if len(dict(sent)) < len(sent):
        yield f"{name}: a parameter comes twice"


def fits(value: str, kind: str | list[str]) -> bool:
    """Whether a string in a URL is a value of that kind."""
    if isinstance(kind, list):
        return value in kind
    if ".." in kind:
        low, high = map(int, kind.split(".."))
        return value.isdecimal() and low <= int(value) <= high
    return any(FITS[each](value) for each in kind.split(" or "))


def _is_day(value: str) -> bool:
    with suppress(ValueError):
        return date.fromisoformat(value).isoformat() == value
    return False


def _is_moment(value: str) -> bool:
    return _is_day(value[:10]) and bool(re.fullmatch(r"T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d+)?Z", value[10:]))


FITS: dict[str, Callable[[str], bool]] = {
    "text": bool,
    "flag": ("true", "false").__contains__,
    "integer": str.isdecimal,
    "day": _is_day,
    "moment": _is_moment,
}


# The API that is described


def answer(url: str, empty: bool = False) -> Any:
    """The documented response to a request: first a page with a link to another one, if that is possible."""
    parts = urlsplit(url)
    name, in_path = endpoint_of(parts.path)
    query, body = dict(parse_qsl(parts.query)), copy.deepcopy(ENDPOINTS[name]["answer"])
    if name == "custom bars":
        body["ticker"] = in_path["ticker"]
    if name == "ticker details":
        body["results"]["ticker"] = in_path["ticker"]
    if "adjusted" in query:
        body["adjusted"] = query["adjusted"] == "true"
    if empty:
        body |= {"results": [], "resultsCount": 0, "count": 0}
    if empty or "cursor" in query:
        body.pop("next_url", None)
    return body


@pytest.fixture
def asked(server: responses.RequestsMock) -> list[str]:
    """The requested URLs; each got its documented response."""
    urls: list[str] = []

    def respond(request: Any) -> tuple[int, dict[str, str], str]:
        urls.append(request.url)
        try:
            return 200, {}, json.dumps(answer(request.url))
        except LookupError:
            return 404, {}, ""

    server.add_callback("GET", re.compile(""), callback=respond)
    return urls


# Requests

FIRST_SYNC, NEXT_SYNC = date(2020, 1, 6), date(2020, 1, 13)
ONE, FEW, MANY = ["AAPL"], ["AAPL", "BRK.B", "BACpA", "A/B", "a&b=c?#%", "Ü"], [f"T{number}" for number in range(200)]
SITUATIONS: dict[str, dict[str, Any]] = {
    "one ticker": {"tickers": ONE},
    "odd tickers": {"tickers": FEW},
    "many tickers": {"tickers": MANY},
    "whole market": {"tickers": []},
    "not adjusted": {"tickers": ONE, "adjusted": False},
    "minutes": {"tickers": ONE, "timespan": "minute", "multiplier": 5},
    "hours": {"tickers": ONE, "timespan": "hour", "multiplier": 4},
    "weeks": {"tickers": ONE, "timespan": "week"},
    "months": {"tickers": ONE, "timespan": "month"},
    "past days": {"tickers": ONE, "end_date": "2020-01-03"},
    "days to come": {"tickers": ONE, "end_date": "2030-01-03"},
}


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_read_asks_only_for_what_is_described(asked, connect, read, stream, situation):
    config, state = {"start_date": "2019-12-02", **SITUATIONS[situation]}, {}
    for today in (FIRST_SYNC, NEXT_SYNC):
        with suppress(ConfigError):  # of the stream that does not serve the whole market
            state = read(connect(STREAMS[stream], today, **config), state).state
    assert [complaint for url in asked for complaint in complaints(url)] == []


@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("empty", [False, True])
def test_a_check_asks_only_for_what_is_described(server, situation, empty):
    server.add_callback("GET", re.compile(""), lambda request: (200, {}, json.dumps(answer(request.url, empty))))
    config = {"api_key": "a-key", "start_date": "2019-12-02", **SITUATIONS[situation]}
    with suppress(ConfigError, UnexpectedResponse):  # if nothing is found
        SourceStockTicker().check(logging.getLogger("unit_tests"), config)
    assert server.calls
    assert [complaint for call in server.calls for complaint in complaints(call.request.url)] == []


def test_every_endpoint_that_is_described_is_asked_and_its_second_page_too(asked, connect, read):
    for table in TABLES:
        for tickers in (ONE, []):
            with suppress(ConfigError):
                read(connect(table, FIRST_SYNC, tickers=tickers, start_date="2020-01-02"))
    assert {endpoint_of(urlsplit(url).path)[0] for url in asked} == set(ENDPOINTS)
    pages = {endpoint_of(urlsplit(url).path)[0] for url in asked if "cursor=" in url}
    assert pages == {name for name in ENDPOINTS if "cursor" in parameters(name)}


@pytest.mark.parametrize(
    ("request_made", "complaint"),
    [
        ("/v2/reference/newspapers", "there is no /v2/reference/newspapers"),
        ("/v3/reference/tickers/A/B", "there is no /v3/reference/tickers/A/B"),
        ("/v2/reference/news?tickers=AAPL", "news: there is no parameter tickers"),
        ("/v2/reference/news?ticker.any_of=AAPL", "news: there is no parameter ticker.any_of"),
        ("/v2/reference/news?ticker=", "news: ticker is "),
        ("/v2/reference/news?limit=1001", "news: limit is 1001"),
        ("/v2/reference/news?limit=0", "news: limit is 0"),
        ("/v2/reference/news?limit=ten", "news: limit is ten"),
        ("/v2/reference/news?limit=1&limit=2", "news: a parameter comes twice"),
        ("/v2/reference/news?sort=title", "news: sort is title"),
        ("/v2/reference/news?published_utc.gte=2024-02-30", "news: published_utc.gte is 2024-02-30"),
        ("/v2/reference/news?published_utc.gte=2024-02-01T10:00", "news: published_utc.gte is 2024-02-01T10:00"),
        ("/v3/reference/tickers?active=True", "tickers: active is True"),
        ("/v3/reference/tickers?market=bonds", "tickers: market is bonds"),
        ("/v1/marketstatus/upcoming?limit=5", "holidays: there is no parameter limit"),
        ("/stocks/v1/splits?sort=execution_date", "splits: sort is execution_date"),
        ("/stocks/v1/splits?sort=ticker.asc,pay_date.asc", "splits: sort is ticker.asc,pay_date.asc"),
        ("/stocks/v1/splits?execution_date.gt=20240201", "splits: execution_date.gt is 20240201"),
        ("/stocks/v1/splits?ticker.any_of=AAPL,,MSFT", "splits: ticker.any_of is AAPL,,MSFT"),
        ("/stocks/v1/dividends?order=asc", "dividends: there is no parameter order"),
        ("/stocks/v1/dividends?frequency=often", "dividends: frequency is often"),
        ("/v2/aggs/ticker/AAPL/range/1/days/2024-01-02/2024-01-03", "custom bars: timespan is days"),
        ("/v2/aggs/ticker/AAPL/range/x/day/2024-01-02/2024-01-03", "custom bars: multiplier is x"),
        ("/v2/aggs/ticker/AAPL/range/1/day/2024-1-2/2024-01-03", "custom bars: from is 2024-1-2"),
        ("/v2/aggs/grouped/locale/us/market/stocks/today", "grouped daily bars: date is today"),
        (
            "/v2/aggs/grouped/locale/us/market/stocks/2024-01-02?limit=1",
            "grouped daily bars: there is no parameter limit",
        ),
    ],
)
def test_the_judge_finds_what_is_not_described(request_made, complaint):
    assert list(complaints(API + request_made)) == [complaint]


# Answers


def documented_row(name: str) -> dict[str, Any]:
    body = ENDPOINTS[name]["answer"]
    rows = body if isinstance(body, list) else body["results"]
    return rows[0] if isinstance(rows, list) else rows


def as_ours(name: str, row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a documented row that our row has unchanged, under our names."""
    endpoint = ENDPOINTS[name]
    renamed, changed = endpoint.get("renamed", {}), endpoint.get("changed", {})
    return {renamed.get(field, field): value for field, value in row.items() if field not in changed}


def read_documented(name: str, connect: Any, read: Any) -> list[dict[str, Any]]:
    """The rows that the stream makes from the documented response."""
    table, row = STREAMS[ENDPOINTS[name]["stream"]], documented_row(name)
    if name == "grouped daily bars":
        return read(connect(table, date(2020, 10, 15), tickers=[], start_date="2020-10-14")).rows
    ticker = row.get("ticker") or row.get("tickers", ["AAPL"])[0]
    return read(connect(table, date(2025, 9, 1), tickers=[ticker], start_date="2000-01-03")).rows


@EACH_ENDPOINT
def test_a_documented_answer_becomes_rows_that_fit_the_schema(asked, connect, read, name):
    stream = connect(STREAMS[ENDPOINTS[name]["stream"]])
    rows, wanted = read_documented(name, connect, read), as_ours(name, documented_row(name))
    assert rows
    for row in rows:
        assert {field: row[field] for field in wanted} == wanted
        jsonschema.validate(row, stream.json_schema(), format_checker=jsonschema.FormatChecker())


@EACH_ENDPOINT
def test_a_row_of_only_what_is_always_there_is_read(asked, connect, read, name, monkeypatch):
    endpoint, schema = ENDPOINTS[name], connect(STREAMS[ENDPOINTS[name]["stream"]]).json_schema()
    # Besides what the description promises, our own key or cursor.
    always = {field.rstrip("!") for field in endpoint["fields"] if field.endswith("!")} | set(schema["required"])
    bare = {field: value for field, value in documented_row(name).items() if field in always}
    body = endpoint["answer"]
    shorter = [bare] if isinstance(body, list) else {**body, "results": bare if name == "ticker details" else [bare]}
    monkeypatch.setitem(endpoint, "answer", shorter)
    rows, wanted = read_documented(name, connect, read), as_ours(name, bare)
    assert rows
    assert all({field: row[field] for field in wanted} == wanted for row in rows)


def types_in(schema: dict[str, Any], field: str) -> tuple[str, str | None]:
    """Type and format of a field; publisher.name is one inside an object, or inside the objects of a list."""
    first, *inside = field.split(".")
    found = schema["properties"][first]
    (kind,) = {found["type"]} if isinstance(found["type"], str) else set(found["type"]) - {"null"}
    return types_in(found.get("items", found), ".".join(inside)) if inside else (kind, found.get("format"))


@EACH_ENDPOINT
def test_the_schema_has_every_documented_field_with_its_type(connect, name):
    endpoint, schema = ENDPOINTS[name], connect(STREAMS[ENDPOINTS[name]["stream"]]).json_schema()
    fields = as_ours(name, {field.rstrip("!"): kind for field, kind in endpoint["fields"].items()})
    assert {field: types_in(schema, field) for field in fields} == {
        field: (JSON_TYPES.get(kind, kind), FORMATS.get(kind)) for field, kind in fields.items()
    }


@pytest.mark.parametrize("stream", STREAMS)
def test_every_field_of_the_schema_is_described(connect, stream):
    described = set()
    for endpoint in ENDPOINTS.values():
        if endpoint["stream"] == stream:
            fields = [field.rstrip("!") for field in endpoint["fields"]]
            described |= {endpoint.get("renamed", {}).get(field, field) for field in fields}
            described |= set(endpoint.get("added", []))
    assert set(connect(STREAMS[stream]).json_schema()["properties"]) <= described


@EACH_ENDPOINT
def test_the_documented_rows_have_only_documented_fields(name):
    assert set(documented_row(name)) <= {field.rstrip("!") for field in ENDPOINTS[name]["fields"]}
