"""Tests a thousand odd configs, catalogs and states: each works, or gets one sentence that says what to change.

Everything runs in one process, with the functions behind the commands. The network is mocked and has no rows, so a
config and a state go all the way to their requests.

    LONG=1 python -m pytest unit_tests/test_bad_input.py         a hundred times as many, new ones each time
"""

from __future__ import annotations

import copy
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import responses
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from source_stock_ticker import SourceStockTicker
from source_stock_ticker.runtime.errors import ConfigError, TransientError
from source_stock_ticker.runtime.process.secret_filter import SecretFilter
from source_stock_ticker.runtime.protocol import messages
from source_stock_ticker.runtime.protocol.catalog import configured_streams
from source_stock_ticker.runtime.protocol.config import validated
from source_stock_ticker.runtime.protocol.files import read_json
from source_stock_ticker.runtime.protocol.spec import secrets
from source_stock_ticker.runtime.protocol.state import saved_states
from source_stock_ticker.runtime.stream import Written

LONG = bool(os.environ.get("LONG"))
MANY = settings(
    max_examples=10_000 if LONG else 100,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
LOGGER = logging.getLogger("bad input")
SOURCE = SourceStockTicker()
SPEC = SOURCE.specification["connectionSpecification"]
SOME = 20  # slices
ONE_ROW = {"ticker_details", "market_holidays"}  # a response without rows is none of theirs
KEY = "a-key-of-" + "0123456789" * 5

CONFIG = {
    "api_key": KEY,
    "tickers": ["AAPL", "IBM"],
    "start_date": "2005-01-03",
    "end_date": "2005-03-31",
    "timespan": "day",
    "multiplier": 1,
    "adjusted": True,
    "lookback_days": 3,
    "requests_per_minute": 0,
    "num_workers": 4,
    "api_url": "https://api.massive.com",
}
CATALOG = {
    "streams": [
        {
            "stream": {"name": name, "namespace": None, "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": mode,
            "destination_sync_mode": "append",
            "cursor_field": ["date"],
        }
        for name, mode in (("stock_prices", "incremental"), ("tickers", "full_refresh"))
    ]
}
STATES = {
    "stock_prices": {
        "made_with": {"timespan": "day", "multiplier": 1, "adjusted": True},
        "start_date": "2005-01-03",
        "read": {"AAPL": ["2005-01-03", "2005-02-01"], "IBM": ["2005-01-03", None]},
        "splits": {"AAPL": ["2005-02-28 1:2"]},
    },
    "dividends": {"read_at": "2024-03-15T14:05:00.000000Z", "fingerprints": {"IBM": "5d41402abc4b2a76"}},
    "splits": {"read_at": "2024-03-15T14:05:00.000000Z", "fingerprints": {"AAPL": "5d41402abc4b2a76"}},
    "news": {"read": {"AAPL": ["2005-01-03", "2005-02-28T14:05:00Z"], "IBM": ["2005-01-03", "2005-01-28T14:05:00Z"]}},
}
STATE = [
    {"type": "STREAM", "stream": {"stream_descriptor": {"name": name, "namespace": None}, "stream_state": state}}
    for name, state in STATES.items()
]


def nested(depth: int) -> Any:
    """A list in a list in a list ..."""
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


DATES = ["0001-01-01", "0001-01-02", "1582-10-15", "2004-02-29", "2005-02-29", "9999-12-31", "20050228", "2005-W09-1"]
MOMENTS = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "20050228T140500Z", "2005-02-28 14:05", "2005-02-28T14"]
STRINGS = [
    "",
    " ",
    "*",
    "AAPL",
    "ÄÖ",
    "\ud800",
    "a\nb",
    "\x00",
    "{}",
    "null",
    "1",
    "day",
    "incremental",
    KEY,
    "x" * 500,
]
ADDRESSES = [
    "http://api.massive.com",
    "https://",
    "https://[::1",
    "https://a..b",
    "https://ⅷ.com",
    "ftp://a",
    "//a:99999",
]
NUMBERS: list[Any] = [0, -1, 1.5, 10**30, 1e300, float("inf"), float("nan"), True, 5.0]
ODD = st.one_of(
    st.none(),
    st.sampled_from(DATES + MOMENTS + STRINGS + ADDRESSES),
    st.sampled_from(NUMBERS),
    st.dates().map(str),
    st.datetimes().map(lambda moment: f"{moment.isoformat()}Z"),
    st.text(max_size=12),
    st.integers(),
    st.sampled_from([1, 30]).map(nested),
    st.lists(st.sampled_from(DATES + STRINGS), max_size=3),
    st.dictionaries(
        st.sampled_from(STRINGS), st.sampled_from([None, 1, "x", [], {}, ["2005-01-03", None]]), max_size=3
    ),
).map(copy.deepcopy)


@st.composite
def changed(draw: Callable, value: Any) -> Any:
    """The value with one to three parts, at any depth, removed, replaced or extended."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        parent, place = None, None
        here = value
        while isinstance(here, dict | list) and here and draw(st.integers(0, 4)):
            parent, place = here, draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
            here = here[place]
        what = draw(st.sampled_from(["take out", "replace", "replace", "add"]))
        if parent is None:
            value = draw(ODD) if what == "replace" else value
        elif what == "take out":
            del parent[place]
        elif what == "replace":
            parent[place] = draw(ODD)
        elif isinstance(here, dict):
            here[draw(st.sampled_from(["read", "tickers", "type", "AAPL", "*", "date", "é"]))] = draw(ODD)
        elif isinstance(here, list):
            here.append(draw(ODD))
    return value


def answered(work: Callable[[], Any], names: tuple[str, ...]) -> Any:
    """What `work` returns; None if it raises a sentence that names one of these. Any other exception is a bug."""
    try:
        return work()
    except ConfigError as refused:
        message = refused.message
    except TransientError:
        return None  # an odd address can be that of a server, which does not respond here
    assert re.split("[:. ]", message, maxsplit=1)[0] in names, message
    assert message.endswith((".", "?", ")"))
    assert len(message) < 500
    # A key pasted into another field too: the filter must find it, and no cut may hide it from the filter.
    assert KEY[:20] not in SecretFilter([KEY]).lines(messages.log("INFO", message)).decode()
    assert not [word for word in ("Error", "Traceback", "NoneType", "object at") if word in message]
    return None


def led_to_the_requests(config: dict[str, Any], states: dict[Any, Any], names: tuple[str, ...]) -> None:
    """Let every stream resume, list its slices, and request some of them."""
    for stream in answered(lambda: SOURCE.streams(LOGGER, config), names) or ():
        answered(partial(read_some, stream, states.get((stream.name, None), {})), names)


def read_some(stream: Any, saved: dict[str, Any]) -> None:
    state = stream.resume(copy.deepcopy(saved) if stream.cursor_field else {})
    for stream_slice in islice(stream.slices(copy.deepcopy(state)), SOME):
        str(stream_slice)
        response = stream.fetch(stream_slice, None)
        if response is not None and stream.name not in ONE_ROW:
            page = stream.parse(stream_slice, response)
            stream.checkpoint(state, stream_slice, Written(note=page.note, done=not page.rows))
    json.dumps(state, allow_nan=False)


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    """An API without rows, and no waits for the rate limit."""
    with pytest.MonkeyPatch.context() as patch, responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        patch.setattr(time, "sleep", lambda seconds: None)
        mock.get(re.compile(".*"), json={"status": "OK", "results": []})
        yield


FIELDS = (*SPEC["properties"], "config")


@MANY
@given(changed(CONFIG))
@example({**CONFIG, "start_date": "0001-01-01", "timespan": "week"})
@example({**CONFIG, "lookback_days": float("inf")})
@example({**CONFIG, "adjusted": KEY})
@example({**CONFIG, "tickers": ["x" * 60 + KEY]})
def test_a_config_works_or_the_error_says_which_field_to_change(config: Any) -> None:
    valid = answered(lambda: validated(config, SPEC), FIELDS)
    if valid is not None:
        led_to_the_requests(valid, {}, FIELDS)


@MANY
@given(changed(CATALOG))
def test_a_catalog_works_or_the_error_says_what_is_wrong_with_it(catalog: Any) -> None:
    streams = answered(lambda: configured_streams(catalog), ("catalog",))
    assert streams is None or all(type(stream.name) is str for stream in streams)


def state_works_or_is_refused(state: str) -> None:
    states = answered(lambda: saved_states(state, STATES), ("state",))
    if states is not None:
        led_to_the_requests(CONFIG, states, ("state",))


@MANY
@given(changed(STATE))
def test_a_state_file_works_or_the_error_says_what_is_wrong_with_it(state: Any) -> None:
    state_works_or_is_refused(json.dumps(state))


@MANY
@given(changed(STATES))
@example({"news": {"read": {"AAPL": ["2005-01-03", "20050228T140500Z"]}}})
@example({"news": {"read": {"AAPL": ["0001-01-01", "0001-01-01T00:00:00Z"]}}})
@example({"dividends": {"fingerprints": {"IBM": float("inf")}}})
@example({"stock_prices": {**STATES["stock_prices"], "read": {"AAPL": ["0001-01-01", "0001-01-02"]}}})
def test_the_states_of_the_streams_work_or_are_rejected_as_not_ours(states: Any) -> None:
    state_works_or_is_refused(json.dumps(states))


@MANY
@given(st.sampled_from([CONFIG, CATALOG, STATE]), st.integers(0, 2000), st.text(max_size=3))
def test_a_state_file_that_is_cut_or_garbled_works_or_is_refused(whole: Any, place: int, put: str) -> None:
    text = json.dumps(whole)
    state_works_or_is_refused(text[:place])
    state_works_or_is_refused(text[:place] + put + text[place + len(put) :])


@pytest.mark.parametrize("depth", [100, 900, 980, 5000])
def test_endless_nesting_is_reported(depth: int, tmp_path: Path) -> None:
    deep = "[" * depth + "]" * depth
    for name in ("api_key", "tickers", "start_date", "unknown"):
        file = tmp_path / "config.json"
        file.write_text(json.dumps({**CONFIG, name: "?"}).replace('"?"', deep))
        config = answered(lambda: read_json(str(file), "config"), ("config",))  # noqa: B023
        if config is not None:
            list(secrets(config, SPEC))
            answered(lambda: validated(config, SPEC), FIELDS)  # noqa: B023
    for state in STATES:
        state_works_or_is_refused(f'{{"{state}": {{"read": {deep}, "fingerprints": {{"IBM": {deep}}}}}}}')


@pytest.mark.parametrize("key", ["", " ", "a b", "ä", "a\nb", "\x00", "x" * 10_000])
def test_a_key_is_never_shown(key: str) -> None:
    config = {**CONFIG, "api_key": key + "5ecret", "tickers": [" "], "num_workers": 0}
    for change in ({}, {"num_workers": 1}, {"num_workers": 1, "tickers": []}):
        with pytest.raises(ConfigError) as refused:
            SOURCE.streams(LOGGER, validated({**config, **change, "start_date": "2024-13-01"}, SPEC))
        assert "5ecret" not in refused.value.message
