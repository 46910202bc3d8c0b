"""Tests the connector as a whole: how it is loaded, and what discover shows. (check: test_check.py)"""

import json
import logging
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import source_stock_ticker
from source_stock_ticker import SourceStockTicker

ROOT = Path(__file__).resolve().parent.parent
LOGGER = logging.getLogger("unit_tests")
API = "https://api.massive.com"
CONFIG = {
    "api_key": "my-key",
    "tickers": ["AAPL", "MSFT"],
    "start_date": "2024-01-02",
    "end_date": "2024-02-29",
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


def test_a_name_that_the_package_does_not_have_is_reported():
    with pytest.raises(AttributeError, match="module 'source_stock_ticker' has no attribute 'SourceOfTheNile'"):
        source_stock_ticker.SourceOfTheNile  # noqa: B018


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
    """What the protocol and its test suites require of every stream's schema."""

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

    def test_only_strings_have_formats(self, catalog, name):
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
        ({}, 1),  # 5 requests per minute: more than one would only queue
        ({"requests_per_minute": 100, "num_workers": 32}, 6),
        ({"requests_per_minute": 6000}, 4),
    ],
)
def test_the_config_says_how_many_requests_can_be_under_way(config, workers):
    assert SourceStockTicker().workers(CONFIG | config) == workers
