"""Dividends and splits: rows about days to come, which arrive late, are corrected and withdrawn."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from ..api import StockApi, cut
from ..runtime.errors import UnexpectedResponse
from ..runtime.forecast import Forecast
from ..runtime.stream import Page, State, Written
from ..settings import Settings
from ..trading_days import A_YEAR
from .table import TableStream, not_ours

MAX_ROWS_OF_A_TICKER = 20_000
A_MOMENT = timedelta(milliseconds=1)
Row = dict[str, Any]


class Announced(NamedTuple):
    """All announcements of one ticker, and their fingerprint."""

    ticker: str
    rows: tuple[Row, ...]
    fingerprint: str

    def __str__(self) -> str:
        return self.ticker


class AnnouncedStream(TableStream[Announced]):
    """Pattern: send again what has changed, so that the correction wins.

    The API has no field that grows with each change. A cursor "newest day seen" would jump to the last day announced,
    and then miss whatever is announced before it. So every sync asks for all rows (few requests: 5,000 rows each) and
    sends those of each ticker whose rows differ. The cursor is ours: `read_at`, when this version of a row was read.
    Of the versions of a row destinations keep the one with the largest cursor, even if its day has moved to an earlier
    one.

        state = {"read_at": "2024-03-15T14:05:00.000000Z", "fingerprints": {"AAPL": "5d41402abc4b2a76"}}

    A row that was withdrawn stays in the destination until a refresh: no message can delete it.
    """

    primary_key = ("id",)
    cursor_field = "read_at"
    day_field: str  # the day that an announcement is about
    natural_key: tuple[str, ...]  # makes an id for the rows that have none

    def __init__(self, api: StockApi, settings: Settings, logger: logging.Logger) -> None:
        super().__init__(api, settings, logger)
        self._now = datetime.now(timezone.utc)
        self._read_at = _rfc3339(self._now)  # the same for all rows of a sync

    def resume(self, saved: State) -> State:
        fingerprints, wanted = saved.get("fingerprints", {}), set(self._settings.tickers)
        try:
            kept = {ticker: str(mark) for ticker, mark in fingerprints.items() if not wanted or ticker in wanted}
            if "read_at" not in saved:
                if kept:
                    self._logger.info("%s: the state is of an older version, so all rows are sent again.", self.name)
                return {"fingerprints": {}}
            after_that = _moment(saved["read_at"])
            if not self._is_far_ahead(saved):  # beyond that there may be no later moment
                self._read_at = max(self._read_at, _rfc3339(after_that + A_MOMENT))
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise not_ours(self.name, error) from None
        return {"read_at": saved["read_at"], "fingerprints": kept}

    def forecast(self, state: State) -> Forecast:
        return Forecast(0 if self._is_far_ahead(state) else max(1, len(list(cut(self._settings.tickers)))))

    def slices(self, state: State) -> Iterator[Announced]:
        if self._is_far_ahead(state):
            # Airbyte's suites pass such a state and expect no rows. (A clock that was ahead by less does no harm.)
            text = "%s: the state says that all is read up to %s; clear it."
            self._logger.warning(text, self.name, state["read_at"])
            return
        for ticker, announced in self._by_ticker():
            rows = {row["id"]: row for row in announced}.values()
            own = tuple(sorted(rows, key=lambda row: (row[self.day_field], row["id"])))
            before, mark = state["fingerprints"].get(ticker), _fingerprint(own)
            # A full refresh that goes on leaves what has changed meanwhile to the next sync, or rows would come twice.
            if before is None or (before != mark and not self.full_refresh):
                yield Announced(ticker, own, mark)

    def _is_far_ahead(self, state: State) -> bool:
        return str(state.get("read_at", "")) > _rfc3339(self._now + A_YEAR)

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
        days = {f"{self.day_field}.gte": self._settings.start_date}
        if self._settings.end_date:
            days[f"{self.day_field}.lte"] = self._settings.end_date
        query = {**of_tickers, **days, "sort": f"ticker.asc,{self.day_field}.asc", "limit": 5000}
        return self._bounded(self._api.rows(self.path, query, self.row))

    def row(self, item: Mapping[str, Any]) -> Row:
        if not item.get("id"):
            item = {**item, "id": "-".join(_spelt(item.get(field)) for field in self.natural_key)}
        return super().row({**item, "read_at": self._read_at})

    def group(self, stream_slice: Announced) -> None:
        return None  # each ticker has its own entry in the state

    def fetch(self, stream_slice: Announced, page_token: str | None) -> tuple[Row, ...]:
        return stream_slice.rows  # `slices` has them already: only the whole list shows what has changed

    def parse(self, stream_slice: Announced, response: tuple[Row, ...]) -> Page:  # type: ignore[override]
        return Page(response)

    def checkpoint(self, state: State, stream_slice: Announced, written: Written) -> None:
        state["fingerprints"][stream_slice.ticker] = stream_slice.fingerprint
        state["read_at"] = self._read_at


def _fingerprint(rows: Iterable[Row]) -> str:
    """The same for the same rows, whenever they were read."""
    told_apart_by = [{**row, "read_at": None} for row in rows]
    return hashlib.blake2b(repr(told_apart_by).encode(), digest_size=8).hexdigest()


def _moment(text: str) -> datetime:
    """The moment of a saved `read_at`. Raises AttributeError, TypeError or ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc)


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _spelt(value: Any) -> str:
    """The same number always in the same way: 1 and 1.0 are one."""
    with suppress(OverflowError):  # `row` refuses so large a number
        return repr(float(value)) if isinstance(value, int | float) else str(value)
    return ""


class Dividends(AnnouncedStream):
    """Cash dividends, announced ones too. Pattern: see AnnouncedStream."""

    name = "dividends"
    path = "/stocks/v1/dividends"
    day_field = "ex_dividend_date"
    natural_key = ("ticker", "ex_dividend_date", "distribution_type", "cash_amount")


class Splits(AnnouncedStream):
    """Stock splits, announced ones too. Pattern: the same again; this is what a second stream of a shape costs."""

    name = "splits"
    path = "/stocks/v1/splits"
    day_field = "execution_date"
    natural_key = ("ticker", "execution_date", "split_from", "split_to")
