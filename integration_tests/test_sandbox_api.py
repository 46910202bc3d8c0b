"""Tests that the sandbox matches the API's facts: a wrong fake makes every test that uses it worthless."""

import math
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from sandbox_api import SandboxApi
from sandbox_data import NEW_YORK, Day, Row, daily_prices
from usual import SPLITS, get

GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"


def aggs(ticker: str, first: object, last: object, span: str = "1/day") -> str:
    return f"/v2/aggs/ticker/{ticker}/range/{span}/{first}/{last}"


def bars(api: SandboxApi, path: str, **query: Any) -> list[Row]:
    return get(api, path, **query).json().get("results", [])


def pages(api: SandboxApi, path: str, **query: Any) -> list[Row]:
    """The bodies of all pages, following next_url's path and query on the sandbox."""
    bodies = [get(api, path, **query).json()]
    while following := bodies[-1].get("next_url"):
        url = urlsplit(following)
        bodies.append(get(api, f"{url.path}?{url.query}").json())
    return bodies


def new_york(t: int) -> str:
    return datetime.fromtimestamp(t / 1000, NEW_YORK).strftime("%Y-%m-%d %H:%M")


# --- Prices ----------------------------------------------------------------------------------------------------------


def test_a_raw_bar_is_the_real_price_in_the_shape_of_the_api(api: SandboxApi) -> None:
    body = get(api, aggs("AAPL", "2005-02-25", "2005-02-25"), adjusted="false").json()
    del body["request_id"]
    assert body == {
        "ticker": "AAPL",
        "queryCount": 1,
        "resultsCount": 1,
        "count": 1,
        "adjusted": False,
        "results": [{"v": 16348400.0, "o": 89.62, "c": 88.99, "h": 89.91, "l": 88.19, "t": 1109307600000}],
        "status": "OK",
    }


def test_a_split_changes_the_bars_before_it_on_its_day_and_no_earlier(api: SandboxApi) -> None:
    friday = aggs("AAPL", "2005-02-25", "2005-02-25")
    api.today = "2005-02-27"
    assert bars(api, friday)[0]["c"] == 88.99
    api.today = "2005-02-28"
    assert (bars(api, friday)[0]["c"], bars(api, friday)[0]["v"]) == (44.495, 32696800.0)
    api.bars_as_of = "2005-02-27"  # a split day on which the bars have not moved yet
    assert bars(api, friday)[0]["c"] == 88.99
    assert [split["execution_date"] for split in bars(api, SPLITS, ticker="AAPL")] == ["2005-02-28", "2000-06-21"]


def test_adjusted_prices_equal_those_from_the_real_api(api: SandboxApi) -> None:
    for day, shares in (("2014-06-09", 7), ("2020-08-31", 4)):
        api.splits.append({"ticker": "AAPL", "execution_date": day, "split_from": 1, "split_to": shares})
    api.bars_as_of = "2022-04-28"  # about when this response was recorded
    prices = [[bar[name] for name in "ohlc"] for bar in bars(api, aggs("AAPL", "2005-04-01", "2005-04-04"))]
    assert prices == [[1.5032, 1.5064, 1.4489, 1.4604], [1.4639, 1.4754, 1.4343, 1.4675]]


def test_bars_follow_the_list_of_splits_as_a_test_changes_it(api: SandboxApi) -> None:
    day = aggs("IBM", "2012-01-03", "2012-01-03")
    before = bars(api, day)[0]
    api.splits.append({"ticker": "IBM", "execution_date": "2012-06-01", "split_from": 1, "split_to": 4})
    assert bars(api, day)[0]["o"] == round(before["o"] / 4, 4)
    api.splits[-1]["split_to"] = 2
    assert bars(api, day)[0]["v"] == before["v"] * 2
    api.splits.pop()
    assert bars(api, day)[0] == before


def test_a_day_bar_starts_at_midnight_in_new_york_in_winter_and_summer(api: SandboxApi) -> None:
    times = [bar["t"] for bar in bars(api, aggs("IBM", "2005-04-01", "2005-04-04"))]
    assert times == [1112331600000, 1112587200000]  # as recorded: 05:00 and, after the clocks changed, 04:00 UTC


