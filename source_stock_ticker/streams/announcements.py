"""Dividends and splits: rows about days to come, which arrive late, are corrected and withdrawn."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ..runtime.errors import UnexpectedResponse
from ..runtime.stream import Page, State, Written
from ..trading_days import A_YEAR, is_day
from .table import TableStream, not_ours

MAX_ROWS_OF_A_TICKER = 20_000
Row = dict[str, Any]


class Announced(NamedTuple):
    """All announcements of one ticker, and their fingerprint."""

    ticker: str
    rows: tuple[Row, ...]
    fingerprint: str

    def __str__(self) -> str:
        return self.ticker


class AnnouncedStream(TableStream[Announced]):
    """Pattern: send again what has changed.

    A cursor "newest date seen" would jump to the last day announced and then miss whatever is announced before it. So
    every sync asks for all rows (few requests: 5,000 rows each), and sends those of each ticker whose rows differ:

        state = {"ex_dividend_date": "2013-02-07", "fingerprints": {"AAPL": "5d41402abc4b2a76"}}

    A row that was withdrawn stays in the destination until a refresh: no message can delete it.
    """

    cursor_field: str
    natural_key: tuple[str, ...]  # makes an id for the rows that have none

    def resume(self, saved: State) -> State:
        fingerprints, field, wanted = saved.get("fingerprints", {}), self.cursor_field, set(self._settings.tickers)
        try:
            date.fromisoformat(saved.get(field, "2000-01-01"))
            kept = {ticker: str(mark) for ticker, mark in fingerprints.items() if not wanted or ticker in wanted}
        except (AttributeError, TypeError, ValueError) as error:
            raise not_ours(self.name, error) from None
        return {**({field: saved[field]} if field in saved else {}), "fingerprints": kept}

    def slices(self, state: State) -> Iterator[Announced]:
        field, saved = self.cursor_field, state["fingerprints"]
        if str(state.get(field, "")) > (self._settings.today + A_YEAR).isoformat():
            # Airbyte's suites pass such a state and expect no rows. (A clock that was ahead by less does no harm.)
            self._logger.warning("%s: the state says that all is read up to %s; clear it.", self.name, state[field])
            return
        for ticker, announced in self._by_ticker():
            rows = {row["id"]: row for row in announced}.values()
            own = tuple(sorted(rows, key=lambda row: (row[field], row["id"])))
            mark = hashlib.blake2b(repr(list(own)).encode(), digest_size=8).hexdigest()
            if saved.get(ticker) != mark:
                yield Announced(ticker, own, mark)

    def _by_ticker(self) -> Iterator[tuple[str, Iterable[Row]]]:
        """Every ticker once, with all its rows. Raises UnexpectedResponse if they do not come together."""
        finished: set[str] = set()
        for rows in self._lists():
            for ticker, announced in groupby(rows, key=itemgetter("ticker")):
                if ticker in finished:
                    raise UnexpectedResponse(f"The API sent {self.name} that are not in the order of their tickers.")
                finished.add(ticker)
                yield ticker, announced

    def _bounded(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows. Raises UnexpectedResponse for a ticker that does not end: until it does, its rows are in memory."""
        sizes: Counter[str] = Counter()
        for row in rows:
            sizes[row["ticker"]] += 1
            if sizes[row["ticker"]] > MAX_ROWS_OF_A_TICKER:
                raise UnexpectedResponse(f"The API sent over {MAX_ROWS_OF_A_TICKER:,} {self.name} of {row['ticker']}.")
            yield row

    def _lists(self) -> Iterator[Iterable[Row]]:
        """The rows in the order of their tickers, in one list or in several that have no ticker in common."""
        tickers = self._settings.tickers
        return self._api.by_filter(tickers, self._sorted) if tickers else iter([self._listed({})])

    def _sorted(self, of_tickers: dict[str, str]) -> list[Row]:
        wanted = set(self._settings.tickers)
        # any_of promises no order.
        return sorted((r for r in self._listed(of_tickers) if r["ticker"] in wanted), key=itemgetter("ticker"))

    def _listed(self, of_tickers: dict[str, str]) -> Iterator[Row]:
        days = {f"{self.cursor_field}.gte": self._settings.start_date}
        if self._settings.end_date:
            days[f"{self.cursor_field}.lte"] = self._settings.end_date
        query = {**of_tickers, **days, "sort": f"ticker.asc,{self.cursor_field}.asc", "limit": 5000}
        return self._bounded(self._api.rows(self.path, query, self.row))

    def row(self, item: Mapping[str, Any]) -> Row:
        if not item.get("id"):
            item = {**item, "id": "-".join(_spelt(item.get(field)) for field in self.natural_key)}
        return super().row(item)

    def group(self, stream_slice: Announced) -> None:
        return None  # each ticker has its own entry in the state

    def fetch(self, stream_slice: Announced, page_token: str | None) -> tuple[Row, ...]:
        return stream_slice.rows  # `slices` has them already: only the whole list shows what has changed

    def parse(self, stream_slice: Announced, response: tuple[Row, ...]) -> Page:  # type: ignore[override]
        return Page(response)

    def checkpoint(self, state: State, stream_slice: Announced, written: Written) -> None:
        state["fingerprints"][stream_slice.ticker] = stream_slice.fingerprint
        field, today = self.cursor_field, self._settings.today.isoformat()
        over = [row[field] for row in stream_slice.rows if is_day(row[field]) and row[field] <= today]
        if over:
            state[field] = max([*over, state.get(field, "")])


def _spelt(value: Any) -> str:
    """The same number always in the same way: 1 and 1.0 are one."""
    with suppress(OverflowError):  # `row` refuses so large a number
        return repr(float(value)) if isinstance(value, int | float) else str(value)
    return ""


class Dividends(AnnouncedStream):
    """Cash dividends, announced ones too. Pattern: see AnnouncedStream."""

    name = "dividends"
    path = "/stocks/v1/dividends"
    primary_key = ("id",)
    cursor_field = "ex_dividend_date"
    natural_key = ("ticker", "ex_dividend_date", "distribution_type", "cash_amount")


class Splits(AnnouncedStream):
    """Stock splits, announced ones too. Pattern: the same again; this is what a second stream of a shape costs."""

    name = "splits"
    path = "/stocks/v1/splits"
    primary_key = ("id",)
    cursor_field = "execution_date"
    natural_key = ("ticker", "execution_date", "split_from", "split_to")
