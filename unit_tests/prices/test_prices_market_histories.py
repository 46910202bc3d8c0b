"""Tests the whole market after any history of late, corrected, withdrawn and unreadable splits and new listings."""

import os
from datetime import date

import hypothesis
from hypothesis import strategies as st
from market import ONE_DAY, Market, table

from source_stock_ticker.streams.prices.stream import StockPrices

OLD, NEW = ("AAPL", "MSFT"), ("NEW1", "NEW2")
SPLIT = st.integers(0, 3)  # which one
CHANGES = st.one_of(
    st.tuples(st.just("split"), st.sampled_from(OLD + NEW), st.integers(-20, 2)),
    st.tuples(st.just("correct"), SPLIT),
    st.tuples(st.just("move"), SPLIT, st.integers(-20, 2)),
    st.tuples(st.just("withdraw"), SPLIT),
    st.tuples(st.just("list"), st.sampled_from(NEW)),
    st.tuples(st.just("delist"), st.sampled_from(OLD + NEW)),
    st.tuples(
        st.just("garble"),
        st.sampled_from(OLD + NEW),
        st.sampled_from([{}, {"split_to": None}, {"execution_date": None}]),
    ),
    st.tuples(st.just("down"), st.sampled_from([f"ticker/{ticker}" for ticker in OLD + NEW] + ["stocks/2024", "-08"])),
    st.tuples(st.just("kill"), st.integers(0, 20)),
)
DAYS = st.lists(st.tuples(st.integers(0, 12), st.lists(CHANGES, max_size=3)), min_size=1, max_size=6)


@hypothesis.settings(max_examples=int(os.environ.get("HISTORIES", "12")), deadline=None, derandomize=True)
@hypothesis.given(days=DAYS, page=st.sampled_from([4, 50_000]), lookback_days=st.integers(0, 3))
def test_after_any_history_the_market_is_right(connect, read, days, page, lookback_days):
    """Syncs on some days; changes between them stay until the last sync, except failures and garbled rows."""
    with Market(*OLD, today=date(2024, 3, 5)) as market:
        market.page = page
        config = {"tickers": [], "start_date": "2024-02-20", "lookback_days": lookback_days}
        state, rows = {}, []
        for passed, changes in [*days, (0, [("garble", ticker, {}) for ticker in OLD + NEW])]:
            market.today += passed * ONE_DAY
            market.down = ()
            killed_at = [_change(market, change) for change in changes]
            reading = read(connect(StockPrices, market.today, **config), state)
            assert market.down or all(market.garbled[ticker] for ticker in reading.failed)
            written, state = reading.checkpoints[: max(filter(None, killed_at), default=None)][-1]
            rows.append(reading.rows[:written])
        assert table(*rows) == table(read(connect(StockPrices, market.today, **config)).rows)


def _change(market: Market, change: tuple) -> int | None:
    """Make the change; return, for a sync to be killed, how many checkpoints the destination gets."""
    match change:
        case ("split", ticker, days):
            market.split(ticker, str(market.today + days * ONE_DAY))
        case ("correct", n) if n < len(market.splits):
            market.splits[n] = market.splits[n] | {"split_to": market.splits[n]["split_to"] * 2}
        case ("move", n, days) if n < len(market.splits):
            market.splits[n] = market.splits[n] | {"execution_date": str(market.today + days * ONE_DAY)}
        case ("withdraw", n) if n < len(market.splits):
            del market.splits[n]
        case ("list", ticker) if ticker not in market.listed:
            market.listed[ticker] = (market.today, date.max)
        case ("delist", ticker) if market.listed.get(ticker, (None, date.min))[1] >= market.today:
            market.listed[ticker] = (market.listed[ticker][0], market.today - ONE_DAY)
        case ("garble", ticker, instead):
            market.garbled[ticker] = instead
        case ("down", part):
            market.down = (part,)
        case ("kill", checkpoints):
            return checkpoints + 1
    return None