def test_both_price_endpoints_return_the_same_except_t(api: SandboxApi) -> None:
    for day in ("2003-02-14", "2005-02-25", "2008-11-03", "2013-03-01"):
        for row in bars(api, f"{GROUPED}/{day}", include_otc="true"):
            ticker, end = row.pop("T"), row.pop("t")
            start = row["t"] = bars(api, aggs(ticker, day, day))[0]["t"]
            assert bars(api, aggs(ticker, day, day)) == [row]
            assert (new_york(start), new_york(end)) == (f"{day} 00:00", f"{day} 16:00")


@pytest.mark.parametrize("path", [aggs("NOPE", "2012-01-03", "2012-01-03"), aggs("IBM", "2012-01-01", "2012-01-02")])
def test_an_unknown_ticker_and_a_holiday_look_alike(api: SandboxApi, path: str) -> None:
    body = get(api, path).json()
    assert (body["status"], body["resultsCount"], "results" in body) == ("OK", 0, False)
    assert "results" not in get(api, f"{GROUPED}/2012-01-02").json()


def test_the_small_bars_roll_up_to_exactly_the_day(api: SandboxApi) -> None:
    (day,) = bars(api, aggs("AAPL", "2005-02-25", "2005-02-25"))
    for span in ("1/minute", "30/minute", "1/hour", "4/hour"):
        some = bars(api, aggs("AAPL", "2005-02-25", "2005-02-25", span))
        whole = {"o": some[0]["o"], "c": some[-1]["c"], "h": max(b["h"] for b in some), "l": min(b["l"] for b in some)}
        assert day == {**whole, "v": sum(b["v"] for b in some), "t": day["t"]}
    hours = [new_york(bar["t"])[-5:] for bar in bars(api, aggs("AAPL", "2005-02-25", "2005-02-25", "1/hour"))]
    assert hours == ["09:00", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]


def test_weeks_start_on_sunday_and_a_window_is_stretched_to_whole_ones(api: SandboxApi) -> None:
    (week,) = bars(api, aggs("IBM", "2012-03-07", "2012-03-07", "1/week"))
    days = bars(api, aggs("IBM", "2012-03-05", "2012-03-09"))
    assert new_york(week["t"]) == "2012-03-04 00:00"
    assert week["v"] == sum(day["v"] for day in days)
    api.today = "2012-03-08"  # the week still grows
    assert bars(api, aggs("IBM", "2012-03-07", "2012-03-07", "1/week"))[0]["c"] == days[2]["c"]


def test_months_start_on_the_first(api: SandboxApi) -> None:
    months = bars(api, aggs("IBM", "2012-01-15", "2012-03-15", "1/month"))
    assert [new_york(bar["t"]) for bar in months] == ["2012-01-01 00:00", "2012-02-01 00:00", "2012-03-01 00:00"]


# --- Refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "query", "expected"),
    [
        ("", "", (401, "API Key was not provided")),
        ("Bearer wrong", "", (401, "Unknown API Key")),
        ("sandbox-key", "", (401, "API Key was not provided")),
        ("Bearer sandbox-key", "", (200, None)),
        ("", "?apiKey=sandbox-key", (200, None)),
    ],
)
def test_the_key_is_wanted(api: SandboxApi, header: str, query: str, expected: tuple) -> None:
    response = requests.get(api.url + SPLITS + query, headers={"Authorization": header}, timeout=5)
    assert (response.status_code, response.json().get("error")) == expected


@pytest.mark.parametrize(
    ("first", "last", "code", "text"),
    [
        ("2013-02-01", "2013-03-04", 403, "before end of day"),
        ("2013-02-01", "2013-03-05", 403, "doesn't include this data timeframe"),
        ("2013-02-01", "2013-01-31", 400, "cannot be a time that occurs before 'from'"),
        ("2013-2-1", "2013-03-01", 400, "Could not parse the time parameter: 'from'"),
        ("2013-02-01", "2013-02-30", 400, "Could not parse the time parameter: 'to'"),
    ],
)
def test_a_window_that_cannot_be_is_refused(api: SandboxApi, first: str, last: str, code: int, text: str) -> None:
    response = get(api, aggs("IBM", first, last))
    assert response.status_code == code
    assert text in response.json()["message" if code == 403 else "error"]


def test_history_before_the_plan_is_refused_or_clipped(api: SandboxApi) -> None:
    api.plan_start = "2012-06-01"
    across = aggs("IBM", "2012-05-01", "2012-06-29")
    assert "timeframe" in get(api, across).json()["message"]
    assert get(api, f"{GROUPED}/2012-05-31").status_code == 403
    api.plan_edge = "clip"
    assert new_york(bars(api, across)[0]["t"]) == "2012-06-01 00:00"
    assert "results" not in get(api, f"{GROUPED}/2012-05-31").json()


