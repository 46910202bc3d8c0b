"""The connector as a whole: what check says of each outcome, and what discover shows."""

import json
import logging
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
import requests

import source_stock_ticker
from source_stock_ticker import SourceStockTicker, trading_days
from source_stock_ticker.runtime.errors import ConfigError, TransientError, UnexpectedResponse

ROOT = Path(__file__).resolve().parent.parent
LOGGER = logging.getLogger("unit_tests")
API = "https://api.massive.com"
CONFIG = {
    "api_key": "my-key",
    "tickers": ["AAPL", "MSFT"],
    "start_date": "2024-01-02",
    "end_date": "2024-02-29",
}
BARS = {"status": "OK", "adjusted": True, "resultsCount": 1, "results": [{"c": 11, "t": 1704171600000}]}
BEFORE_END = {
    "status": "NOT_AUTHORIZED",
    "message": "Attempted to request today's data before end of day. Please upgrade your plan.",
}
STREAMS = [
    "stock_prices",
    "dividends",
    "splits",
    "news",
    "tickers",
    "ticker_details",
    "exchanges",
    "market_holidays",
]


def check(**config) -> None:
    SourceStockTicker().check(LOGGER, CONFIG | config)


def paths(server) -> list[str]:
    return [urlsplit(call.request.url).path for call in server.calls]


@pytest.fixture(scope="module")
def catalog() -> dict[str, dict]:
    """The streams that discover shows, by name."""
    message = json.loads(SourceStockTicker().discover(LOGGER, CONFIG))
    return {stream["name"]: stream for stream in message["catalog"]["streams"]}


# The package


@pytest.mark.parametrize(("asked", "loaded"), [("__version__", False), ("main", False), ("SourceStockTicker", True)])
def test_the_connector_is_loaded_when_somebody_asks_for_it(asked, loaded):
    code = f"import sys, source_stock_ticker as package; package.{asked}; print('requests' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == str(loaded)


def test_a_name_that_the_package_does_not_have_is_told():
    with pytest.raises(AttributeError, match="module 'source_stock_ticker' has no attribute 'SourceOfTheNile'"):
        source_stock_ticker.SourceOfTheNile  # noqa: B018


# check


def test_a_check_asks_once_for_the_first_tickers_bars_over_the_configured_days(server):
    server.get(re.compile(API), json=BARS)
    check()
    assert paths(server) == ["/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29"]


def test_a_check_asks_for_what_a_read_would(server):
    server.get(re.compile(API), json=BARS)
    check(timespan="minute", multiplier=5, adjusted=False)
    assert paths(server) == ["/v2/aggs/ticker/AAPL/range/5/minute/2024-01-02/2024-02-29"]
    assert dict(parse_qsl(urlsplit(server.calls[0].request.url).query))["adjusted"] == "false"


def test_a_check_does_not_ask_for_today(server, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2024, 3, 18, 16, 0, tzinfo=timezone.utc).astimezone(tz)  # a Monday

    monkeypatch.setattr(trading_days, "datetime", Clock)
    server.get(re.compile(API), json=BARS)
    SourceStockTicker().check(LOGGER, {"api_key": "my-key", "tickers": ["AAPL"]})
    assert paths(server) == ["/v2/aggs/ticker/AAPL/range/1/day/2022-03-19/2024-03-15"]


def test_a_first_page_without_a_bar_that_links_to_a_second_is_no_unknown_ticker(server):
    server.get(re.compile(API), json={"status": "OK", "resultsCount": 0, "next_url": f"{API}/v2/aggs/next?cursor=b"})
    assert check(timespan="minute") is None


def test_a_delayed_response_is_good_enough(server):
    server.get(re.compile(API), json=BARS | {"status": "DELAYED"})
    assert check() is None


