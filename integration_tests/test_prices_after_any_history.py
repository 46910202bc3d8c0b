"""Tests that after any history the destination equals a full refresh, with random histories."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sandbox_api import SandboxApi
from sandbox_market import split, weekday_after, weekdays

if TYPE_CHECKING:
    from conftest import Connector, Row, Run

    Table = dict[tuple, Row]

RANDOM_HISTORIES = int(os.environ.get("RANDOM_HISTORIES", "4"))  # more of them take longer: RANDOM_HISTORIES=200 pytest


class History:
    """A connection's random life: what its user, the market, the API and the machine do to it."""

    def __init__(self, seed: int, connector: Connector, api: SandboxApi) -> None:
        self.chance = random.Random(seed)
        self.connector, self.api = connector, api
        self.tickers = ["AAPL", "IBM"]
        self.start = "2012-01-17"
        self.last = "2012-03-01"
        self.adjusted = True
        self.table: Table = {}
        self.state: Any = []
        self.told: list[str] = []  # what happened, for the message of a test that fails

    def something_happens(self) -> None:
        happening = self.chance.choice(
            [self.days_pass, self.days_pass, self.a_split, self.a_split_is_withdrawn, self.a_split_is_corrected,
             self.a_ticker_comes, self.a_ticker_goes, self.the_start_moves, self.adjusted_changes]
        )  # fmt: skip
        happening()
        self.told.append(f"{happening.__name__}: {self.last=} {self.start=} {self.tickers=} {self.api.splits[3:]}")

    def days_pass(self) -> None:
        for _ in range(self.chance.randint(1, 8)):
            self.last = weekday_after(self.last)

    def some_day(self) -> str:
        return self.chance.choice(weekdays("2012-01-03", self.last))

    def a_split(self) -> None:
        ticker = self.chance.choice(["AAPL", "IBM", "MSFT", "GOOG"])
        self.api.splits.append(split(ticker, self.some_day(), self.chance.choice([0.2, 2, 3])))

    def a_split_is_withdrawn(self) -> None:
        if len(self.api.splits) > 3:
            self.api.splits.pop(self.chance.randrange(3, len(self.api.splits)))

    def a_split_is_corrected(self) -> None:
        if len(self.api.splits) > 3:
            self.chance.choice(self.api.splits[3:])["split_to"] = 5

    def a_ticker_comes(self) -> None:
        self.tickers = sorted({*self.tickers, self.chance.choice(["AAPL", "IBM", "MSFT", "GOOG"])})

    def a_ticker_goes(self) -> None:
        if len(self.tickers) > 1:
            gone = self.chance.choice(self.tickers)
            self.tickers = [ticker for ticker in self.tickers if ticker != gone]

    def the_start_moves(self) -> None:
        self.start = self.chance.choice(["2012-01-03", "2012-01-17", "2012-02-01"])

    def adjusted_changes(self) -> None:
        self.adjusted = self.chance.random() < 0.7

    def sync(self, killed: bool) -> None:
        """A sync; a killed one gives the destination only its first lines, with their last state."""
        today = date.fromisoformat(weekday_after(self.last))
        self.api.today = today.isoformat()
        self.api.page_size = self.chance.choice([None, 10, 25])
        run: Run = self.connector.read(
            tickers=self.tickers,
            start_date=self.start,
            end_date=self.last,
            adjusted=self.adjusted,
            lookback_days=self.chance.choice([0, 3]),
            requests_per_minute=self.chance.choice([0, 6000]),
            num_workers=self.chance.choice([1, 4]),
            state=self.state,
        )
        assert run.exit_code == 0
        if killed:
            run = run.killed_after(self.chance.randint(0, len(run.messages)))
        self.told.append(f"sync, {len(run.rows())} rows{', then killed' if killed else ''}")
        self.table |= run.table()
        self.state = run.saved() or self.state


@pytest.mark.parametrize("seed", range(RANDOM_HISTORIES))
def test_after_any_history_the_destination_equals_a_full_refresh(
    seed: int, connector: Connector, api: SandboxApi, right: Callable[..., Table]
) -> None:
    history = History(seed, connector, api)
    for _ in range(8):
        for _ in range(history.chance.randint(1, 3)):
            history.something_happens()
        if history.chance.random() < 0.6:
            history.sync(killed=True)
        else:
            history.sync(killed=False)
            # Rows of tickers taken out, and from before the start_date, may stay as they were.
            kept = {
                key: row
                for key, row in history.table.items()
                if row["stock_ticker"] in history.tickers and row["date"] >= history.start
            }
            wanted = right(history.tickers, history.start, history.last, history.adjusted)
            assert kept == wanted, "\n".join(history.told)
