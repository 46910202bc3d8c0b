"""The prices: where a sync resumes, what it asks for, and that what it leaves equals a full refresh.

`Market` answers like the API, from splits and prices of its own; so a test tells a story, as
"AAPL is split, the API's bars follow a day late", and then compares two reads.
"""

import json
import logging
import math
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import ZoneInfo

import hypothesis
import pytest
import responses
from hypothesis import strategies as st

from source_stock_ticker.api import NotYet, TooOld
from source_stock_ticker.coverage import DaySlice, EndSlice, Sync, TickerSlice
from source_stock_ticker.prices import StockPrices
from source_stock_ticker.runtime import ConfigError, UnexpectedAnswer
from source_stock_ticker.runtime.http_client import Answer

TODAY = date(2024, 3, 15)  # a Friday, so that the last day to read is Thursday, March 14
START = "2024-03-01"  # a Friday; in between, on Sunday, March 10, the clocks go forward
ONE_DAY = timedelta(days=1)


class Market:
    """The API, as long as the block of a `with` lasts. Its attributes say what there is, and what goes wrong."""

    def __init__(self, *tickers: str, today: date = TODAY) -> None:
        self.today = today
        self.listed = {ticker: (date(2000, 1, 3), date(2100, 1, 1)) for ticker in tickers}  # first and last day
        self.splits: list[dict[str, Any]] = []
        self.not_followed: list[dict[str, Any]] = []  # splits that the bars are not restated for yet
        self.holidays: set[date] = set()
        self.published: date | None = None  # the newest day with bars; None = yesterday
        self.refuses_unpublished = False
        self.plan_begins: date | None = None  # the plan has no older bars ..
        self.clips = False  # .. and says nothing of it
        self.page = 50_000  # bars
        self.down: tuple[str, ...] = ()  # parts of addresses that get a 503
        self.refuses_splits = False
        self.requests: list[str] = []

    def __enter__(self) -> "Market":
        self._sleep = mock.patch("time.sleep")
        self._network = responses.RequestsMock(assert_all_requests_are_fired=False)
        self._network.add_callback(responses.GET, re.compile("https://api.massive.com/"), callback=self._answer)
        self._sleep.start()
        self._network.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._network.stop(allow_assert=False)
        self._sleep.stop()

    def split(self, ticker: str, day: str, split_to: int = 2) -> dict[str, Any]:
        self.splits.append({"ticker": ticker, "execution_date": day, "split_from": 1, "split_to": split_to})
        return self.splits[-1]

    @property
    def price_requests(self) -> list[str]:
        return [request for request in self.requests if "/aggs/" in request]

    def _answer(self, request: Any) -> tuple[int, dict[str, str], str]:
        parts = urlsplit(request.url)
        query = dict(parse_qsl(parts.query))
        self.requests.append(unquote(parts.path))
        if any(part in request.url for part in self.down):
            return 503, {}, ""
        segments = [unquote(segment) for segment in parts.path.split("/")]
        if segments[-1] == "splits":
            if self.refuses_splits:
                return 403, {}, json.dumps({"status": "NOT_AUTHORIZED", "message": "You are not entitled to this."})
            return 200, {}, json.dumps({"status": "OK", "results": list(self._splits_of(query))})
        adjusted = query.get("adjusted", "true") == "true"
        if "grouped" in segments:
            return self._bars(date.fromisoformat(segments[-1]), date.fromisoformat(segments[-1]), adjusted, None)
        first, last = (date.fromisoformat(segment) for segment in segments[-2:])
        return self._bars(first, last, adjusted, segments[4])

    def _splits_of(self, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        tickers = query.get("ticker.any_of", "").split(",")
        for row in self.splits:
            in_time = query["execution_date.gt"] < row["execution_date"] <= query["execution_date.lte"]
            if in_time and (tickers == [""] or row["ticker"] in tickers):
                yield row

    def _bars(self, first: date, last: date, adjusted: bool, ticker: str | None) -> tuple[int, dict[str, str], str]:
        published = self.published or self.today - ONE_DAY
        if last < first:
            return 400, {}, json.dumps({"status": "ERROR", "error": "'to' cannot be a time that occurs before 'from'"})
        if last > published and self.refuses_unpublished:
            message = "Attempted to request today's data before end of day. Please upgrade your plan."
            return 403, {}, json.dumps({"status": "NOT_AUTHORIZED", "message": message})
        if self.plan_begins and first < self.plan_begins and not self.clips:
            message = "Your plan doesn't include this data timeframe. Please upgrade your plan."
            return 403, {}, json.dumps({"status": "NOT_AUTHORIZED", "message": message})
        first = max(first, self.plan_begins or first)
        days = [first + timedelta(days=n) for n in range((min(last, published) - first).days + 1)]
        days = [day for day in days if day.isoweekday() <= 5 and day not in self.holidays]
        bars = [
            self._bar(t, day, adjusted, ticker is None) for t in ([ticker] if ticker else self.listed) for day in days
        ]
        bars = [bar for bar in bars if bar]
        body = {"status": "OK", "adjusted": adjusted, "resultsCount": len(bars)}
        if ticker and len(bars) > self.page:
            following = days[self.page]  # every day has a bar where pages matter
            path = f"/v2/aggs/ticker/{ticker}/range/1/day/{following}/{last}?cursor=bGltaXQ9Mg"
            body["next_url"] = f"https://api.massive.com:443{path}"
        if bars:
            body["results"] = bars[: self.page] if ticker else bars
        return 200, {}, json.dumps(body)

    def _bar(self, ticker: str, day: date, adjusted: bool, grouped: bool) -> dict[str, Any] | None:
        first, last = self.listed.get(ticker, (date.max, date.min))
        if not first <= day <= last:
            return None
        followed = [split for split in self.splits if adjusted and split not in self.not_followed]
        own = {
            (s["execution_date"], s["split_to"]) for s in followed if s["ticker"] == ticker
        }  # a repeated row counts once
        ratio = math.prod(split_to for split_day, split_to in own if str(day) < split_day <= str(self.today))
        price = (64 + day.toordinal() % 50) * 16
        stamp = datetime(day.year, day.month, day.day, 16 if grouped else 0, tzinfo=ZoneInfo("America/New_York"))
        bar = {
            "o": price / ratio,
            "c": (price + 8) / ratio,
            "v": 1000 * ratio,
            "n": 9,
            "t": int(stamp.timestamp()) * 1000,
        }
        return bar | {"T": ticker} if grouped else bar


@pytest.fixture
def market() -> Iterator[Market]:
    with Market("AAPL", "MSFT", "NVDA") as market:
        yield market


@pytest.fixture
def sync(connect, read, market):
    """A function: reads the market from a saved state; of the config it knows start_date and adjusted."""

    def sync(saved: dict | None = None, **config: Any) -> Any:
        return read(connect(StockPrices, market.today, **({"start_date": START} | config)), saved)

    return sync


def state_of(
    read: dict[str, list], splits: dict[str, list] | None = None, start: str = START, **made_with: Any
) -> dict:
    made_with = {"timespan": "day", "multiplier": 1, "adjusted": True} | made_with
    return {"made_with": made_with, "start_date": start, "read": read, "splits": splits or {}}


def table(*row_lists: list[dict]) -> dict[tuple, dict]:
    """What a destination holds after these records, each replacing the one with its key."""
    return {(row["stock_ticker"], row["timestamp"]): row for rows in row_lists for row in rows}


def days_of(rows: list[dict], ticker: str = "AAPL") -> list[str]:
    return [row["date"] for row in rows if row["stock_ticker"] == ticker]


def weekdays(first: str, last: str) -> list[str]:
    length = (date.fromisoformat(last) - date.fromisoformat(first)).days
    days = [date.fromisoformat(first) + timedelta(days=n) for n in range(length + 1)]
    return [day.isoformat() for day in days if day.isoweekday() <= 5]


# Where to resume


def test_a_first_sync_has_every_ticker_still_to_read(connect):
    stream = connect(StockPrices, tickers=["AAPL", "MSFT"], start_date=START)
    assert stream.resume({}) == state_of({"AAPL": [START, None], "MSFT": [START, None]})


def test_with_the_same_settings_all_of_the_state_holds(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]}, {"AAPL": ["2024-03-04 1:2"]})
    assert connect(StockPrices, start_date=START).resume(saved) == saved