NO_BARS = (
    "tickers: the API has no bars of AAPL from 2024-01-02 to 2024-02-29. "
    "Is it spelt as the exchange does (upper and lower case differ), and was it traded then?"
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (200, {"status": "OK", "resultsCount": 0}, ConfigError, NO_BARS),
        (200, {"status": "OK", "results": []}, ConfigError, NO_BARS),
        (
            401,
            {"status": "ERROR", "error": "Unknown API Key"},
            ConfigError,
            "api_key: the API does not know this key (HTTP 401); check it in your dashboard. "
            'The API says: "Unknown API Key"',
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."},
            ConfigError,
            'Your plan does not include this data (HTTP 403). The API says: "You are not entitled to this data."',
        ),
        (
            403,
            {"status": "NOT_AUTHORIZED", "message": "Your plan doesn't include this data timeframe."},
            ConfigError,
            "start_date: your plan does not go back so far (or this machine's clock is ahead); choose a later "
            'start_date. The API says: "Your plan doesn\'t include this data timeframe."',
        ),
        (
            429,
            {"status": "ERROR", "error": "You've exceeded the maximum requests per minute"},
            TransientError,
            "The API's rate limit is reached (HTTP 429). Wait a minute and try again, "
            "or set requests_per_minute to what your plan allows.",
        ),
        (503, "", TransientError, f"{API} did not serve us, tried once: it answered HTTP 503."),
        (
            200,
            "<html>Welcome</html>",
            UnexpectedResponse,
            "The API sent something that is not JSON for /v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29.",
        ),
        (
            200,
            "[]",
            UnexpectedResponse,
            "The API's response for /v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29 is not as documented: "
            "Expected `object`, got `array`.",
        ),
        (
            200,
            {"status": "ERROR", "error": "Something is wrong"},
            UnexpectedResponse,
            "The API refused /v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29. "
            'The API says: "Something is wrong"',
        ),
    ],
)
def test_a_check_that_fails_says_why_by_one_request_and_without_waiting(server, slept, status, body, kind, sentence):
    server.get(re.compile(API), status=status, body=body if isinstance(body, str) else json.dumps(body))
    with pytest.raises(kind) as error:
        check()
    assert error.value.message == sentence
    assert (len(server.calls), slept) == (1, [])


def test_a_check_of_an_address_where_nothing_listens_names_it(server, slept):
    refused = requests.ConnectionError("[Errno 111] Connection refused")
    server.get(re.compile("http://localhost:8080/"), body=refused)
    with pytest.raises(TransientError) as error:
        check(api_url="http://localhost:8080")
    assert error.value.message == (
        "http://localhost:8080 did not serve us, tried once: nothing listens at that address (connection refused)."
    )
    assert slept == []


def test_a_check_of_an_address_that_is_not_the_apis_is_not_blamed_on_the_ticker(server):
    server.get(re.compile("https://elsewhere.example/"), status=404, body="<html>Not found</html>")
    with pytest.raises(UnexpectedResponse, match="404"):
        check(api_url="https://elsewhere.example/api")