def test_an_endpoint_can_be_out_of_the_plan(api: SandboxApi) -> None:
    api.forbidden = {"news"}
    response = get(api, "/v2/reference/news")
    assert (response.status_code, response.json()["status"]) == (403, "NOT_AUTHORIZED")
    assert get(api, SPLITS).status_code == 200


def test_the_rate_is_limited_over_a_sliding_minute(api: SandboxApi) -> None:
    api.rate_per_minute, api.minute, api.retry_after = 2, 1.0, "7"
    responses = [get(api, SPLITS) for _ in range(3)]
    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[2].headers["Retry-After"] == "7"
    assert "exceeded the maximum requests per minute" in responses[2].json()["error"]
    time.sleep(1)
    assert get(api, SPLITS).status_code == 200


def test_a_path_that_is_not_there_is_not_found(api: SandboxApi) -> None:
    for path in ("/v9/nothing", GROUPED.upper() + "/2012-01-03", "/v3/reference/tickers/NOPE"):
        assert (get(api, path).status_code, get(api, path).json()["status"]) == (404, "NOT_FOUND")


# --- Pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("span", ["1/day", "1/week", "2/hour"])
def test_pages_of_bars_join_to_the_whole(api: SandboxApi, span: str, sort: str) -> None:
    path = aggs("AAPL", "2005-01-12", "2005-03-16", span)
    whole = bars(api, path, sort=sort)
    bodies = pages(api, path, limit=20, sort=sort)
    assert len(bodies) > 1
    assert [bar for body in bodies for bar in body["results"]] == whole
    assert all(body["queryCount"] <= 20 for body in bodies)  # small bars, not the joined ones
    assert whole == sorted(whole, key=lambda bar: bar["t"], reverse=sort == "desc")


def test_the_next_page_of_bars_starts_at_a_time_and_forgets_adjusted(api: SandboxApi) -> None:
    first, second, *_ = pages(api, aggs("IBM", "2012-01-03", "2012-01-31"), limit=5, adjusted="false")
    assert first["next_url"].startswith("https://api.massive.com" + aggs("IBM", 1326171600000, "2012-01-31"))
    assert "sandbox-key" not in first["next_url"]
    assert (first["adjusted"], second["adjusted"]) == (False, True)
    api.cursor_keeps_adjusted = True
    assert not any(body["adjusted"] for body in pages(api, aggs("IBM", "2012-01-03", "2012-01-31"), adjusted="false"))


def test_pages_of_rows_keep_the_filters_of_the_first(api: SandboxApi) -> None:
    query = {"ticker.any_of": "IBM,MSFT", "ex_dividend_date.gte": "2010-01-01", "sort": "ex_dividend_date.asc"}
    whole = bars(api, "/stocks/v1/dividends", **query)
    api.page_size, api.next_url_base = 7, "https://api.massive.com:443"
    bodies = pages(api, "/stocks/v1/dividends", limit=1000, **query)
    assert [row for body in bodies for row in body["results"]] == whole
    assert len(bodies) == math.ceil(len(whole) / 7)
    assert bodies[0]["next_url"].startswith("https://api.massive.com:443/stocks/v1/dividends?cursor=")


# --- The other tables ------------------------------------------------------------------------------------------------


def test_a_split_is_listed_from_its_day_on_or_when_announced(api: SandboxApi) -> None:
    def listed() -> list[str]:
        return [row["execution_date"] for row in bars(api, SPLITS, **{"ticker.any_of": "AAPL,FB"})]

    api.today = "2005-02-27"
    assert listed() == ["2000-06-21"]
    api.announce_days = 1
    assert listed() == ["2005-02-28", "2000-06-21"]
    api.announce_days, api.today = 0, "2005-02-28"
    assert listed() == ["2005-02-28", "2000-06-21"]


def test_a_new_split_changes_the_rows_of_the_old_ones(api: SandboxApi) -> None:
    assert [row["historical_adjustment_factor"] for row in bars(api, SPLITS, ticker="AAPL")] == [0.5, 0.25]
    dividend = {"ticker": "AAPL", "ex_dividend_date": "2005-01-05", "cash_amount": 0.5}
    api.dividends.append(dividend)
    (row,) = bars(api, "/stocks/v1/dividends", **{"ex_dividend_date": "2005-01-05"})
    assert (row["cash_amount"], row["split_adjusted_cash_amount"]) == (0.5, 0.25)


