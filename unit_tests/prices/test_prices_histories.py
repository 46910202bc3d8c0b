"""Tests that after any history of splits, settings, failures and kills the prices equal a full refresh.

HISTORIES=400 in the environment tries more of them, here and in test_prices_market_histories.py.
"""

import os
from datetime import date

import hypothesis
from hypothesis import strategies as st
from market import ONE_DAY, Market, table

from source_stock_ticker.streams.prices.stream import StockPrices

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


@hypothesis.settings(max_examples=int(os.environ.get("HISTORIES", "20")), deadline=None, derandomize=True)
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