def test_a_check_before_the_api_has_the_last_day_succeeds_as_a_read_would(server):
    server.get(f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-29", status=403, json=BEFORE_END)
    server.get(f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-01-02/2024-02-28", json=BARS)
    check()
    assert len(server.calls) == 2


def test_a_check_of_one_day_that_the_api_does_not_have_yet_succeeds_as_a_read_would(server):
    path = f"{API}/v2/aggs/ticker/AAPL/range/1/day/2024-02-29"
    server.get(f"{path}/2024-02-29", status=403, json=BEFORE_END)
    server.get(f"{path}/2024-02-28", status=400, json={"status": "ERROR", "error": "'to' occurs before 'from'"})
    server.get(f"{API}/v3/reference/tickers", json={"status": "OK", "results": [{"ticker": "A"}]})
    assert check(start_date="2024-02-29") is None


@pytest.mark.parametrize("config", [{"tickers": []}, {"start_date": "2999-01-01", "end_date": "2999-12-31"}])
def test_with_no_ticker_or_no_day_to_ask_for_the_key_is_proved_by_the_cheapest_request(server, config):
    server.get(f"{API}/v3/reference/tickers", json={"status": "OK", "results": [{"ticker": "A"}], "next_url": "x"})
    check(**config)
    assert [call.request.url for call in server.calls] == [f"{API}/v3/reference/tickers?limit=1"]


def test_a_check_of_the_whole_market_notices_a_wrong_key(server):
    server.get(f"{API}/v3/reference/tickers", status=401, json={"status": "ERROR", "error": "Unknown API Key"})
    with pytest.raises(ConfigError, match=r"^api_key: "):
        check(tickers=[])


@pytest.mark.parametrize(
    "body", ["<html>Welcome</html>", "", "[]", '{"status": "ERROR", "error": "Something is wrong"}']
)
def test_a_check_of_the_whole_market_that_gets_no_real_response_is_no_success(server, body):
    server.get(f"{API}/v3/reference/tickers", body=body)
    with pytest.raises(UnexpectedResponse):
        check(tickers=[])


def test_a_check_refuses_what_a_read_of_the_whole_market_would_refuse(server):
    server.get(f"{API}/v3/reference/tickers", json={"status": "OK", "results": [{"ticker": "A"}]})
    with pytest.raises(ConfigError, match="tickers: the whole market can be read in bars of a day only"):
        check(tickers=[], timespan="week")


def test_a_config_that_cannot_work_is_told_before_any_request(server):
    with pytest.raises(ConfigError, match="start_date: 2024-13-01 is not a day"):
        check(start_date="2024-13-01")
    assert len(server.calls) == 0


def test_no_outcome_of_a_check_shows_the_key(server):
    server.get(re.compile(API), status=401, json={"status": "ERROR", "error": "Unknown API Key"})
    with pytest.raises(ConfigError) as error:
        check()
    assert "my-key" not in error.value.message + error.value.detail


# discover


def test_discover_shows_the_eight_streams(catalog):
    assert list(catalog) == STREAMS


def test_discover_needs_no_network(server):
    SourceStockTicker().discover(LOGGER, CONFIG)
    assert len(server.calls) == 0


def test_discover_gives_the_same_each_time():
    assert SourceStockTicker().discover(LOGGER, CONFIG) == SourceStockTicker().discover(LOGGER, CONFIG)


def fields_of(schema: dict, path: str = "") -> list[tuple[str, dict]]:
    """Every field of a schema, nested ones too, with its path."""
    found = []
    for name, field in schema.get("properties", {}).items():
        found += [
            (f"{path}{name}", field),
            *fields_of(field, f"{path}{name}."),
            *fields_of(field.get("items", {}), f"{path}{name}[]."),
        ]
    return found


def kinds(field: dict) -> list[str]:
    return field["type"] if isinstance(field["type"], list) else [field["type"]]


@pytest.mark.parametrize("name", STREAMS)
class TestSchema:
    """What the protocol and its suites want of every stream's schema."""

    def test_it_is_a_valid_draft_07_schema(self, catalog, name):
        jsonschema.Draft7Validator.check_schema(catalog[name]["json_schema"])
        assert catalog[name]["json_schema"]["$schema"] == "http://json-schema.org/draft-07/schema#"

    def test_every_field_is_described(self, catalog, name):
        assert not [path for path, field in fields_of(catalog[name]["json_schema"]) if not field.get("description")]

    def test_a_file_of_its_name_holds_it(self, catalog, name):
        file = ROOT / "source_stock_ticker" / "schemas" / f"{name}.json"
        assert json.loads(file.read_text(encoding="utf-8")) == catalog[name]["json_schema"]

    def test_it_allows_fields_to_come(self, catalog, name):
        schema = catalog[name]["json_schema"]
        objects = [schema, *(field for _, field in fields_of(schema) if "object" in kinds(field))]
        assert all(part.get("additionalProperties", True) is True for part in objects)

    def test_it_uses_only_keywords_that_destinations_know(self, catalog, name):
        schema = catalog[name]["json_schema"]
        used = set(schema).union(*(field for _, field in fields_of(schema)))
        assert used <= {
            "$schema",
            "type",
            "description",
            "properties",
            "required",
            "items",
            "additionalProperties",
            "format",
            "airbyte_type",
        }

    def test_a_field_has_one_type_and_perhaps_null_before_it(self, catalog, name):
        known = {"string", "number", "integer", "boolean", "object", "array"}
        for path, field in fields_of(catalog[name]["json_schema"]):
            types = kinds(field)
            assert types[-1] in known, path
            assert types[:-1] in ([], ["null"]), path

    def test_formats_stand_on_strings_only(self, catalog, name):
        for path, field in fields_of(catalog[name]["json_schema"]):
            assert field.get("format") in (None, "date", "date-time"), path
            assert "format" not in field or "string" in kinds(field), path

    def test_a_moment_has_its_time_zone(self, catalog, name):
        for path, field in fields_of(catalog[name]["json_schema"]):
            zoned = field.get("airbyte_type") == "timestamp_with_timezone"
            assert zoned == (field.get("format") == "date-time"), path

    def test_keys_and_cursor_are_fields_that_are_never_null(self, catalog, name):
        stream = catalog[name]
        schema = stream["json_schema"]
        keys = [path[0] for path in stream.get("source_defined_primary_key", [])]
        for field in [*keys, *stream.get("default_cursor_field", [])]:
            assert schema["properties"][field]["type"] in ("string", "integer"), field
            assert field in schema["required"], field

    def test_a_stream_with_a_cursor_is_incremental_and_resumable(self, catalog, name):
        stream = catalog[name]
        has_cursor = "default_cursor_field" in stream
        modes = ["full_refresh", "incremental"] if has_cursor else ["full_refresh"]
        assert stream["supported_sync_modes"] == modes
        assert stream["is_resumable"] is has_cursor
        assert stream.get("source_defined_cursor", False) is has_cursor

    def test_the_sample_catalogs_show_it_as_discover_does(self, catalog, name):
        shown = []
        for file in (ROOT / "sample_files").glob("configured_catalog*.json"):
            shown += [s["stream"] for s in json.loads(file.read_text(encoding="utf-8"))["streams"]]
        assert [stream for stream in shown if stream["name"] == name] == [catalog[name]] * sum(
            stream["name"] == name for stream in shown
        )
        assert name in {stream["name"] for stream in shown}


def test_a_sample_catalog_has_all_streams_in_the_mode_that_suits_them(catalog):
    file = ROOT / "sample_files" / "configured_catalog_all_streams.json"
    configured = json.loads(file.read_text(encoding="utf-8"))["streams"]
    modes = {stream["stream"]["name"]: stream["sync_mode"] for stream in configured}
    assert modes == {name: stream["supported_sync_modes"][-1] for name, stream in catalog.items()}


def test_the_streams_share_one_rate_limit(server, slept):
    server.get(re.compile(API), json={"status": "OK", "results": []})
    streams = SourceStockTicker().streams(LOGGER, CONFIG | {"requests_per_minute": 60})
    exchanges, tickers = (next(s for s in streams if s.name == name) for name in ("exchanges", "tickers"))
    exchanges.fetch("exchanges", None)
    tickers.fetch(next(tickers.slices({})), None)
    assert 0.5 < sum(slept) <= 1.01


@pytest.mark.parametrize(
    ("config", "workers"),
    [
        ({"requests_per_minute": 0}, 4),
        ({"requests_per_minute": 0, "num_workers": 1}, 1),
        ({"requests_per_minute": 0, "num_workers": 32}, 32),
        ({}, 1),  # 5 requests a minute: more than one would only stand in line
        ({"requests_per_minute": 100, "num_workers": 32}, 6),
        ({"requests_per_minute": 6000}, 4),
    ],
)
def test_the_config_says_how_many_requests_may_be_under_way(config, workers):
    assert SourceStockTicker().workers(CONFIG | config) == workers