@pytest.mark.parametrize(
    "config", [{"adjusted": False}, {"timespan": "week"}, {"timespan": "hour"}, {"timespan": "minute", "multiplier": 5}]
)
def test_prices_made_in_another_way_are_all_read_again(connect, config):
    saved = state_of({"AAPL": ["2024-02-01", "2024-03-12"]}, {"AAPL": ["2024-03-04 1:2"]})
    made_with = {"timespan": "day", "multiplier": 1, "adjusted": True} | config
    resumed = connect(StockPrices, start_date=START, **config).resume(saved)
    assert resumed == state_of({"AAPL": [START, None]}, **made_with)


def test_another_multiplier_alone_makes_other_prices(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]}, timespan="hour")
    resumed = connect(StockPrices, start_date=START, timespan="hour", multiplier=4).resume(saved)
    assert resumed["read"] == {"AAPL": [START, None]}


def test_the_log_says_once_that_changed_settings_mean_reading_again(connect, caplog):
    caplog.set_level(logging.INFO)
    saved = state_of({ticker: [START, "2024-03-12"] for ticker in ("AAPL", "MSFT")})
    connect(StockPrices, tickers=["AAPL", "MSFT"], start_date=START, adjusted=False).resume(saved)
    assert caplog.messages == ["stock_prices: timespan, multiplier or adjusted has changed, so all is read again."]


