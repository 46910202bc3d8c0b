"""Reads dividends and splits: rows about future days, which arrive late, are corrected and withdrawn."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ..api import StockApi, chunks
from ..runtime.cursors import rfc3339, unexpected_state
from ..runtime.errors import UnexpectedResponse
from ..runtime.forecast import Forecast
from ..runtime.stream import Page, State, Written
from ..settings import Settings
from ..trading_days import A_YEAR
from .table import TableStream

MAX_ROWS_OF_A_TICKER = 20_000
A_MOMENT = timedelta(milliseconds=1)
Row = dict[str, Any]


class Announced(NamedTuple):
    """All announcements for one ticker, and their fingerprint."""

    ticker: str
    rows: tuple[Row, ...]
    fingerprint: str

    def __str__(self) -> str:
        return self.ticker


class AnnouncedStream(TableStream[Announced]):
    """Pattern: send changed rows again, so the correction wins.

    The API has no field that grows with each change. A cursor "newest day seen" would jump to the last announced day
    and then miss later announcements of earlier days. So every sync requests all rows (few requests: 5,000 rows each)
    and sends the rows of each ticker whose rows differ. We define the cursor ourselves: `read_at`, the time when this
    version of a row was read. Destinations keep the version with the largest cursor, even if its day has moved back.

        state = {"read_at": "2024-03-15T14:05:00.000000Z", "fingerprints": {"AAPL": "5d41402abc4b2a76"}}

    A withdrawn row stays in the destination until a refresh: no message can delete it.
    """

    primary_key = ("id",)
    cursor_field = "read_at"
    day_field: str  # the day of the announced event
    natural_key: tuple[str, ...]  # makes an id for rows without one

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        super().__init__(api, settings, logger)
        self._now = datetime.now(timezone.utc)
        self._read_at = rfc3339(self._now, "microseconds")  # the same for all rows of a sync

    def resume(self, saved: State) -> State:
        fingerprints, wanted = saved.get("fingerprints", {}), set(self._settings.tickers)
        try:
            kept = {ticker: str(mark) for ticker, mark in fingerprints.items() if not wanted or ticker in wanted}
            if "read_at" not in saved:
                if kept:
                    self._logger.info("%s: the state is from an older version, so all rows are sent again.", self.name)
                return {"fingerprints": {}}
            last_read_at = _moment(saved["read_at"])
            if not self._is_far_ahead(saved):  # otherwise a later moment may not exist
                self._read_at = max(self._read_at, rfc3339(last_read_at + A_MOMENT, "microseconds"))
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise unexpected_state(self.name, error) from None
        return {"read_at": saved["read_at"], "fingerprints": kept}

    def forecast(self, state: State) -> Forecast:
        return Forecast(0 if self._is_far_ahead(state) else max(1, len(list(chunks(self._settings.tickers)))))

    def slices(self, state: State) -> Iterator[Announced]:
        if self._is_far_ahead(state):
            # Airbyte's test suites pass such a state and expect no rows. (A clock that was slightly ahead is harmless.)
            text = "%s: the state says that everything up to %s has been read; clear it."
            self._logger.warning(text, self.name, state["read_at"])
            return
        for announced in self._by_ticker():
            saved = state["fingerprints"].get(announced.ticker)
            # A full refresh that resumes leaves newer changes to the next sync, or rows would come twice.
            if saved is None or (saved != announced.fingerprint and not self.full_refresh):
                yield announced

    def _is_far_ahead(self, state: State) -> bool:
        return str(state.get("read_at", "")) > rfc3339(self._now + A_YEAR)

    def _by_ticker(self) -> Iterator[Announced]:
        """Every ticker once, with all its rows. Raises UnexpectedResponse if its rows are not adjacent."""
        finished: set[str] = set()
        for sorted_rows in self._sorted_lists():
            for ticker, listed in groupby(sorted_rows, key=itemgetter("ticker")):
                if ticker in finished:
                    raise UnexpectedResponse(f"The API sent {self.name} that are not sorted by ticker.")
                finished.add(ticker)
                by_id = {row["id"]: row for row in listed}
                rows = tuple(sorted(by_id.values(), key=lambda row: (row[self.day_field], row["id"])))
                yield Announced(ticker, rows, _fingerprint(rows))

    def _bounded(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows. Raises UnexpectedResponse for a ticker with too many: all its rows are in memory at once."""
        sizes: Counter[str] = Counter()
        for row in rows:
            sizes[row["ticker"]] += 1
            if sizes[row["ticker"]] > MAX_ROWS_OF_A_TICKER:
                text = f"The API sent more than {MAX_ROWS_OF_A_TICKER:,} {self.name} for {row['ticker']}."
                raise UnexpectedResponse(text)
            yield row

    def _sorted_lists(self) -> Iterator[Iterable[Row]]:
        """The rows sorted by ticker, in one list or in several lists without common tickers."""
        tickers = self._settings.tickers
        return self._api.by_filter(tickers, self._sorted_list) if tickers else iter([self._listed({})])

    def _sorted_list(self, of_tickers: dict[str, str]) -> list[Row]:
        wanted = set(self._settings.tickers)
        # any_of does not promise an order.
        return sorted((r for r in self._listed(of_tickers) if r["ticker"] in wanted), key=itemgetter("ticker"))

    def _listed(self, of_tickers: dict[str, str]) -> Iterator[Row]:
        days = {f"{self.day_field}.gte": self._settings.start_date}
        if self._settings.end_date:
            days[f"{self.day_field}.lte"] = self._settings.end_date
        query = {**of_tickers, **days, "sort": f"ticker.asc,{self.day_field}.asc", "limit": 5000}
        return self._bounded(self._api.rows(self.path, query, self.row))

    def row(self, item: Mapping[str, Any]) -> Row:
        if not item.get("id"):
            item = {**item, "id": "-".join(_spelled(item.get(field)) for field in self.natural_key)}
        return super().row({**item, "read_at": self._read_at})

    def group(self, stream_slice: Announced) -> None:
        return None  # each ticker has its own entry in the state

    def fetch(self, stream_slice: Announced, page_token: str | None) -> tuple[Row, ...]:
        return stream_slice.rows  # `slices` has them already: only the complete list shows what has changed

    def parse(self, stream_slice: Announced, response: tuple[Row, ...]) -> Page:  # type: ignore[override]
        return Page(response)

    def checkpoint(self, state: State, stream_slice: Announced, written: Written) -> None:
        state["fingerprints"][stream_slice.ticker] = stream_slice.fingerprint
        state["read_at"] = self._read_at


def _fingerprint(rows: Iterable[Row]) -> str:
    """The same for equal rows, no matter when they were read."""
    compared = [{**row, "read_at": None} for row in rows]
    return hashlib.blake2b(repr(compared).encode(), digest_size=8).hexdigest()


def _moment(text: str) -> datetime:
    """A saved `read_at`, which test suites write as a day too. Raises AttributeError, TypeError or ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc)


def _spelled(value: Any) -> str:
    """A value with one spelling per number: 1 and 1.0 are equal."""
    with suppress(OverflowError):  # `row` rejects such a large number
        return repr(float(value)) if isinstance(value, int | float) else str(value)
    return ""


class Dividends(AnnouncedStream):
    """Cash dividends, including announced ones. Pattern: see AnnouncedStream."""

    name = "dividends"
    path = "/stocks/v1/dividends"
    day_field = "ex_dividend_date"
    natural_key = ("ticker", "ex_dividend_date", "distribution_type", "cash_amount")


class Splits(AnnouncedStream):
    """Stock splits, including announced ones. Pattern: the same; this is all that a second stream of a kind needs."""

    name = "splits"
    path = "/stocks/v1/splits"
    day_field = "execution_date"
    natural_key = ("ticker", "execution_date", "split_from", "split_to")