def test_dividends_are_near_the_true_ones(api: SandboxApi) -> None:
    rows = bars(api, "/stocks/v1/dividends", **{"ex_dividend_date.gte": "2012-08-01", "ticker": "AAPL"})
    true = {"2012-08-09": 2.65, "2012-11-07": 2.65, "2013-02-07": 2.65}
    assert {row["ex_dividend_date"]: row["cash_amount"] for row in rows} == pytest.approx(true, rel=0.05)
    assert len({row["id"] for row in bars(api, "/stocks/v1/dividends", limit=1000)}) == len(api.dividends)


def test_a_factor_of_dividends_counts_its_own_day_and_all_later_ones(api: SandboxApi) -> None:
    api.prices["IBM"] = [Day(day, 0, 0, 0, close, 0) for day, close in (("2012-01-03", 50), ("2012-01-06", 40))]
    paid = (("2012-01-05", 2), ("2012-01-09", 1), ("2012-01-09", 9), ("2013-03-05", 4))
    api.dividends = [{"ticker": "IBM", "ex_dividend_date": day, "cash_amount": cash} for day, cash in paid]
    api.announce_days = 1
    rows = bars(api, "/stocks/v1/dividends", ticker="IBM", sort="ex_dividend_date.asc")
    assert [row["historical_adjustment_factor"] for row in rows] == [0.72, 0.75, 0.75, 1]  # 0.96 * 0.75
    assert len({row["id"] for row in rows}) == 4


def test_news_carry_many_tickers_and_are_never_later_than_today(api: SandboxApi) -> None:
    api.today = "2008-10-13"
    rows = bars(api, "/v2/reference/news", limit=1000)
    assert rows[0]["published_utc"] == max(row["published_utc"] for row in rows) == "2008-10-13T21:23:00Z"
    assert max(len(row["tickers"]) for row in rows) > 1
    since = {"published_utc.gte": "2008-10-01T00:00:00Z", "order": "asc", "ticker": "AAPL"}
    assert all("AAPL" in row["tickers"] for row in bars(api, "/v2/reference/news", **since))


def test_tickers_have_the_traps_of_the_real_list(api: SandboxApi) -> None:
    active = [row["ticker"] for row in bars(api, "/v3/reference/tickers")]
    delisted = bars(api, "/v3/reference/tickers", active="false")
    assert active.count("IBM") == 2
    assert [(row["ticker"], row["delisted_utc"]) for row in delisted] == [("JAVA", "2010-01-27T00:00:00Z")]
    assert "NSRGY" not in [row["ticker"] for row in bars(api, "/v3/reference/tickers", market="stocks")]
    api.today = "2005-01-03"
    assert "FB" not in [row["ticker"] for row in bars(api, "/v3/reference/tickers")]


def test_details_are_an_object_and_as_of_a_date(api: SandboxApi) -> None:
    assert get(api, "/v3/reference/tickers/AAPL").json()["results"]["address"]["city"] == "CUPERTINO"
    assert get(api, "/v3/reference/tickers/FB", date="2012-05-17").status_code == 404
    assert get(api, "/v3/reference/tickers/JAVA").status_code == 404


def test_exchanges_repeat_an_id_and_lack_a_mic(api: SandboxApi) -> None:
    rows = bars(api, "/v3/reference/exchanges")
    assert [row["id"] for row in rows].count(4) == 4
    assert len({(row["id"], row["name"]) for row in rows}) == len(rows)
    assert any("mic" not in row for row in rows)


def test_holidays_are_a_bare_array_of_the_future(api: SandboxApi) -> None:
    api.today = "2013-11-28"
    first = get(api, "/v1/marketstatus/upcoming").json()[0]
    assert (first["date"], first["status"], first["close"]) == ("2013-11-29", "early-close", "2013-11-29T18:00:00.000Z")
    assert get(api, "/v1/marketstatus/now").json()["serverTime"] == "2013-11-28T12:00:00-05:00"


def test_every_day_of_every_stock_is_served(api: SandboxApi) -> None:
    for ticker, days in daily_prices().items():
        served = [new_york(bar["t"]) for bar in bars(api, aggs(ticker, "2000-01-01", "2013-03-03"))]
        assert served == [f"{day.date} 00:00" for day in days]