def test_a_new_ticker_begins_at_the_start_and_the_others_go_on(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    resumed = connect(StockPrices, tickers=["NVDA", "AAPL"], start_date=START).resume(saved)
    assert resumed["read"] == {"NVDA": [START, None], "AAPL": [START, "2024-03-12"]}


def test_a_removed_ticker_leaves_the_state(connect):
    saved = state_of(
        {"AAPL": [START, "2024-03-12"], "MSFT": [START, "2024-03-12"]}, {"MSFT": ["2024-03-04 1:2"], "AAPL": []}
    )
    resumed = connect(StockPrices, start_date=START).resume(saved)
    assert resumed == state_of({"AAPL": [START, "2024-03-12"]}, {"AAPL": []})


def test_an_earlier_start_date_makes_a_gap_so_the_ticker_is_read_again(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    resumed = connect(StockPrices, start_date="2024-02-01").resume(saved)
    assert resumed == state_of({"AAPL": ["2024-02-01", None]}, start="2024-02-01")


def test_a_ticker_that_was_read_from_an_earlier_day_has_no_gap(connect):
    saved = state_of({"AAPL": ["2024-01-02", "2024-03-12"], "MSFT": [START, "2024-03-12"]})
    resumed = connect(StockPrices, tickers=["AAPL", "MSFT"], start_date="2024-02-01").resume(saved)
    assert resumed["read"] == {"AAPL": ["2024-01-02", "2024-03-12"], "MSFT": ["2024-02-01", None]}


def test_a_ticker_that_began_after_the_start_date_is_not_read_again_for_it(connect):
    saved = state_of({"FB": ["2024-02-20", "2024-03-12"]}, start="2024-01-02")
    assert connect(StockPrices, tickers=["FB"], start_date="2024-01-02").resume(saved) == saved


def test_a_later_start_date_leaves_what_was_read_as_it_is(connect):
    saved = state_of({"AAPL": ["2024-01-02", "2024-03-12"]}, start="2024-01-02")
    assert connect(StockPrices, start_date=START).resume(saved)["read"] == saved["read"]


def test_resuming_does_not_change_the_saved_state(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    before = json.dumps(saved)
    connect(StockPrices, tickers=["AAPL", "MSFT"], start_date="2024-02-01").resume(saved)
    assert json.dumps(saved) == before


def test_the_whole_market_is_one_entry(connect):
    assert connect(StockPrices, tickers=[], start_date=START).resume({}) == state_of({"*": [START, None]})


def test_a_ticker_of_the_market_that_is_being_read_again_stays_beside_it(connect):
    saved = state_of({"*": [START, "2024-03-12"], "AAPL": [START, None]}, {"MSFT": ["2024-03-04 1:2"]})
    assert connect(StockPrices, tickers=[], start_date=START).resume(saved) == saved


def test_from_a_list_of_tickers_to_the_whole_market_all_is_read(connect):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    assert connect(StockPrices, tickers=[], start_date=START).resume(saved)["read"] == {"*": [START, None]}


def test_from_the_whole_market_to_a_list_its_tickers_are_read(connect):
    saved = state_of({"*": [START, "2024-03-12"]})
    assert connect(StockPrices, start_date=START).resume(saved)["read"] == {"AAPL": [START, None]}


@pytest.mark.parametrize("timespan", ["minute", "hour", "week", "month"])
def test_the_whole_market_has_bars_of_a_day_only(connect, timespan):
    with pytest.raises(ConfigError) as error:
        connect(StockPrices, tickers=[], timespan=timespan).resume({})
    assert error.value.message == (
        "tickers: the whole market can be read in bars of a day only; list the tickers you want."
    )


GOOD = state_of({"AAPL": [START, "2024-03-12"]})


@pytest.mark.parametrize(
    "saved",
    [
        {"timestamp": "2024-03-12T04:00:00Z"},
        {"read": {}},
        GOOD | {"read": None},
        GOOD | {"read": []},
        GOOD | {"read": {"AAPL": "2024-03-12"}},
        GOOD | {"read": {"AAPL": ["2024-03-01"]}},
        GOOD | {"read": {"AAPL": [None, "2024-03-12"]}},
        GOOD | {"read": {"AAPL": ["2024-02-30", None]}},
        GOOD | {"read": {"AAPL": [START, "yesterday"]}},
        GOOD | {"read": {"AAPL": [START, ""]}},
        GOOD | {"read": {"AAPL": [START, 0]}},
        GOOD | {"read": {"AAPL": [START, False]}},
        GOOD | {"read": {"AAPL": ["20240301", None]}},
        GOOD | {"start_date": None},
        GOOD | {"start_date": "soon"},
        GOOD | {"made_with": None},
        GOOD | {"made_with": "day"},
        GOOD | {"splits": []},
        GOOD | {"splits": None},
        GOOD | {"splits": {"AAPL": None}},
        GOOD | {"splits": {"AAPL": [1]}},
    ],
)
def test_a_state_that_is_not_ours_is_told_and_not_guessed_at(connect, read, saved, market):
    with pytest.raises(ConfigError) as error:
        read(connect(StockPrices, start_date=START), saved)
    assert error.value.message == (
        "state: that of stock_prices is not as this source writes it; clear the stream's state to read it anew."
    )


# What to ask for


def test_a_first_sync_asks_for_all_days_of_a_ticker_at_once(sync, market):
    reading = sync(adjusted=False)
    assert market.requests == ["/v2/aggs/ticker/AAPL/range/1/day/2024-03-01/2024-03-14"]
    assert days_of(reading.rows) == weekdays(START, "2024-03-14")


@pytest.mark.parametrize(
    ("through", "lookback_days", "first"),
    [
        ("2024-03-13", 0, "2024-03-14"),
        ("2024-03-13", 1, "2024-03-13"),
        ("2024-03-13", 3, "2024-03-11"),
        ("2024-03-13", 4, "2024-03-08"),  # over a weekend
        ("2024-03-08", 0, "2024-03-11"),
        ("2024-03-14", 1, "2024-03-14"),
        ("2024-03-14", 365, START),  # no further back than it was read from
        ("2024-02-20", 3, START),  # through before from
        (None, 3, START),
    ],
)
def test_a_later_sync_begins_some_weekdays_before_the_first_missing_day(sync, market, through, lookback_days, first):
    saved = state_of({"AAPL": [START, through]}, adjusted=False)
    sync(saved, adjusted=False, lookback_days=lookback_days)
    assert market.requests == [f"/v2/aggs/ticker/AAPL/range/1/day/{first}/2024-03-14"]


@pytest.mark.parametrize("adjusted", [True, False])
def test_nothing_missing_costs_no_request_but_for_the_splits(sync, market, adjusted):
    saved = state_of({"AAPL": [START, "2024-03-14"]}, adjusted=adjusted)
    assert sync(saved, adjusted=adjusted, lookback_days=0).state == saved
    assert market.requests == (["/stocks/v1/splits"] if adjusted else [])


@pytest.mark.parametrize("through", ["2999-12-31", "9999-12-31"])
def test_a_state_far_in_the_future_asks_for_nothing(sync, market, through):
    saved = state_of({"AAPL": [START, through]})
    assert sync(saved).state == saved
    assert market.requests == []


def test_a_start_date_in_the_future_asks_for_nothing_yet(sync, market):
    reading = sync(start_date="2025-01-02")
    assert (reading.state["read"], market.requests) == ({"AAPL": ["2025-01-02", None]}, [])


def test_an_end_date_that_has_been_read_asks_for_no_price(sync, market):
    saved = state_of({"AAPL": [START, "2024-03-08"]})
    sync(saved, end_date="2024-03-08", lookback_days=0)
    assert market.price_requests == []


def test_an_end_date_moved_back_does_not_take_the_state_back(sync):
    saved = state_of({"AAPL": [START, "2024-03-12"]})
    assert sync(saved, end_date="2024-03-08", lookback_days=10).state["read"] == saved["read"]


def test_a_thousand_tickers_that_miss_one_day_cost_one_price_request(sync, market):
    tickers = ["AAPL", *(f"T{n}" for n in range(999))]
    saved = state_of({ticker: [START, "2024-03-13"] for ticker in tickers})
    sync(saved, tickers=tickers, lookback_days=0, requests_per_minute=6000)
    assert market.price_requests == ["/v2/aggs/grouped/locale/us/market/stocks/2024-03-14"]


def test_ten_tickers_over_two_years_cost_ten_price_requests(sync, market):
    sync(tickers=[f"T{n}" for n in range(10)], start_date="2022-03-16", requests_per_minute=6000)
    assert len(market.price_requests) == 10


@pytest.mark.parametrize("start_date", ["2024-03-09", "2024-03-10"])
@pytest.mark.parametrize("tickers", [[], [f"T{n}" for n in range(20)]])
def test_a_start_date_on_a_weekend_costs_no_request_for_the_weekend(sync, market, start_date, tickers):
    sync(tickers=tickers, start_date=start_date, requests_per_minute=6000)
    assert [request[-10:] for request in market.price_requests] == weekdays("2024-03-11", "2024-03-14")


def test_a_window_without_a_weekday_costs_no_price_request(sync, market):
    sync(tickers=[f"T{n}" for n in range(20)], start_date="2024-03-09", end_date="2024-03-10", requests_per_minute=6000)
    assert market.price_requests == []


def test_every_missing_row_comes_once_though_tickers_begin_on_different_days(connect, read):
    through = ["2024-03-01"] * 2 + ["2024-03-06"] * 8 + ["2024-03-12", "2024-03-13"] * 5
    starts = {f"T{n}": day for n, day in enumerate(through)}
    with Market(*starts) as market:
        saved = state_of({ticker: [START, through] for ticker, through in starts.items()})
        config = {"tickers": list(starts), "start_date": START, "lookback_days": 0, "requests_per_minute": 6000}
        reading = read(connect(StockPrices, **config), saved)
        assert {path.split("/")[3] for path in market.price_requests} == {"ticker", "grouped"}
    found = sorted((row["stock_ticker"], row["date"]) for row in reading.rows)
    missing = [(t, day) for t, through in starts.items() for day in weekdays(through, "2024-03-14") if day > through]
    assert found == sorted(missing)


def test_both_ways_of_asking_give_the_same_rows(connect, read):
    with Market(*(f"T{n}" for n in range(30))) as market:
        market.split("T3", "2024-03-12")
        config = {"tickers": list(market.listed), "start_date": "2024-03-07"}
        grouped = read(connect(StockPrices, **config, requests_per_minute=6000)).rows
        assert all("grouped" in path for path in market.price_requests)
        by_ticker = [row for t in market.listed for row in read(connect(StockPrices, **config | {"tickers": [t]})).rows]
    assert table(grouped) == table(by_ticker)


@pytest.mark.parametrize("timespan", ["minute", "hour", "week", "month"])
def test_bars_of_another_size_are_asked_for_by_ticker(connect, timespan):
    stream = connect(StockPrices, tickers=[f"T{n}" for n in range(20)], timespan=timespan, start_date=START)
    with Market():
        slices = list(stream.slices(stream.resume({})))
    assert [type(slice) for slice in slices[1:]] == [TickerSlice] * 20 + [EndSlice]


@pytest.mark.parametrize(
    ("timespan", "first"), [("week", "2024-03-10"), ("month", "2024-03-01"), ("hour", "2024-03-13")]
)
def test_a_window_begins_where_its_first_bar_begins(server, connect, timespan, first):
    path = f"https://api.massive.com/v2/aggs/ticker/AAPL/range/1/{timespan}/{first}/2024-03-14"
    server.get(path, json={"status": "OK"})
    stream = connect(StockPrices, timespan=timespan)
    assert stream.bars("AAPL", date(2024, 3, 13), date(2024, 3, 14)) is not None


def test_a_request_says_whether_prices_are_adjusted_and_in_which_order(server, connect):
    wanted = {"adjusted": "false", "sort": "asc", "limit": "50000"}
    path = "https://api.massive.com/v2/aggs/ticker/BRK.B/range/1/day/2024-03-13/2024-03-14"
    server.get(path, json={"status": "OK"}, match=[responses.matchers.query_param_matcher(wanted)])
    assert connect(StockPrices, adjusted=False).bars("BRK.B", date(2024, 3, 13), date(2024, 3, 14)) is not None


def test_a_days_request_asks_for_the_tickers_over_the_counter_too(server, connect):
    wanted = {"adjusted": "true", "include_otc": "true"}
    path = "https://api.massive.com/v2/aggs/grouped/locale/us/market/stocks/2024-03-14"
    server.get(path, json={"status": "OK"}, match=[responses.matchers.query_param_matcher(wanted)])
    day = DaySlice(date(2024, 3, 14), {"*": date(2024, 3, 14)}, frozenset(), Sync(date(2024, 3, 14)), True)
    assert connect(StockPrices, tickers=[]).fetch(day, None) is not None


def test_a_long_sync_is_announced_with_the_time_it_takes(connect, market, caplog):
    caplog.set_level(logging.INFO)
    stream = connect(StockPrices, tickers=[f"T{n}" for n in range(15)], adjusted=False, requests_per_minute=5)
    list(stream.slices(stream.resume({})))
    assert "15 requests" in caplog.text
    assert "3 minutes" in caplog.text


def test_a_short_sync_is_not_announced(connect, market, caplog):
    caplog.set_level(logging.INFO)
    stream = connect(StockPrices, tickers=["AAPL", "MSFT"], adjusted=False, requests_per_minute=5)
    list(stream.slices(stream.resume({})))
    assert caplog.messages == []


# What has been read


def test_the_state_says_through_which_day_a_ticker_was_read(sync):
    assert sync(adjusted=False).state["read"] == {"AAPL": [START, "2024-03-14"]}


@pytest.mark.parametrize("page", [1, 3, 50_000])
@pytest.mark.parametrize("lookback_days", [0, 3])
@pytest.mark.parametrize("config", [{"tickers": ["AAPL", "MSFT"]}, {"tickers": []}])
def test_from_every_checkpoint_on_nothing_is_lost(connect, read, page, lookback_days, config):
    with Market("AAPL", "MSFT", "NVDA") as market:
        market.page = page
        market.split("AAPL", "2024-03-05")
        config |= {"start_date": START, "lookback_days": lookback_days, "requests_per_minute": 6000}
        whole = read(connect(StockPrices, **config))
        stale = whole.state | {"splits": {}}  # as if the split were announced late
        for saved in ({}, stale):
            first = read(connect(StockPrices, **config), saved)
            for written, state in first.checkpoints:
                rest = read(connect(StockPrices, **config), state)
                before = whole.rows if saved else []
                assert table(before, first.rows[:written], rest.rows) == table(whole.rows)


def test_a_checkpoint_between_pages_promises_only_the_days_before_its_last(sync, market):
    market.page = 3
    through = [state["read"]["AAPL"][1] for _, state in sync(adjusted=False).checkpoints]
    assert through == [None, "2024-03-04", "2024-03-07", "2024-03-12", "2024-03-14", "2024-03-14"]


def test_a_checkpoint_never_goes_back(sync, market):
    market.page = 1
    saved = state_of({"AAPL": [START, "2024-03-13"]}, adjusted=False)
    through = [state["read"]["AAPL"][1] for _, state in sync(saved, adjusted=False, lookback_days=5).checkpoints]
    assert through == sorted(through)


def test_a_day_that_is_not_published_yet_is_asked_for_again(sync, market):
    market.published = date(2024, 3, 13)
    reading = sync(adjusted=False)
    assert reading.state["read"] == {"AAPL": [START, "2024-03-13"]}
    market.published = None
    assert days_of(sync(reading.state, adjusted=False, lookback_days=0).rows) == ["2024-03-14"]


def test_nothing_published_at_all_is_not_progress(sync, market):
    market.published = date(2024, 2, 29)
    assert sync(adjusted=False).state["read"] == {"AAPL": [START, None]}


def test_an_empty_grouped_day_at_the_end_is_asked_for_again(connect, read):
    with Market(*(f"T{n}" for n in range(20))) as market:
        market.published = date(2024, 3, 13)
        config = {"tickers": list(market.listed), "start_date": "2024-03-12", "requests_per_minute": 6000}
        first = read(connect(StockPrices, **config))
        market.published = None
        second = read(connect(StockPrices, **config, lookback_days=0), first.state)
    assert {row["date"] for row in second.rows} == {"2024-03-14"}


@pytest.mark.parametrize("tickers", [["AAPL"], [], ["AAPL", *(f"T{n}" for n in range(20))]])
def test_a_holiday_does_not_stop_the_state(sync, market, tickers):
    market.holidays = {date(2024, 3, 11), date(2024, 3, 12)}
    reading = sync(tickers=tickers, start_date="2024-03-08", requests_per_minute=6000)
    assert {tuple(covered) for covered in reading.state["read"].values()} == {("2024-03-08", "2024-03-14")}


def test_a_delisted_ticker_is_lifted_along_by_the_others(sync, market):
    market.listed["MSFT"] = (date(2000, 1, 3), date(2024, 3, 5))
    reading = sync(tickers=["MSFT", "AAPL"], adjusted=False)
    assert reading.state["read"] == {"MSFT": [START, "2024-03-14"], "AAPL": [START, "2024-03-14"]}


def test_delisted_tickers_alone_are_lifted_by_the_other_tickers_of_a_day(connect, read):
    tickers = [f"T{n}" for n in range(20)]
    with Market("AAPL"):
        saved = state_of({ticker: [START, "2024-03-08"] for ticker in tickers}, adjusted=False)
        config = {"tickers": tickers, "start_date": START, "adjusted": False, "requests_per_minute": 6000}
        reading = read(connect(StockPrices, **config), saved)
    assert set(map(tuple, reading.state["read"].values())) == {(START, "2024-03-14")}


def test_a_last_day_that_fails_is_not_covered_by_tickers_that_were_read_to_it(connect, read):
    tickers = ["NEW", *(f"T{n}" for n in range(20))]
    with Market(*tickers) as market:
        market.down = ("stocks/2024-03-14",)
        saved = state_of({ticker: [START, "2024-03-12"] for ticker in tickers[1:]}, adjusted=False)
        config = {"tickers": tickers, "start_date": START, "adjusted": False, "requests_per_minute": 6000}
        state = read(connect(StockPrices, **config), saved).state
    assert state["read"] == {ticker: [START, "2024-03-13"] for ticker in tickers[1:]} | {"NEW": [START, "2024-03-14"]}


def test_a_delisted_ticker_alone_stays_at_its_last_day(sync, market):
    market.listed["MSFT"] = (date(2000, 1, 3), date(2024, 3, 5))
    assert sync(tickers=["MSFT"], adjusted=False).state["read"] == {"MSFT": [START, "2024-03-05"]}


def test_a_ticker_that_failed_is_not_lifted_along(sync, market):
    market.down = ("ticker/MSFT",)
    reading = sync(tickers=["MSFT", "AAPL"], adjusted=False)
    assert (reading.failed, reading.state["read"]["MSFT"]) == (["MSFT"], [START, None])


def test_a_ticker_that_failed_between_two_pages_goes_on_there(sync, market):
    market.page, market.down = 3, ("ticker/AAPL/range/1/day/2024-03-06",)
    first = sync(tickers=["AAPL", "MSFT"], adjusted=False)
    market.down = ()
    second = sync(first.state, tickers=["AAPL", "MSFT"], adjusted=False, lookback_days=0)
    assert days_of(first.rows + second.rows)[-7:] == weekdays("2024-03-06", "2024-03-14")


@pytest.mark.parametrize("tickers", [[], [f"T{n}" for n in range(20)]])
def test_a_day_that_fails_holds_back_the_days_behind_it(connect, read, tickers):
    with Market(*(f"T{n}" for n in range(20))) as market:
        config = {"tickers": tickers, "start_date": "2024-03-11", "requests_per_minute": 6000, "lookback_days": 0}
        market.down = ("stocks/2024-03-12",)
        first = read(connect(StockPrices, **config))
        market.down = ()
        second = read(connect(StockPrices, **config), first.state)
    assert {row["date"] for row in first.rows} == {"2024-03-11"}
    assert {row["date"] for row in second.rows} == {"2024-03-12", "2024-03-13", "2024-03-14"}


@pytest.mark.parametrize("config", [{}, {"tickers": [], "start_date": "2024-03-14"}])
def test_an_address_that_leads_nowhere_is_not_an_empty_market(server, connect, read, config):
    server.get(re.compile("https://api.massive.com/stocks/"), json={"status": "OK"})
    server.get(re.compile("https://api.massive.com/v2/"), status=404, body="404 page not found")
    reading = read(connect(StockPrices, **config))
    assert len(reading.failed) == 1


def test_a_page_that_is_gone_is_not_the_end_of_a_ticker(connect, read, market):
    market.page = 3
    with mock.patch.object(market, "_bars", side_effect=_gone_after_the_first(market._bars)):
        reading = read(connect(StockPrices, start_date=START, adjusted=False))
    assert reading.failed == ["AAPL"]


def _gone_after_the_first(bars):
    answers = iter([bars])

    def answer(*args):
        known = next(answers, None)
        return known(*args) if known else (404, {}, '{"status": "NOT_FOUND"}')

    return answer


# Splits

CONFIG = {"tickers": ["AAPL", "MSFT"], "lookback_days": 1}


def test_a_first_sync_notes_the_splits_before_any_price(sync, market):
    market.split("AAPL", "2024-03-05")
    reading = sync()
    assert market.requests[0] == "/stocks/v1/splits"
    assert reading.checkpoints[1] == (0, state_of({"AAPL": [START, None]}, {"AAPL": ["2024-03-05 1:2"]}))


def test_unadjusted_prices_need_no_list_of_splits(sync, market):
    sync(adjusted=False)
    assert "/stocks/v1/splits" not in market.requests


def test_a_sync_without_a_new_split_reads_no_ticker_again(sync, market):
    market.split("AAPL", "2024-03-05")
    first = sync(**CONFIG)
    market.today += 3 * ONE_DAY
    assert days_of(sync(first.state, **CONFIG).rows) == ["2024-03-14", "2024-03-15"]


def test_a_split_is_noted_in_the_state_that_says_what_is_to_be_read_again(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-05")
    second = sync(first.state, **CONFIG)
    assert second.checkpoints[1][1] == state_of(
        {"AAPL": [START, None], "MSFT": [START, "2024-03-14"]}, {"AAPL": ["2024-03-05 1:2"]}
    )


def late(market: Market) -> None:
    market.split("AAPL", "2024-03-05")


def corrected(market: Market) -> None:
    market.splits[0]["split_to"] = 4


def moved(market: Market) -> None:
    market.splits[0]["execution_date"] = "2024-02-15"


def withdrawn(market: Market) -> None:
    market.splits.clear()


def second_one(market: Market) -> None:
    market.split("AAPL", "2024-03-06", 4)


@pytest.mark.parametrize(
    ("known", "change"),
    [
        (None, late),
        ("2024-02-20", corrected),
        ("2024-02-20", moved),
        ("2024-02-20", withdrawn),
        ("2024-02-20", second_one),
        ("2024-03-13", corrected),  # unsettled
        ("2024-03-13", withdrawn),
        ("2024-03-13", second_one),
    ],
)
@pytest.mark.parametrize("config", [CONFIG, {"tickers": [], "lookback_days": 1}])
def test_whatever_changes_in_the_splits_the_prices_equal_a_full_refresh(sync, market, known, change, config):
    config = config | {"start_date": "2024-02-01"}
    if known:
        market.split("AAPL", known)
    first = sync(**config)
    market.today += 3 * ONE_DAY  # Monday: Friday is read now
    change(market)
    second = sync(first.state, **config)
    assert table(first.rows, second.rows) == table(sync(**config).rows)


@pytest.mark.parametrize("config", [CONFIG, {"tickers": []}, {"end_date": "2024-03-08"}])
def test_a_late_split_is_noticed_though_no_day_is_new(sync, market, config):
    config = config | {"lookback_days": 0}
    first = sync(**config)
    late(market)
    second = sync(first.state, **config)
    assert table(first.rows, second.rows) == table(sync(**config).rows)


@pytest.mark.parametrize("follows_after", [0, 1, 4])
@pytest.mark.parametrize("config", [CONFIG, {"tickers": [], "lookback_days": 1}])
def test_a_split_is_right_in_the_end_though_the_bars_follow_it_late(sync, market, follows_after, config):
    reading = sync(**config)
    rows = [reading.rows]
    split = market.split("AAPL", "2024-03-18")
    market.not_followed.append(split)
    for n in range(12):
        market.today = date(2024, 3, 18) + n * ONE_DAY
        if n >= follows_after:
            market.not_followed.clear()
        reading = sync(reading.state, **config)
        rows.append(reading.rows)
    assert table(*rows) == table(sync(**config).rows)


def test_a_settled_split_is_acted_upon_once(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-05")
    second = sync(first.state, **CONFIG)
    market.requests.clear()
    sync(second.state, **CONFIG | {"lookback_days": 0})
    assert market.price_requests == []


@pytest.mark.parametrize("from_day", ["2024-03-04", "2024-03-05"])
def test_a_split_on_or_before_the_first_day_changes_no_price(sync, market, from_day):
    first = sync(start_date="2024-03-05")
    market.split("AAPL", from_day)
    second = sync(first.state, start_date="2024-03-05", lookback_days=0)
    assert second.rows == []


@pytest.mark.parametrize("split_day", ["2024-03-13", "2024-03-14", "2024-03-15"])
def test_a_split_around_the_last_day_leaves_no_cliff(sync, market, split_day):
    market.today = date(2024, 3, 14)
    first = sync(**CONFIG)
    market.split("AAPL", split_day)
    market.today = date(2024, 3, 15)
    second = sync(first.state, **CONFIG)
    assert table(first.rows, second.rows) == table(sync(**CONFIG).rows)


def test_a_split_to_come_is_not_acted_upon(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-20")
    market.today += 3 * ONE_DAY
    assert days_of(sync(first.state, **CONFIG).rows) == ["2024-03-14", "2024-03-15"]


def test_a_ticker_to_be_read_again_that_fails_is_still_to_be_read_the_next_time(sync, market):
    first = sync(**CONFIG)
    market.split("AAPL", "2024-03-05")
    market.down = ("ticker/AAPL",)
    second = sync(first.state, **CONFIG)
    market.down = ()
    third = sync(second.state, **CONFIG)
    assert table(first.rows, second.rows, third.rows) == table(sync(**CONFIG).rows)


@pytest.mark.parametrize("config", [CONFIG, {"tickers": [], "lookback_days": 1}])
def test_a_ticker_read_again_that_fails_between_two_pages_is_read_to_its_end_the_next_time(sync, market, config):
    first = sync(**config)
    market.split("AAPL", "2024-03-08")
    market.page, market.down = 3, ("ticker/AAPL/range/1/day/2024-03-06",)
    second = sync(first.state, **config)
    market.down = ()
    third = sync(second.state, **config)
    assert table(first.rows, second.rows, third.rows) == table(sync(**config).rows)


def test_a_refused_list_of_splits_leaves_the_noted_ones_and_the_prices_go_on(sync, market, caplog):
    market.split("AAPL", "2024-03-05")
    first = sync(**CONFIG)
    market.refuses_splits = True
    market.today += 3 * ONE_DAY
    second = sync(first.state, **CONFIG)
    assert (second.state["splits"], days_of(second.rows)) == (first.state["splits"], ["2024-03-14", "2024-03-15"])
    assert "splits are not looked for. Your plan does not include this data (HTTP 403)." in caplog.text


def test_only_splits_of_our_tickers_are_noted(sync, market):
    market.split("NVDA", "2024-03-05")
    assert sync(**CONFIG).state["splits"] == {}


def test_the_splits_of_many_tickers_are_listed_by_date_when_that_is_cheaper(connect, market):
    stream = connect(StockPrices, tickers=[f"TICKER{n}" for n in range(5000)], start_date="2024-03-13")
    list(stream.slices(stream.resume({})))
    assert market.requests.count("/stocks/v1/splits") == 1


# The whole market


def test_the_whole_market_costs_one_request_a_weekday(sync, market):
    sync(tickers=[], start_date="2024-03-07")
    grouped = "/v2/aggs/grouped/locale/us/market/stocks/"
    assert market.price_requests == [grouped + day for day in weekdays("2024-03-07", "2024-03-14")]


def test_the_state_of_the_whole_market_is_one_entry(sync, market):
    assert sync(tickers=[]).state["read"] == {"*": [START, "2024-03-14"]}


def test_a_ticker_of_the_market_that_was_split_is_read_by_itself_and_not_twice(sync, market):
    first = sync(tickers=[])
    market.split("AAPL", "2024-03-05")
    market.today += 3 * ONE_DAY
    second = sync(first.state, tickers=[], lookback_days=0)
    assert days_of(second.rows) == weekdays(START, "2024-03-15")
    assert days_of(second.rows, "MSFT") == ["2024-03-15"]


def test_a_ticker_of_the_market_that_was_read_again_leaves_the_state(sync, market):
    first = sync(tickers=[])
    market.split("AAPL", "2024-03-05")
    assert sync(first.state, tickers=[]).state["read"] == {"*": [START, "2024-03-14"]}


def test_a_ticker_of_the_market_that_failed_stays_in_the_state(sync, market):
    first = sync(tickers=[])
    market.split("AAPL", "2024-03-05")
    market.down = ("ticker/AAPL",)
    second = sync(first.state, tickers=[])
    assert second.state["read"] == {"*": [START, "2024-03-14"], "AAPL": [START, None]}


def test_a_ticker_of_the_market_that_is_behind_it_stays_in_the_state_until_it_is_read(sync, market):
    saved = state_of({"*": [START, "2024-03-12"], "AAPL": [START, "2024-03-06"]})
    market.down = ("ticker/AAPL",)
    assert sync(saved, tickers=[]).state["read"]["AAPL"] == [START, "2024-03-06"]


# The edges of a plan


def test_before_the_api_has_the_last_day_the_day_before_it_is_read(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    reading = sync(adjusted=False)
    assert days_of(reading.rows)[-1] == "2024-03-13"
    assert reading.state["read"] == {"AAPL": [START, "2024-03-13"]}


def test_a_refused_last_day_is_stepped_back_from_only_once(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 11), True
    with pytest.raises(NotYet):
        sync(adjusted=False)


def test_a_refused_last_day_that_alone_was_missing_is_no_failure(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    saved = state_of({"AAPL": [START, "2024-03-13"]}, adjusted=False)
    reading = sync(saved, adjusted=False, lookback_days=0)
    assert (reading.rows, reading.failed, reading.state) == ([], [], saved)


def test_a_day_to_read_again_is_read_though_the_last_day_behind_it_is_refused(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    saved = state_of({"AAPL": [START, "2024-03-13"]}, adjusted=False)
    assert days_of(sync(saved, adjusted=False, lookback_days=1).rows) == ["2024-03-13"]


def test_a_grouped_day_that_is_refused_as_too_new_is_asked_for_again(sync, market):
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    assert sync(tickers=[]).state["read"] == {"*": [START, "2024-03-13"]}


def test_a_start_date_that_the_plan_does_not_reach_is_told(sync, market):
    market.plan_begins = date(2024, 3, 5)
    with pytest.raises(TooOld, match="start_date: your plan does not go back so far"):
        sync(adjusted=False)


def test_history_that_the_api_cuts_in_silence_is_not_noted_as_read(sync, market, caplog):
    market.plan_begins, market.clips = date(2024, 2, 15), True
    reading = sync(start_date="2024-01-02", tickers=["AAPL", "MSFT"], adjusted=False)
    assert reading.state["read"]["AAPL"] == ["2024-02-15", "2024-03-14"]
    assert "no bars before 2024-02-15, though start_date is 2024-01-02" in caplog.text


def test_one_ticker_that_begins_late_is_a_new_listing_and_no_edge_of_the_plan(sync, market, caplog):
    market.listed["NVDA"] = (date(2024, 2, 15), date(2100, 1, 1))
    sync(start_date="2024-01-02", tickers=["AAPL", "NVDA"], adjusted=False)
    assert caplog.messages == []


def test_a_start_on_a_holiday_is_no_edge_of_the_plan(sync, market, caplog):
    market.holidays = {date(2024, 1, 1), date(2024, 1, 2)}
    reading = sync(start_date="2023-12-30", adjusted=False)
    assert reading.state["read"] == {"AAPL": ["2023-12-30", "2024-03-14"]}
    assert caplog.messages == []


# A state from two and a half years ago, when the plan's two years reached further back than they do today.
OLD = state_of({"AAPL": ["2021-10-01", "2024-03-13"]}, start="2021-10-01")
ROLLING = {"start_date": "2022-03-16", "lookback_days": 1}


def test_a_ticker_to_be_read_again_from_before_the_plan_is_read_from_where_the_plan_begins(sync, market, caplog):
    market.plan_begins = date(2022, 3, 16)
    market.split("AAPL", "2024-03-05")
    reading = sync(OLD, **ROLLING)
    assert (days_of(reading.rows)[0], reading.state["read"]) == ("2022-03-16", {"AAPL": ["2022-03-16", "2024-03-14"]})
    assert "your plan has nothing before 2022-03-16 any more: rows before that day keep the old prices" in caplog.text


@pytest.mark.parametrize("plan_begins", ["2014-03-16", "2019-03-16", "2022-03-16"])
def test_a_ticker_is_read_again_from_where_its_own_plan_begins(sync, market, plan_begins):
    market.plan_begins = date.fromisoformat(plan_begins)
    market.split("AAPL", "2024-03-05")
    saved = state_of({"AAPL": ["2010-01-04", "2024-03-13"]}, start="2010-01-04")
    first = date.fromisoformat(days_of(sync(saved, start_date="2010-01-04").rows)[0])
    assert timedelta(0) <= first - market.plan_begins <= timedelta(days=2)


@pytest.mark.parametrize("split_day", ["2024-03-05", "2024-03-14"])
def test_a_re_read_that_was_interrupted_is_still_one_the_next_time(sync, market, split_day):
    market.plan_begins = date(2022, 3, 16)
    market.split("AAPL", split_day)
    interrupted = sync(OLD, **ROLLING).checkpoints[1][1]
    assert interrupted["read"] == {"AAPL": ["2021-10-01", None]}
    assert sync(interrupted, **ROLLING).state["read"] == {"AAPL": ["2022-03-16", "2024-03-14"]}


def test_a_re_read_of_days_that_all_lie_before_the_plan_is_told(sync, market):
    market.plan_begins = date(2022, 3, 16)
    market.split("AAPL", "2024-03-05")
    saved = state_of({"AAPL": ["2020-10-01", "2021-12-30"]}, start="2020-10-01")
    with pytest.raises(TooOld):
        sync(saved, start_date="2020-10-01", end_date="2021-12-31")


def test_a_re_read_from_before_the_plan_steps_back_from_a_last_day_that_is_refused(sync, market):
    market.plan_begins = date(2022, 3, 16)
    market.published, market.refuses_unpublished = date(2024, 3, 13), True
    market.split("AAPL", "2024-03-05")
    assert sync(OLD, **ROLLING).state["read"] == {"AAPL": ["2022-03-16", "2024-03-13"]}


@pytest.mark.parametrize("tickers", [["AAPL", "OLD"], ["AAPL", "OLD", *(f"T{n}" for n in range(12))]])
def test_tickers_without_a_bar_for_weeks_are_named_once(sync, market, caplog, tickers):
    sync(tickers=tickers, start_date="2023-12-01", adjusted=False)
    assert len(caplog.messages) == 1
    assert "no bar for weeks: OLD" in caplog.text
    assert ("and 3 more" in caplog.text) == (len(tickers) > 2)


@pytest.mark.parametrize("tickers", [["AAPL"], ["AAPL", *(f"T{n}" for n in range(20))]])
def test_a_few_days_without_a_bar_are_not_called_weeks(sync, market, caplog, tickers):
    market.holidays = {date(2024, 3, 13), date(2024, 3, 14)}
    sync(tickers=tickers, start_date="2024-03-13", adjusted=False, requests_per_minute=6000)
    assert caplog.messages == []


def test_a_ticker_whose_last_page_is_empty_is_not_called_quiet(server, connect, read, caplog):
    bars = [{"c": 1, "t": 1_710_388_800_000}]  # 2024-03-14
    following = "https://api.massive.com/v2/aggs/ticker/AAPL/range/1/day/1710388800001/2024-03-14"
    server.get(re.compile("range/1/day/2023-12-01"), json={"status": "OK", "results": bars, "next_url": following})
    server.get(re.compile("range/1/day/1710388800001"), json={"status": "OK", "resultsCount": 0})
    read(connect(StockPrices, start_date="2023-12-01", adjusted=False))
    assert "no bar for weeks" not in caplog.text


# An answer

LAST = date(2024, 3, 14)


def ms(day: str, hour: int = 0) -> int:
    moment = datetime.fromisoformat(day).replace(hour=hour, tzinfo=ZoneInfo("America/New_York"))
    return int(moment.timestamp()) * 1000


def answer(**body: Any) -> Answer:
    return Answer(200, json.dumps({"status": "OK", **body}).encode(), "/v2/aggs", {})


def of_ticker(first: str = START) -> TickerSlice:
    return TickerSlice("AAPL", date.fromisoformat(first), Sync(LAST), False)


def of_day(**first_days: str) -> DaySlice:
    wanted = {ticker: date.fromisoformat(day) for ticker, day in first_days.items()}
    return DaySlice(LAST, wanted, frozenset({"SLOW"}), Sync(LAST), True)


def test_bars_outside_of_the_window_are_left_out_and_told(connect, caplog):
    days = ["2024-02-29", "2024-03-01", "2024-03-14", "2024-03-15"]
    page = connect(StockPrices).parse(of_ticker(), answer(results=[{"t": ms(day)} for day in days]))
    assert days_of(page.rows) == ["2024-03-01", "2024-03-14"]
    assert "2 bars of AAPL are of days that were not asked for; left out" in caplog.text


def test_pages_that_come_newest_first_are_noticed_and_all_is_read_again(connect):
    stream, slice = connect(StockPrices), of_ticker()
    state = stream.resume({})
    newest, oldest = (
        [{"date": f"2024-03-{day:02}"} for day in (13, 14)],
        [{"date": f"2024-03-{day:02}"} for day in (5, 8)],
    )
    stream.checkpoint(state, slice, *newest, False)
    with pytest.raises(UnexpectedAnswer, match="bars of AAPL in another order"):
        stream.checkpoint(state, slice, *oldest, True)
    assert state["read"] == {"AAPL": [START, None]}


@pytest.mark.parametrize("days", [["2025-03-01", "2025-03-02", "2024-03-01"], ["1990-01-20"]])
def test_an_answer_with_bars_of_other_days_above_all_is_not_taken_for_an_empty_one(connect, days):
    with pytest.raises(UnexpectedAnswer, match="bars of other days"):
        connect(StockPrices).parse(of_ticker(), answer(results=[{"t": ms(day)} for day in days]))


@pytest.mark.parametrize(
    ("timespan", "sent", "kept"),
    [
        ("week", ["2024-03-03", "2024-03-10"], ["2024-03-03"]),  # Friday, March 15, is not over
        ("month", ["2024-02-01", "2024-03-01"], ["2024-02-01"]),
    ],
)
def test_a_bar_that_still_grows_is_left_out(connect, timespan, sent, kept):
    stream = connect(StockPrices, timespan=timespan)
    page = stream.parse(of_ticker("2024-02-14"), answer(results=[{"t": ms(day)} for day in sent]))
    assert days_of(page.rows) == kept


@pytest.mark.parametrize(("timespan", "first"), [("week", "2024-03-03"), ("month", "2024-02-01")])
def test_the_bar_that_covers_the_first_day_is_kept_though_it_begins_before(connect, timespan, first):
    stream = connect(StockPrices, timespan=timespan)
    begin = {"week": "2024-03-06", "month": "2024-02-20"}[timespan]
    assert days_of(stream.parse(of_ticker(begin), answer(results=[{"t": ms(first)}])).rows) == [first]


def test_a_week_is_over_on_its_friday(connect):
    stream = connect(StockPrices, date(2024, 3, 16), timespan="week")
    slice = TickerSlice("AAPL", date(2024, 3, 1), Sync(date(2024, 3, 15)), False)
    assert days_of(stream.parse(slice, answer(results=[{"t": ms("2024-03-10")}])).rows) == ["2024-03-10"]


@pytest.mark.parametrize("echo", [{}, {"adjusted": True}])
def test_an_answer_on_the_right_basis_is_taken(connect, echo):
    assert len(connect(StockPrices).parse(of_ticker(), answer(results=[{"t": ms(START)}], **echo)).rows) == 1


@pytest.mark.parametrize("slice", [of_ticker(), of_day(AAPL=START)], ids=str)
@pytest.mark.parametrize(("adjusted", "echo"), [(True, False), (False, True), (True, "true"), (True, None)])
def test_an_answer_on_another_basis_is_noticed(connect, slice, adjusted, echo):
    with pytest.raises(UnexpectedAnswer, match="adjusted"):
        connect(StockPrices, adjusted=adjusted).parse(slice, answer(adjusted=echo, results=[]))


@pytest.mark.parametrize("adjusted", [True, False])
@pytest.mark.parametrize(
    ("link", "following"),
    [
        ("/v2/aggs/x?cursor=bGlt", "/v2/aggs/x?cursor=bGlt&adjusted={}"),
        ("/v2/aggs/x", "/v2/aggs/x?adjusted={}"),
        ("/v2/aggs/x?adjusted={}&cursor=bGlt", "/v2/aggs/x?adjusted={}&cursor=bGlt"),
    ],
)
def test_the_next_page_is_asked_for_on_the_same_basis(connect, adjusted, link, following):
    said = str(adjusted).lower()
    page = connect(StockPrices, adjusted=adjusted).parse(
        of_ticker(), answer(next_url="https://api.massive.com" + link.format(said))
    )
    assert page == ([], following.format(said))


def test_a_page_without_a_link_is_the_last(connect):
    assert connect(StockPrices).parse(of_ticker(), answer(resultsCount=0)) == ([], None)


def test_of_a_day_only_the_tickers_that_still_need_it_are_kept(connect):
    bars = [{"T": ticker, "t": ms("2024-03-14", 16)} for ticker in ("ZZZ", "MSFT", "AAPL", "Aapl", "LATE")]
    page = connect(StockPrices).parse(of_day(AAPL=START, MSFT="2024-03-14", LATE="2024-03-15"), answer(results=bars))
    assert [row["stock_ticker"] for row in page.rows] == ["AAPL", "MSFT"]


def test_of_a_day_of_the_market_all_tickers_are_kept_that_have_no_slice_of_their_own(connect):
    bars = [{"T": ticker, "t": ms("2024-03-14", 16)} for ticker in ("ZZZ", "SLOW", "AAPL")]
    page = connect(StockPrices, tickers=[]).parse(of_day(**{"*": START}), answer(results=bars))
    assert [row["stock_ticker"] for row in page.rows] == ["AAPL", "ZZZ"]


def test_a_ticker_that_a_day_repeats_is_written_once(connect):
    bars = [{"T": "AAPL", "c": close, "t": ms("2024-03-14", 16)} for close in (1, 2)]
    assert len(connect(StockPrices).parse(of_day(AAPL=START), answer(results=bars)).rows) == 1


@pytest.mark.parametrize("ticker", [{}, {"T": None}, {"T": 5}, {"T": ""}, {"T": "\x00"}])
@pytest.mark.parametrize("config", [{}, {"tickers": []}])
def test_a_bar_of_a_day_without_its_ticker_is_left_out(connect, caplog, config, ticker):
    bars = [{"t": ms("2024-03-14", 16), **ticker}, {"T": "AAPL", "t": ms("2024-03-14", 16)}]
    wanted = of_day(**({"*": START} if config else {"AAPL": START}))
    page = connect(StockPrices, **config).parse(wanted, answer(results=bars))
    assert [row["stock_ticker"] for row in page.rows] == ["AAPL"]
    assert "1 bars of 2024-03-14 have no ticker" in caplog.text


def test_the_bars_of_another_ticker_are_refused(connect):
    slice = TickerSlice("AAPL", date.fromisoformat(START), Sync(date(2024, 3, 14)), False)
    with pytest.raises(UnexpectedAnswer, match="another ticker"):
        connect(StockPrices).parse(slice, answer(ticker="MSFT", results=[{"t": ms("2024-03-14", 0)}]))


def test_what_is_wrong_with_a_ticker_that_nobody_wants_is_no_matter(connect):
    bars = [{"T": "ZZZ", "t": "garbage"}, {"T": "AAPL", "t": ms("2024-03-14", 16)}]
    assert len(connect(StockPrices).parse(of_day(AAPL=START), answer(results=bars)).rows) == 1


def test_a_row_has_the_fields_of_its_schema_and_no_other(connect):
    stream = connect(StockPrices)
    page = stream.parse(of_ticker(), answer(results=[{"t": ms(START), "o": 1, "x": 2}]))
    assert list(page.rows[0]) == list(stream.json_schema()["properties"])


# Histories

TICKERS = ("AAPL", "MSFT", "NVDA", "T1", "T2", "T3", "T4")
CHANGES = st.one_of(
    st.tuples(st.just("split"), st.sampled_from(TICKERS[:3]), st.integers(-20, 2)),
    st.tuples(st.just("withdraw"), st.integers(0, 3)),
    st.tuples(st.just("correct"), st.integers(0, 3)),
    st.tuples(st.just("tickers"), st.sets(st.sampled_from(TICKERS), min_size=1)),
    st.tuples(st.just("market")),
    st.tuples(st.just("start_date"), st.integers(0, 20)),
    st.tuples(st.just("down"), st.sampled_from([f"ticker/{ticker}" for ticker in TICKERS] + ["stocks/2024", "-08"])),
    st.tuples(st.just("kill"), st.integers(0, 20)),
)
DAYS = st.lists(st.tuples(st.integers(0, 4), st.lists(CHANGES, max_size=2)), min_size=1, max_size=7)


@hypothesis.settings(max_examples=40, deadline=None, derandomize=True)
@hypothesis.given(days=DAYS, page=st.sampled_from([1, 4, 50_000]), lookback_days=st.integers(0, 3))
def test_after_any_history_the_prices_equal_a_full_refresh(connect, read, days, page, lookback_days):
    """Syncs on some days; between them splits come and go, settings change, requests fail, syncs are killed."""
    with Market(*TICKERS, today=date(2024, 3, 5)) as market:
        market.page = page
        config = {"tickers": ["AAPL", "MSFT"], "start_date": "2024-02-20", "lookback_days": lookback_days}
        config |= {"requests_per_minute": 6000}
        state, rows = {}, []
        for passed, changes in [*days, (0, [])]:
            market.today += passed * ONE_DAY
            market.down = ()
            killed_at = None
            for change in changes:
                killed_at = _change(market, config, change) or killed_at
            reading = read(connect(StockPrices, market.today, **config), state)
            written, state = reading.checkpoints[: killed_at or None][-1]
            rows.append(reading.rows[:written])
        refreshed = table(read(connect(StockPrices, market.today, **config)).rows)
        destination = table(*rows)
        assert {key: destination.get(key) for key in refreshed} == refreshed


def _change(market: Market, config: dict, change: tuple) -> int | None:
    match change:
        case ("split", ticker, days):
            market.split(ticker, str(market.today + days * ONE_DAY))
        case ("withdraw", n) if len(market.splits) > n:
            del market.splits[n]
        case ("correct", n) if len(market.splits) > n:
            market.splits[n] = market.splits[n] | {"split_to": market.splits[n]["split_to"] * 2}
        case ("tickers", tickers):
            config["tickers"] = sorted(tickers)
        case ("market",):
            config["tickers"] = []
        case ("start_date", days):
            config["start_date"] = str(date(2024, 2, 10) + days * ONE_DAY)
        case ("down", part):
            market.down = (part,)
        case ("kill", checkpoints):
            return checkpoints + 1
    return None
